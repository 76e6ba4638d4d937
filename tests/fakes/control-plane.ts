import type {
  ApplyRequest,
  ApplyResult,
  ControlPlane,
  EventQuery,
  LogQuery,
  RemoveRequest,
  ServiceRef,
} from '../../control-plane/control-plane.ts';
import type { Endpoint } from '../../control-plane/core/endpoint.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { type ServiceKey, type ServiceSpec, serviceKey, serviceSpec } from '../../control-plane/core/spec.ts';
import { canonicalJson } from '../../control-plane/core/template.ts';
import { DiscoveryHub } from '../../control-plane/registry/hub.ts';
import type {
  EventView,
  LogLineView,
  NodeView,
  ReplicaView,
  ServiceView,
  StatusView,
  WhyView,
} from '../../control-plane/views/views.ts';

interface Entry {
  readonly spec: ServiceSpec;
  readonly view: ServiceView;
}

/**
 * A control plane without an engine: it validates specs with the real schema, publishes to a real hub, and every wanted
 * replica is ready as soon as `settle` is called. Nothing in it waits, so tests see each state they ask for.
 */
export class FakeControlPlane implements ControlPlane {
  readonly hub = new DiscoveryHub('epoch-1');
  /** Thrown by the next command, once. */
  failure: unknown;
  readonly logLines: LogLineView[] = [];
  nodesProblem = '';
  /** Why the node is silent; null: it answers. */
  nodeError: string | null = null;
  /** Why the driver of its one node cannot be asked. */
  driverTrouble: string | null = null;
  trouble = '';
  registry: StatusView['registry'] = { kind: 'embedded', healthy: true };
  nodesFile: Pick<StatusView, 'nodesFile' | 'nodesFileFrom'> = {};
  /** Whether the one device of the one node is. */
  quarantined = false;
  #drainingSinceMs: number | null = null;
  readonly #entries = new Map<ServiceKey, Entry>();
  readonly #changes = new Set<() => void>();
  readonly #events: EventView[] = [];
  readonly #eventListeners = new Set<(event: EventView) => void>();
  readonly #logFollowers = new Set<() => void>();
  #services: readonly ServiceView[] = [];
  #replicaCount = 0;
  #nowMs = 1_800_000_000_000;

  status(): StatusView {
    return {
      version: '0.1.0',
      instance: 'fake',
      startedAtMs: this.#nowMs,
      pid: 1,
      registry: this.registry,
      listen: ['unix:///fake.sock'],
      services: this.#services.length,
      exitWhenIdle: false,
      ...this.nodesFile,
      ...(this.trouble === '' ? {} : { trouble: this.trouble }),
      ...(this.nodesProblem === '' ? {} : { nodesProblem: this.nodesProblem }),
    };
  }

