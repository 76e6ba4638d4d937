import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { type Action, actionKey } from '../../control-plane/core/actions.ts';
import type { NodePolicy } from '../../control-plane/core/node.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { type DeviceTurns, deviceTurns } from '../../control-plane/core/nodes/device-turns.ts';
import type {
  DeviceReport,
  EffectState,
  ImageState,
  Observed,
  ObservedContainer,
  ObservedDevice,
  ObservedNode,
  ProbeReport,
} from '../../control-plane/core/observed.ts';
import { imageKey } from '../../control-plane/core/observed.ts';
import type { Plan } from '../../control-plane/core/plan/plan.ts';
import { reconcile } from '../../control-plane/core/reconcile.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import type { Change } from '../../control-plane/ports.ts';
import { aNode, LET_GO } from './replicas.ts';

export interface ModelNode {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly devices: readonly ObservedDevice[];
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ModelContainer extends ObservedContainer {
  readonly node: string;
  /** Of the create that made it. */
  readonly devices?: readonly string[];
  readonly spec?: ServiceSpec;
}

/**
 * The world as reconcile sees it, reduced to what it can observe: containers that exist, run and exit, effects that
 * settle or fail, one listing of each node per step. Time passes only when a step says so. Asserts nothing; tests look
 * at it.
 */
export class ModelWorld {
  now = 1_000_000;
  state = DesiredState.from({ services: [], replicas: [], nodes: [], generations: [] });
  containers = new Map<string, ModelContainer>();
  policy: NodePolicy = DEFAULT_NODE_POLICY;
  /** Nodes whose engine does not answer; what runs there can be called and probed all the same. */
  readonly silent = new Set<string>();
  /** Nodes that nobody reaches: neither their engine nor what runs there. */
  readonly cutOff = new Set<string>();
  /** Nodes that are not configured any more. */
  readonly leaving = new Set<string>();
  /** Images whose containers exit at once with code 1. */
  readonly crashing = new Set<string>();
  /** Images that cannot be pulled, by themselves or on one node: `node image`. */
  readonly missing = new Set<string>();
  /** The images that a node lists. */
  readonly listed = new Map<string, readonly string[]>();
  /** Images whose readiness probe fails at present. */
  readonly impaired = new Set<string>();
  /** Images whose containers are not up yet, however long they run. */
  readonly loading = new Set<string>();
  /** What every running replica says of its load. */
  load: ProbeReport['load'] | undefined;
  /** What single containers say of it. */
  readonly loads = new Map<string, NonNullable<ProbeReport['load']>>();
  /** Container ids that do not see their devices any more. */
  readonly blind = new Set<string>();
  /** Replica ids that a client has not let go of yet. */
  readonly clung = new Set<string>();
  /** Memory that somebody else uses, by `node device`; with it, use is measured there. */
  readonly foreignBytes = new Map<string, number>();
  readonly history: Action[] = [];
  readonly #nodes: Map<string, ModelNode>;
  readonly #effects = new Map<string, EffectState>();
  readonly #images = new Map<string, ImageState>();
  readonly #listings = new Map<string, { from: number; node: ModelNode; containers: readonly ModelContainer[] }>();
  readonly #silentSince = new Map<string, number>();
  readonly #answeringSince = new Map<string, number>();
  readonly #measured = new Map<string, { at: number; usedBytes: number }>();
  #counter = 0;

  constructor(nodes: Record<string, ModelNode> = { local: { cpus: 8, memoryBytes: 2 ** 34, devices: [] } }) {
    this.#nodes = new Map(Object.entries(nodes));
    this.list();
  }

  get answering(): boolean {
    return this.silent.size === 0;
  }

