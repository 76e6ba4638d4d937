import { type ApplyResult, type ControlPlane, isAsked, type LogQuery } from '../control-plane.ts';
import { OutriggerError } from '../core/errors.ts';
import { type ServiceSpecInput, serviceKey, splitKey } from '../core/spec.ts';
import type { WatchingClient } from '../registry/callers.ts';
import type { Snapshot } from '../registry/hub.ts';
import type { EventView, LogLineView, NodeView, ServiceView, StatusView, WhyView } from '../views/views.ts';
import type { ApiLog } from './api-log.ts';
import type { Caller } from './auth.ts';
import { kept } from './kept.ts';
import type { Requests } from './requests.ts';
import type { SnapshotView } from './schemas.ts';

/** What both protocols offer, with requests that are parsed already. Everything here rejects with OutriggerError. */
export class Operations {
  readonly #controlPlane: ControlPlane;
  readonly #log: ApiLog;

  constructor(controlPlane: ControlPlane, log: ApiLog) {
    this.#controlPlane = controlPlane;
    this.#log = log;
  }

  status(): StatusView {
    return this.#controlPlane.status();
  }

  nodes(): readonly NodeView[] {
    return this.#controlPlane.nodes();
  }

  async apply(request: Requests['apply'], caller: Caller): Promise<readonly ApplyResult[]> {
    const specs = request.specs as unknown as ServiceSpecInput[];
    const results = await this.#controlPlane.apply({ ...request, specs });
    if (!request.dryRun) {
      const services = results.map(r => `${serviceKey(r.service)} ${r.outcome}`);
      this.#log.info({ caller: caller.identity, services }, 'services applied');
    }
    return results;
  }

  async remove(request: Requests['remove'], caller: Caller) {
    const removed = await this.#controlPlane.remove(request);
    this.#log.info({ caller: caller.identity, services: removed.map(serviceKey) }, 'services removed');
    return removed;
  }

  async scale({ namespace, name, replicas }: Requests['scale'], caller: Caller): Promise<ServiceView> {
    const view = await this.#controlPlane.scale({ namespace, name }, replicas);
    this.#log.info({ caller: caller.identity, service: serviceKey(view), replicas }, 'service scaled');
    return view;
  }

  async restart({ namespace, name, replicaId }: Requests['restart'], caller: Caller): Promise<ServiceView> {
    const view = await this.#controlPlane.restart({ namespace, name }, replicaId === undefined ? {} : { replicaId });
    this.#log.info({ caller: caller.identity, service: serviceKey(view), replicaId }, 'service restarted');
    return view;
  }

  async drainNode({ name }: Requests['node'], caller: Caller): Promise<NodeView> {
    const view = await this.#controlPlane.drainNode(name);
    this.#log.info({ caller: caller.identity, node: name }, 'node drained');
    return view;
  }

  async undrainNode({ name, device }: Requests['undrain'], caller: Caller): Promise<NodeView> {
    const view = await this.#controlPlane.undrainNode(name, device === undefined ? {} : { device });
    this.#log.info({ caller: caller.identity, node: name, device }, 'node undrained');
    return view;
  }

  /** The same array for the same state and namespace, so that what is made of it can be kept and shared by watchers. */
  services({ namespace }: Requests['listServices']): readonly ServiceView[] {
    const all = this.#controlPlane.services();
    if (namespace === undefined) return all;
    const byNamespace = kept(filtered, all, () => new Map<string, readonly ServiceView[]>());
    return kept(byNamespace, namespace, () => all.filter(s => s.namespace === namespace));
  }

  serviceList(request: Requests['listServices']): ServiceList {
    const services = this.services(request);
    return kept(lists, services, () => ({ services }));
  }

  service({ namespace, name }: Requests['service']): ServiceView {
    const view = this.#controlPlane.services().find(s => s.name === name && s.namespace === namespace);
    if (!view) throw noSuchService({ namespace, name });
    return view;
  }

  why(ref: Requests['service']): WhyView {
    this.service(ref);
    return this.#controlPlane.why(ref);
  }

  snapshot(ref: Requests['service']): SnapshotView {
    const snapshot = this.#controlPlane.hub.snapshot(serviceKey(ref));
    if (!snapshot.known) throw noSuchService(ref);
    return snapshotView(snapshot);
  }

