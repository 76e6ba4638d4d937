import type { ApplyRequest, ApplyResult, ControlPlane, EventQuery, LogQuery, ServiceRef } from '../control-plane.ts';
import { OutriggerError } from '../core/errors.ts';
import type { NodePolicy } from '../core/node.ts';
import type { Observed } from '../core/observed.ts';
import { type ServiceKey, type ServiceSpec, serviceKey } from '../core/spec.ts';
import { replicaLogs } from '../logs/replica-logs.ts';
import type { Members } from '../nodes/members.ts';
import type { Clock, Registry, Store } from '../ports.ts';
import type { DiscoveryHub } from '../registry/hub.ts';
import { StateViews } from '../views/state-views.ts';
import type { EventView, LogLineView, NodeView, ServiceView, StatusView, WhyView } from '../views/views.ts';
import { whyService } from '../views/why.ts';
import { type AdmittedSpec, applySpecs, removeServices, restartService, type Step, scaleService } from './commands.ts';
import type { DesiredState } from './desired-state.ts';
import type { EventFeed } from './event-feed.ts';
import { drainNode, type NodeRequest, releaseDevice, undrainNode } from './node-commands.ts';
import { parseSpecs } from './parse-specs.ts';

/** What may be asked of the loop from outside: to read what it knows, and to take a step up. */
export interface LoopAccess {
  /** As it is stored. */
  readonly state: DesiredState;
  readonly observed: Observed;
  readonly nodePolicy: NodePolicy;
  /** What the last pass failed for; null: it did not. */
  readonly trouble: string | null;
  readonly nodes: Pick<Members, 'engines' | 'imageId' | 'subnetTroubles' | 'newestContainers' | 'removeVolumes'>;
  readonly events: Pick<EventFeed, 'on' | 'past'>;
  /** Fires when the loop ends. */
  readonly ended: AbortSignal;
  /** No pass of the loop can be made with it. */
  isLeftAlone(service: ServiceKey): boolean;
  /** A service with what the loop knows of it besides. */
  shown(view: ServiceView): ServiceView;
  /** Resolves once the step was decided and stored. Rejects with what it was refused for. */
  submit<Result>(decide: (state: DesiredState) => Step<Result>): Promise<Result>;
  /** Called after whatever may have changed what is read here. */
  onChange(listener: () => void): void;
}

export interface ServedControlPlaneOptions {
  readonly loop: LoopAccess;
  readonly registry: Registry;
  readonly hub: DiscoveryHub;
  readonly store: Pick<Store, 'instance'>;
  readonly clock: Clock;
  /** Rejects with `denied` what the operator's policy does not allow; resolves to warnings. */
  readonly admit: (spec: ServiceSpec) => Promise<readonly string[]>;
  /** What `status()` cannot know by itself. */
  readonly identity: () => Omit<StatusView, 'instance' | 'startedAtMs' | 'registry' | 'services'>;
}

/** What the API speaks to: shows what the loop knows, and hands it what people and programs want. Decides nothing itself. */
export class ServedControlPlane implements ControlPlane {
  readonly hub: DiscoveryHub;
  readonly #options: ServedControlPlaneOptions;
  readonly #loop: LoopAccess;
  readonly #views: StateViews;
  readonly #startedAt: number;