  async apply({ specs, origin, dryRun, requestId = '' }: ApplyRequest): Promise<readonly ApplyResult[]> {
    this.#failOnce();
    const parsed = specs.map(spec => {
      const result = serviceSpec.safeParse(spec);
      if (result.success) return result.data;
      const issue = result.error.issues[0]!;
      throw new OutriggerError('invalid_argument', `${issue.path.join('.')}: ${issue.message}`, {
        next: 'Correct it.',
      });
    });
    const results = parsed.map((spec): ApplyResult => {
      const old = this.#entries.get(serviceKey(spec));
      const same = old !== undefined && canonicalJson(old.spec) === canonicalJson(spec);
      const outcome = old === undefined ? 'created' : same ? 'unchanged' : 'updated';
      const generation = same ? old.view.generation : (old?.view.generation ?? 0) + 1;
      return { service: { namespace: spec.namespace, name: spec.name }, outcome, generation, warnings: [] };
    });
    if (dryRun) return results;
    for (const [i, spec] of parsed.entries()) {
      const { generation, outcome } = results[i]!;
      const old = this.#entries.get(serviceKey(spec));
      if (old && outcome === 'unchanged') {
        this.#entries.set(serviceKey(spec), { spec, view: { ...old.view, askedBy: requestId } });
        continue;
      }
      const createdBy = old?.view.createdBy ?? requestId;
      const view = { ...this.#view(spec, generation, origin), createdBy, askedBy: requestId };
      this.#entries.set(serviceKey(spec), { spec, view });
      this.addEvent(spec, 'service.applied', `generation ${generation}`);
    }
    this.#changed();
    return results;
  }

  async remove({ namespace, names, askedBy }: RemoveRequest) {
    this.#failOnce();
    const all = this.#refs(namespace);
    const asked = all.filter(ref => this.#entries.get(serviceKey(ref))?.view.askedBy === askedBy);
    const chosen =
      askedBy === undefined ? names.map(name => ({ namespace, name })) : asked.filter(r => names.includes(r.name));
    const refs = names.length > 0 ? chosen : askedBy === undefined ? all : asked;
    for (const ref of refs) this.#entry(ref);
    for (const ref of refs) this.#entries.delete(serviceKey(ref));
    this.#changed();
    return refs;
  }

  async scale(ref: ServiceRef, replicas: number): Promise<ServiceView> {
    this.#failOnce();
    return this.#update(ref, { wantedReplicas: replicas });
  }

  async restart(ref: ServiceRef, { replicaId }: { replicaId?: string }): Promise<ServiceView> {
    this.#failOnce();
    const { view } = this.#entry(ref);
    if (replicaId !== undefined && !view.replicas.some(r => r.id === replicaId)) {
      throw new OutriggerError('not_found', `${serviceKey(ref)} has no replica ${replicaId}`);
    }
    const replicas = view.replicas.map(r => (replicaId === undefined || r.id === replicaId ? this.#replica(view) : r));
    return this.#update(ref, { replicas });
  }

  async drainNode(name: string): Promise<NodeView> {
    this.#failOnce();
    this.#requireNode(name);
    this.#drainingSinceMs = this.#nowMs++;
    this.#changed();
    return this.nodes()[0]!;
  }

  async undrainNode(name: string, { device }: { device?: string }): Promise<NodeView> {
    this.#failOnce();
    this.#requireNode(name);
    if (device === undefined) this.#drainingSinceMs = null;
    else if (device === 'GPU-0' || device === '0') this.quarantined = false;
    else throw new OutriggerError('not_found', `node ${name} has no device ${device}`);
    this.#changed();
    return this.nodes()[0]!;
  }

  #requireNode(name: string): void {
    if (name !== 'local')
      throw new OutriggerError('not_found', `there is no node ${name}`, { next: 'there are local' });
  }

  services(): readonly ServiceView[] {
    return this.#services;
  }

  nodes(): readonly NodeView[] {
    const replicas = this.#services.reduce((sum, s) => sum + s.replicas.filter(r => r.node !== undefined).length, 0);
    return [
      {
        name: 'local',
        connection: 'unix:///var/run/docker.sock',
        address: '127.0.0.1',
        reach: 'containers',
        state: this.#drainingSinceMs === null ? 'answering' : replicas === 0 ? 'drained' : 'draining',
        answering: true,
        ...(this.#drainingSinceMs === null ? {} : { drainingSinceMs: this.#drainingSinceMs }),
        cpus: 8,
        memoryBytes: 2 ** 34,
        reservedCpus: 0,
        reservedMemoryBytes: 0,
        heldCpus: 0.5,
        heldMemoryBytes: 0,
        devices: [
          {
            id: 'GPU-0',
            driver: 'nvidia',
            kind: 'nvidia.com/gpu',
            model: 'H100',
            memoryBytes: 85_899_345_920,
            state: this.quarantined ? 'quarantined' : 'free',
            holders: [],
            declaredBytes: 0,
            ...(this.quarantined ? { message: 'replica r1 lost sight of it' } : {}),
          },
        ],
        ...(this.nodeError === null ? {} : { state: 'silent', answering: false, error: this.nodeError }),
        ...(this.driverTrouble === null ? {} : { driverTrouble: this.driverTrouble }),
        replicas,
        labels: { zone: 'a' },
      },
    ];
  }

  why(ref: ServiceRef): WhyView {
    const { view } = this.#entry(ref);
    const waiting = view.replicas.filter(r => r.phase === 'pending');
    return {
      namespace: view.namespace,
      name: view.name,
      state: view.state,
      message: view.message,
      total: view.replicas.length,
      waiting: waiting.length,
      replicas: view.replicas.map(r => ({
        id: r.id,
        generation: r.generation,
        phase: r.phase,
        impaired: r.impaired,
        sinceMs: r.sinceMs,
        waiting: waiting.includes(r),
        ...(r.node === undefined ? {} : { node: r.node }),
        devices: r.devices,
        summary: waiting.includes(r) ? ['local: needs 96 GiB on one GPU, the largest has 80 GiB'] : [],
        groups: waiting.includes(r) ? [TOO_LARGE] : [],
        rejections: waiting.includes(r) ? [{ ...REJECTED, node: 'local' }] : [],
      })),
    };
  }

  onChange(listener: () => void): () => void {
    this.#changes.add(listener);
    return () => this.#changes.delete(listener);
  }

  get changeListeners(): number {
    return this.#changes.size;
  }

  async pastEvents({ namespace, name, node, afterSequence, limit }: EventQuery & { limit: number }) {
    this.#failOnce();
    return this.#events
      .filter(e => (namespace ?? e.namespace) === e.namespace)
      .filter(e => (name ?? e.service) === e.service)
      .filter(e => (node ?? e.node) === e.node)
      .filter(e => e.sequence > (afterSequence ?? 0))
      .slice(-limit);
  }

  onEvent(listener: (event: EventView) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  async *logs({ names, tail, follow }: LogQuery, signal: AbortSignal): AsyncIterable<LogLineView> {
    this.#failOnce();
    const wanted = () => this.logLines.filter(l => names.length === 0 || names.includes(l.service));
    let sent = tail === undefined ? 0 : Math.max(0, wanted().length - tail);
    while (!signal.aborted) {
      for (const line of wanted().slice(sent)) {
        sent++;
        yield line;
      }
      if (!follow) return;
      await new Promise<void>(resolve => {
        this.#logFollowers.add(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  // What tests do to it.

  /** Makes as many replicas ready as are wanted, and publishes their endpoints. */
  settle(ref: ServiceRef): ServiceView {
    const { view } = this.#entry(ref);
    const kept = view.replicas.slice(0, view.wantedReplicas);
    const added = Array.from({ length: view.wantedReplicas - kept.length }, () => this.#replica(view));
    return this.#update(ref, { replicas: [...kept, ...added], readyReplicas: view.wantedReplicas, state: 'ready' });
  }

  /** A replica more that is wanted and has no place. */
  wait(ref: ServiceRef): ServiceView {
    const { view } = this.#entry(ref);
    const { node, containerId, ...rest } = this.#replica(view);
    const pending = { ...rest, phase: 'pending' as const, devices: [], addresses: [], message: 'no room' };
    const wantedReplicas = view.wantedReplicas + 1;
    return this.#update(ref, { wantedReplicas, replicas: [...view.replicas, pending], state: 'degraded' });
  }

  addEvent(ref: ServiceRef, type: string, message: string): EventView {
    return this.#addEvent({ namespace: ref.namespace, service: ref.name, type, message });
  }

  addNodeEvent(node: string, type: string, message: string): EventView {
    return this.#addEvent({ node, type, message });
  }

  #addEvent(given: Omit<EventView, 'sequence' | 'atMs'>): EventView {
    const event = { sequence: this.#events.length + 1, atMs: this.#nowMs++, ...given };
    this.#events.push(event);
    for (const listener of this.#eventListeners) listener(event);
    return event;
  }

  addLogLine(line: LogLineView): void {
    this.logLines.push(line);
    for (const follower of this.#logFollowers) follower();
    this.#logFollowers.clear();
  }

  #failOnce(): void {
    const failure = this.failure;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #refs(namespace: string): ServiceRef[] {
    return this.#services.filter(s => s.namespace === namespace).map(({ name }) => ({ namespace, name }));
  }

  #entry(ref: ServiceRef): Entry {
    const entry = this.#entries.get(serviceKey(ref));
    if (!entry) throw new OutriggerError('not_found', `there is no service ${serviceKey(ref)}`, { next: 'List them.' });
    return entry;
  }

  #update(ref: ServiceRef, change: Partial<ServiceView>): ServiceView {
    const { spec, view } = this.#entry(ref);
    const changed = { ...view, ...change };
    this.#entries.set(serviceKey(ref), { spec, view: changed });
    this.#changed();
    return changed;
  }

  #changed(): void {
    this.#services = Object.freeze([...this.#entries.values()].map(e => e.view));
    const endpoints = this.#services.flatMap(s =>
      s.replicas.filter(r => r.phase === 'ready').map(r => endpointOf(s, r)),
    );
    this.hub.publish(new Set(this.#entries.keys()), endpoints);
    for (const listener of this.#changes) listener();
  }

  #view(spec: ServiceSpec, generation: number, origin: string): ServiceView {
    return {
      namespace: spec.namespace,
      name: spec.name,
      generation,
      image: spec.image,
      protocol: spec.protocol,
      ...(spec.port === undefined ? {} : { port: spec.port }),
      wantedReplicas: spec.replicas.initial,
      readyReplicas: 0,
      state: 'starting',
      message: '',
      deleting: false,
      origin,
      acceptedAtMs: this.#nowMs++,
      createdBy: '',
      askedBy: '',
      replicas: [],
      spec: { ...spec },
    };
  }

  #replica(service: ServiceView): ReplicaView {
    const id = `r${String(++this.#replicaCount).padStart(7, '0')}`;
    return {
      id,
      generation: service.generation,
      image: service.image,
      phase: 'ready',
      sinceMs: this.#nowMs++,
      message: '',
      node: 'local',
      devices: ['GPU-0'],
      containerId: `container-${id}`,
      containerName: `outrigger-${service.name}-${id}`,
      attempt: 1,
      impaired: false,
      logTail: ['listening'],
      addresses: [
        { kind: 'network', network: 'bridge', host: '172.17.0.2', port: service.port ?? 80 },
        { kind: 'published', host: '127.0.0.1', port: 49_152 },
      ],
      createdAtMs: this.#nowMs,
      timings: [{ phase: 'ready', enteredAtMs: this.#nowMs }],
    };
  }
}

const REJECTED = {
  constraint: 'gpu_memory',
  message: 'needs 96 GiB on one GPU, the largest has 80 GiB',
  requested: 96 * 2 ** 30,
  free: 80 * 2 ** 30,
  heldBy: [],
};
const TOO_LARGE = { ...REJECTED, nodes: ['local'], help: ['lower x-outrigger.gpu.memory to at most 80 GiB'] };

function endpointOf(service: ServiceView, replica: ReplicaView): Endpoint {
  return {
    service: serviceKey(service),
    replicaId: replica.id,
    containerId: replica.containerId ?? '',
    generation: replica.generation,
    node: replica.node ?? '',
    protocol: service.protocol,
    addresses: replica.addresses,
  };
}