  /** The past events of a query: those after a sequence, or the newest `past`. */
  async pastEvents({ namespace, name, node, past, after }: EventsToFollow): Promise<readonly EventView[]> {
    const limit = past ?? (after === undefined ? 100 : MAX_PAST_EVENTS);
    if (limit === 0) return [];
    return this.#controlPlane.pastEvents({
      limit,
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(node === undefined ? {} : { node }),
      ...(after === undefined ? {} : { afterSequence: after }),
    });
  }

  logs(request: Requests['logs'], signal: AbortSignal): AsyncIterable<LogLineView> {
    for (const name of request.names) this.service({ namespace: request.namespace, name });
    const query: LogQuery = {
      namespace: request.namespace,
      names: request.names,
      follow: request.follow,
      ...(request.replica === undefined ? {} : { replicaId: request.replica }),
      ...(request.tail === undefined ? {} : { tail: request.tail }),
      ...(request.since === undefined ? {} : { sinceMs: request.since }),
    };
    return this.#controlPlane.logs(query, signal);
  }

  /** Calls back at once and after each change of what is asked for, with its newest state. The listener must not block. */
  watchServices(request: Requests['listServices'], listener: (list: ServiceList) => void): () => void {
    let last: ServiceList | undefined;
    const show = () => {
      const list = this.serviceList(request);
      if (last !== undefined && areSame(list.services, last.services)) return;
      last = list;
      listener(list);
    };
    const stop = this.#controlPlane.onChange(show);
    show();
    return stop;
  }

  /** What a client says it uses is believed of replicas that the service has: whatever else it names costs nothing. */
  watchEndpoints(
    ref: Requests['service'],
    listener: (snapshot: SnapshotView) => void,
    client: WatchingClient | null = null,
  ) {
    const known = client && { ...client, inUse: this.#ownReplicas(ref, client.inUse) };
    return this.#controlPlane.hub.watch(serviceKey(ref), snapshot => listener(snapshotView(snapshot)), known);
  }

  #ownReplicas({ namespace, name }: Requests['service'], named: readonly string[]): readonly string[] {
    if (named.length === 0) return named;
    const ids = new Set(named);
    const view = this.#controlPlane.services().find(s => s.name === name && s.namespace === namespace);
    return view?.replicas.map(r => r.id).filter(id => ids.has(id)) ?? [];
  }

  /**
   * The past events of the query, then each new one, without gap or repetition. Resolves once the past was given, with
   * the way to stop.
   */
  async followEvents(request: EventsToFollow, listener: (event: EventView) => void): Promise<() => void> {
    let meanwhile: EventView[] | null = [];
    let last = request.after ?? 0;
    const give = (event: EventView) => {
      if (event.sequence <= last) return;
      last = event.sequence;
      listener(event);
    };
    const stop = this.#controlPlane.onEvent(event => {
      if (!isAsked(event, request)) return;
      if (!meanwhile) give(event);
      else if (meanwhile.length < MAX_PAST_EVENTS) meanwhile.push(event);
    });
    try {
      for (const event of await this.pastEvents(request)) give(event);
      for (const event of meanwhile) give(event);
      meanwhile = null;
      return stop;
    } catch (error) {
      stop();
      throw error;
    }
  }
}

export interface ServiceList {
  readonly services: readonly ServiceView[];
}

type EventsToFollow = { [K in keyof Requests['events']]: Requests['events'][K] | undefined };

export const MAX_PAST_EVENTS = 10_000;

/** Of another namespace something may have changed, which makes a new list of the same services here. */
function areSame(some: readonly ServiceView[], others: readonly ServiceView[]): boolean {
  return some === others || (some.length === others.length && some.every((service, i) => service === others[i]));
}

const filtered = new WeakMap<readonly ServiceView[], Map<string, readonly ServiceView[]>>();
const lists = new WeakMap<readonly ServiceView[], ServiceList>();
const snapshots = new WeakMap<Snapshot, SnapshotView>();

/** One object for each snapshot, so that its serialized form can be shared by all who watch. */
function snapshotView(snapshot: Snapshot): SnapshotView {
  return kept(snapshots, snapshot, () => {
    const [namespace, service] = splitKey(snapshot.service);
    const { version, epoch, known } = snapshot;
    const endpoints = snapshot.endpoints.map(e => ({
      replicaId: e.replicaId,
      containerId: e.containerId,
      generation: e.generation,
      node: e.node,
      protocol: e.protocol,
      addresses: [...e.addresses],
    }));
    return { namespace, service, version, epoch, known, endpoints };
  });
}

function noSuchService(ref: { namespace: string; name: string }): OutriggerError {
  return new OutriggerError('not_found', `there is no service ${serviceKey(ref)}`, {
    next: 'List what there is: `outrigger ps --all-projects`, or GET /v1/services.',
  });
}