  constructor(options: ServedControlPlaneOptions) {
    const { loop, hub, clock } = options;
    this.hub = hub;
    this.#options = options;
    this.#loop = loop;
    this.#startedAt = clock.now();
    this.#views = new StateViews(() => ({
      shown: view => loop.shown(view),
      state: loop.state,
      observed: loop.observed,
      policy: loop.nodePolicy,
      ...this.#judged(),
    }));
    loop.onChange(() => this.#views.changed());
  }

  status(): StatusView {
    const { registry, store } = this.#options;
    const status = registry.status();
    return {
      ...this.#options.identity(),
      instance: store.instance,
      startedAtMs: this.#startedAt,
      registry: {
        kind: registry.kind,
        healthy: status.healthy,
        ...(status.message === undefined ? {} : { message: status.message }),
      },
      services: this.#loop.state.services.size,
      ...(this.#loop.trouble !== null && { trouble: this.#loop.trouble }),
    };
  }

  async apply(request: ApplyRequest): Promise<readonly ApplyResult[]> {
    const specs = parseSpecs(request.specs);
    const { nodes, ended } = this.#loop;
    const admitted = tellOnce(
      await Promise.all(
        specs.map(async (spec): Promise<AdmittedSpec> => {
          const warnings = await this.#options.admit(spec);
          // At once: an engine that hangs is waited for by each of them.
          const [imageId, troubles] = await Promise.all([
            nodes.imageId(spec.image, ended),
            nodes.subnetTroubles(spec, ended),
          ]);
          return { spec, imageId, warnings: [...warnings, ...troubles] };
        }),
      ),
    );
    if (request.dryRun) return applySpecs(this.#loop.state, admitted, request, this.#options.clock.now()).result;
    return this.#loop.submit(state => applySpecs(state, admitted, request, this.#options.clock.now()));
  }

  async remove(request: Parameters<ControlPlane['remove']>[0]): Promise<ServiceRef[]> {
    const removed = await this.#loop.submit(state => removeServices(state, request, this.#options.clock.now()));
    if (removed.length === 0 && request.volumes) {
      await this.#loop.nodes.removeVolumes(request.namespace, this.#loop.ended);
    }
    return removed;
  }

  async scale(ref: ServiceRef, replicas: number): Promise<ServiceView> {
    await this.#loop.submit(state => scaleService(state, ref, replicas, this.#options.clock.now()));
    return this.#view(ref);
  }

  async restart(ref: ServiceRef, options: { replicaId?: string }): Promise<ServiceView> {
    await this.#loop.submit(state => restartService(state, ref, options.replicaId, this.#options.clock.now()));
    return this.#view(ref);
  }

  async drainNode(name: string): Promise<NodeView> {
    await this.#loop.submit(state => drainNode(this.#nodeRequest(state, name)));
    return this.#nodeView(name);
  }

  async undrainNode(name: string, { device }: { device?: string }): Promise<NodeView> {
    await this.#loop.submit(state => {
      const request = this.#nodeRequest(state, name);
      return device === undefined ? undrainNode(request) : releaseDevice({ ...request, device });
    });
    return this.#nodeView(name);
  }

  services(): readonly ServiceView[] {
    return this.#views.services();
  }

  nodes(): readonly NodeView[] {
    return this.#views.nodes();
  }

  why(ref: ServiceRef): WhyView {
    const { state, observed, nodePolicy } = this.#loop;
    const moment = { ...this.#judged(), quarantineMs: nodePolicy.quarantineMs };
    return whyService(this.#view(ref), { state, observed, moment });
  }

  onChange(listener: () => void): () => void {
    return this.#views.onChange(listener);
  }

  pastEvents(query: EventQuery & { limit: number }): Promise<readonly EventView[]> {
    return this.#loop.events.past(query);
  }

  onEvent(listener: (event: EventView) => void): () => void {
    return this.#loop.events.on(listener);
  }

  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLineView> {
    const { clock } = this.#options;
    return replicaLogs({
      query,
      controlPlane: this,
      engines: this.#loop.nodes.engines,
      containers: () => this.#loop.nodes.newestContainers(),
      clock,
      signal,
    });
  }

  #judged() {
    return {
      now: this.#options.clock.now(),
      isLeftAlone: (service: ServiceKey) => this.#loop.isLeftAlone(service),
    };
  }

  #view(ref: ServiceRef): ServiceView {
    const view = this.services().find(s => s.namespace === ref.namespace && s.name === ref.name);
    if (!view) throw new OutriggerError('not_found', `${serviceKey(ref)} was removed meanwhile`);
    return view;
  }

  #nodeRequest(state: DesiredState, name: string): NodeRequest {
    return { state, nodes: this.#loop.observed.nodes, name, now: this.#options.clock.now() };
  }

  #nodeView(name: string): NodeView {
    const view = this.nodes().find(n => n.name === name);
    if (!view) throw new OutriggerError('not_found', `node ${name} left meanwhile`);
    return view;
  }
}

/** Of services that share a network the first one has the warnings of it. */
function tellOnce(admitted: readonly AdmittedSpec[]): readonly AdmittedSpec[] {
  const told = new Set<string>();
  return admitted.map(each => {
    const warnings = each.warnings.filter(w => !told.has(w));
    for (const warning of warnings) told.add(warning);
    return { ...each, warnings };
  });
}