  /** All engines at once. */
  set answering(answers: boolean) {
    for (const name of this.#nodes.keys()) if (answers) this.silent.delete(name);
    for (const name of this.#nodes.keys()) if (!answers) this.silent.add(name);
  }

  /** Stores changes as a command would. */
  commit(changes: readonly Change[]): void {
    this.state = this.state.with(changes);
  }

  drain(name: string, since: number | null = this.now): void {
    const record = this.state.nodes.get(name) ?? { name, drainingSince: null, quarantined: [] };
    this.commit([{ kind: 'put_node', node: { ...record, drainingSince: since } }]);
  }

  setNode(name: string, node: ModelNode): void {
    this.#nodes.set(name, node);
  }

  node(name: string): ModelNode {
    return this.#nodes.get(name)!;
  }

  /** It is not even known any more, as after a restart without it in the nodes file. */
  forget(name: string): void {
    this.#nodes.delete(name);
    this.#listings.delete(name);
    this.leaving.delete(name);
  }

  /** The same engine has another name, as after a restart with another nodes file. */
  rename(from: string, to: string): void {
    const node = this.node(from);
    this.forget(from);
    this.setNode(to, node);
    for (const [id, c] of this.containers) if (c.node === from) this.containers.set(id, { ...c, node: to });
    this.list();
  }

  /** One pass of the loop: reconcile, store, carry out all actions, list. Returns the plan that was made. */
  step(): Plan {
    this.now += 1;
    const newId = () => `r${this.#nextNumber().toString().padStart(7, '0')}`;
    const plan = reconcile(this.state, this.observed(), this.now, newId, this.policy);
    this.state = this.state.with(this.state.changesTo(plan));
    for (const action of plan.actions) this.#carryOut(action);
    this.list();
    return plan;
  }

  /** Steps until a pass changes nothing and asks for nothing; returns how many passes that took. */
  settle(limit = 200): number {
    for (let passes = 1; passes <= limit; passes += 1) {
      const before = this.state;
      const plan = this.step();
      const changed = before.changesTo(plan).length > 0;
      if (!changed && plan.actions.length === 0) return passes;
    }
    throw new Error(
      `not quiet after ${limit} passes: ${JSON.stringify([...this.state.replicas.values()].map(r => r.phase))}`,
    );
  }

  advance(ms: number): void {
    this.now += ms;
    this.list();
  }

  list(): void {
    this.now += 1;
    for (const [name, node] of this.#nodes) {
      if (!this.#answers(name)) {
        if (!this.#silentSince.has(name)) this.#silentSince.set(name, this.now);
        continue;
      }
      if (this.#silentSince.delete(name) || !this.#answeringSince.has(name)) this.#answeringSince.set(name, this.now);
      const containers = [...this.containers.values()].filter(c => c.node === name);
      this.#listings.set(name, { from: this.now, node, containers });
    }
    this.now += 1;
  }

  exit(containerId: string, code = 1): void {
    const container = this.containers.get(containerId);
    if (!container) return;
    this.containers.set(containerId, {
      ...container,
      state: 'exited',
      exit: { code, oomKilled: false, error: '', logTail: ['last words'] },
    });
  }

  observed(): Observed {
    return {
      nodes: new Map([...this.#nodes.keys()].map(name => [name, this.#observedNode(name)])),
      probes: this.#probes(),
      deviceReports: new Map([...this.blind].map(id => [id, BLIND])),
      images: this.#images,
      effects: this.#effects,
      withdrawn: (_service, replicaId) => !this.clung.has(replicaId),
      standing: () => LET_GO,
    };
  }

  running(): ModelContainer[] {
    return [...this.containers.values()].filter(c => c.state === 'running');
  }

  #answers(name: string): boolean {
    return !this.silent.has(name) && !this.cutOff.has(name);
  }

  #observedNode(name: string): ObservedNode {
    const listing = this.#listings.get(name);
    const answeringSince = this.#answeringSince.get(name);
    const node = listing?.node ?? { cpus: 0, memoryBytes: 0, devices: [] };
    return aNode({
      ...node,
      name,
      answering: this.#answers(name),
      silentSince: this.#silentSince.get(name) ?? null,
      ...(answeringSince === undefined ? {} : { answeringSince }),
      leaving: this.leaving.has(name),
      listedFrom: listing?.from ?? 0,
      devices: node.devices.map(d => this.#measuredDevice(name, d)),
      containers: listing?.containers ?? [],
      images: new Set(this.listed.get(name)),
    });
  }

  #measuredDevice(node: string, device: ObservedDevice): ObservedDevice {
    const reading = this.#measured.get(`${node} ${device.id}`);
    if (!this.foreignBytes.has(`${node} ${device.id}`)) return device;
    const { at, usedBytes } = reading ?? { at: 0, usedBytes: 0 };
    return { ...device, measured: { at, usedBytes, freeBytes: (device.memoryBytes ?? 0) - usedBytes } };
  }

  #nextNumber(): number {
    this.#counter += 1;
    return this.#counter;
  }

  #probes(): Map<string, ProbeReport> {
    return new Map(
      this.running()
        .filter(c => !this.cutOff.has(c.node))
        .map((c): [string, ProbeReport] => {
          const load = this.loads.get(c.id) ?? this.load;
          const isUp = !this.loading.has(c.image);
          return [
            c.id,
            {
              containerId: c.id,
              startup: isUp ? 'passed' : 'pending',
              warmup: isUp ? 'done' : 'pending',
              readiness: !isUp ? 'unknown' : this.impaired.has(c.image) ? 'failing' : 'passing',
              liveness: isUp ? 'passing' : 'unknown',
              ...(load ? { load } : {}),
            },
          ];
        }),
    );
  }

  #carryOut(action: Action): void {
    this.history.push(action);
    this.now += 1;
    const before = this.#effects.get(actionKey(action));
    const at = this.now;
    const firstAt = (before && 'firstAt' in before ? before.firstAt : undefined) ?? at;
    if (this.cutOff.has(action.node)) {
      const failed = { kind: 'failed', at, firstAt, code: 'unavailable', message: 'no answer' } as const;
      this.#effects.set(actionKey(action), { ...failed, notBefore: at + 500 });
      return;
    }
    const settled = (containerId?: string) =>
      this.#effects.set(actionKey(action), { kind: 'settled', at, firstAt, ...(containerId ? { containerId } : {}) });
    switch (action.kind) {
      case 'pull': {
        const key = imageKey(action);
        if (this.missing.has(action.image) || this.missing.has(`${action.node} ${action.image}`)) {
          this.#images.set(key, { kind: 'failed', code: 'image_unavailable', message: 'no such image', at: this.now });
        } else this.#images.set(key, { kind: 'present', at: this.now });
        settled();
        return;
      }
      case 'create': {
        const id = `c${this.#nextNumber()}`;
        this.containers.set(id, {
          id,
          node: action.node,
          devices: action.placement.devices,
          spec: action.spec,
          name: action.containerName,
          replicaId: action.replicaId,
          service: `${action.spec.namespace}/${action.spec.name}`,
          generation: action.generation,
          attempt: action.attempt,
          image: action.spec.image,
          state: 'created',
          addresses: [{ network: 'n', ip: `10.0.0.${this.#counter % 250}` }],
          publishedPorts: [],
        });
        settled(id);
        return;
      }
      case 'start': {
        const container = this.containers.get(action.containerId);
        if (container) this.containers.set(action.containerId, { ...container, state: 'running', startedAt: this.now });
        if (container && this.crashing.has(container.image)) this.exit(action.containerId);
        settled();
        return;
      }
      case 'stop':
        this.exit(action.containerId, 143);
        settled();
        return;
      case 'remove':
        this.containers.delete(action.containerId);
        settled();
        return;
      case 'measure':
        this.#measure(action.node);
        settled();
        return;
      case 'clean_namespace':
        settled();
        return;
      default:
        action satisfies never;
    }
  }

  #measure(name: string): void {
    for (const { id } of this.node(name).devices) {
      const key = `${name} ${id}`;
      const own = this.running().filter(c => c.node === name && c.devices?.includes(id));
      const usedBytes = own.reduce((sum, c) => sum + (c.spec?.resources.gpu?.memoryBytes ?? 0), 0);
      this.#measured.set(key, { at: this.now, usedBytes: usedBytes + (this.foreignBytes.get(key) ?? 0) });
    }
  }
}

/** Whose turn it is on shared devices; services that no pass can be made with are not known here. */
export function turnsIn(world: ModelWorld): DeviceTurns {
  const { replicas, specOf } = world.state;
  return deviceTurns({ replicas, specOf, isLeftAlone: () => false }, world.observed(), world.now);
}

const BLIND: DeviceReport = { kind: 'lost', message: 'no device was found', at: 0 };
