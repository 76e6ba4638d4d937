import type { ServiceSpecInput } from './core/spec.ts';
import type { DiscoveryHub } from './registry/hub.ts';
import type { EventView, LogLineView, NodeView, ServiceView, StatusView, WhyView } from './views/views.ts';

/**
 * What the servers in api/ ask of the control plane; controller/served-control-plane.ts answers it. Commands resolve once
 * they are durable, not once they have come true; `services()` and `onChange` show them come true. All reject with
 * OutriggerError.
 */
export interface ControlPlane {
  readonly hub: DiscoveryHub;
  status(): StatusView;

  /** Validates, admits and stores the services: all or none. Specs are `unknown` at heart; the schema decides. */
  apply(request: ApplyRequest): Promise<readonly ApplyResult[]>;
  /** `not_found` where a named service does not exist; without names, an empty namespace is an empty result. */
  remove(request: RemoveRequest): Promise<readonly ServiceRef[]>;
  scale(ref: ServiceRef, replicas: number): Promise<ServiceView>;
  restart(ref: ServiceRef, options: { replicaId?: string }): Promise<ServiceView>;

  /** The node takes no more replicas and gives its own away. `not_found` where there is none; drained already is no error. */
  drainNode(name: string): Promise<NodeView>;
  /** The node takes replicas again; with a device, called by id, index or UUID, only that is trusted again. */
  undrainNode(name: string, options: { device?: string }): Promise<NodeView>;

  /** The newest state; synchronous and cheap: the same frozen array until something changes. */
  services(): readonly ServiceView[];
  nodes(): readonly NodeView[];
  /** Where the replicas of a service are, and what the others wait for. `not_found` where there is no such service. */
  why(ref: ServiceRef): WhyView;
  /** Called after each change of services() or nodes(), at most once per pass of the loop. Returns the way to stop. */
  onChange(listener: () => void): () => void;

  /** Newest last. */
  pastEvents(query: EventQuery & { limit: number }): Promise<readonly EventView[]>;
  onEvent(listener: (event: EventView) => void): () => void;
  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLineView>;
}

export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
}

export interface ApplyRequest {
  readonly specs: readonly ServiceSpecInput[];
  readonly origin: string;
  readonly dryRun: boolean;
  /** Chosen by the caller, who can then ask again after a lost answer, and take back what is still this request's. */
  readonly requestId?: string | undefined;
}

export interface RemoveRequest {
  readonly namespace: string;
  readonly names: readonly string[];
  readonly volumes: boolean;
  /** What a container gets to end by itself, instead of what its spec says. */
  readonly graceMs?: number | undefined;
  /** Only services that the apply request of this id named last; the others stay, and are not in the answer. */
  readonly askedBy?: string | undefined;
}

export interface ApplyResult {
  readonly service: ServiceRef;
  readonly outcome: 'created' | 'updated' | 'scaled' | 'unchanged';
  readonly generation: number;
  readonly warnings: readonly string[];
}

export interface EventQuery {
  readonly namespace?: string;
  readonly name?: string;
  /** Only events that are about this node. */
  readonly node?: string;
  readonly afterSequence?: number;
}

/** Whether an event is among those that a query names. */
export function isAsked(
  event: EventView,
  { namespace, name, node }: { [K in keyof EventQuery]: EventQuery[K] | undefined },
): boolean {
  return (
    (namespace === undefined || event.namespace === namespace) &&
    (name === undefined || event.service === name) &&
    (node === undefined || event.node === node)
  );
}

export interface LogQuery {
  readonly namespace: string;
  readonly names: readonly string[];
  readonly replicaId?: string;
  readonly tail?: number;
  readonly follow: boolean;
  readonly sinceMs?: number;
}
