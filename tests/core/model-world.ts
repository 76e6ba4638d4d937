import { type Action, actionKey } from '../../control-plane/core/actions.ts';
import type {
  EffectState,
  ImageState,
  Observed,
  ObservedContainer,
  ObservedDevice,
  ProbeReport,
} from '../../control-plane/core/observed.ts';
import { imageKey } from '../../control-plane/core/observed.ts';
import { type Plan, reconcile } from '../../control-plane/core/reconcile.ts';
import { DesiredState } from '../../control-plane/desired-state.ts';
import type { Change } from '../../control-plane/ports.ts';

export interface ModelNode {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly devices: readonly ObservedDevice[];
}

/**
 * The world as reconcile sees it, reduced to what it can observe: containers that exist, run and exit, effects that
 * settle or fail, one listing per step. Time passes only when a step says so. Asserts nothing; tests look at it.
 */
export class ModelWorld {
  now = 1_000_000;
  state = DesiredState.from({ services: [], replicas: [], nodes: [], generations: [] });
  containers = new Map<string, ObservedContainer & { node: string }>();
  answering = true;
  /** Images whose containers exit at once with code 1. */
  readonly crashing = new Set<string>();
  /** Images that cannot be pulled. */
  readonly missing = new Set<string>();
  /** Images whose readiness probe fails at present. */
  readonly impaired = new Set<string>();
  /** What every running replica says of its load. */
  load: ProbeReport['load'] | undefined;
  /** Replica ids that a client has not let go of yet. */
  readonly clung = new Set<string>();
  readonly history: Action[] = [];
  readonly #nodes: ReadonlyMap<string, ModelNode>;
  readonly #effects = new Map<string, EffectState>();
  readonly #images = new Map<string, ImageState>();
  #listedFrom = 0;
  #listing: ObservedContainer[] = [];
  #counter = 0;

  constructor(nodes: Record<string, ModelNode> = { local: { cpus: 8, memoryBytes: 2 ** 34, devices: [] } }) {
    this.#nodes = new Map(Object.entries(nodes));
    this.list();
  }

  /** Stores changes as a command would. */
  commit(changes: readonly Change[]): void {
    this.state = this.state.with(changes);
  }

  /** One pass of the loop: reconcile, store, carry out all actions, list. Returns the plan that was made. */
  step(): Plan {
    this.now += 1;
    const plan = reconcile(
      this.state,
      this.observed(),
      this.now,
      () => `r${this.#nextNumber().toString().padStart(7, '0')}`,
    );
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
    if (!this.answering) return;
    this.now += 1;
    this.#listedFrom = this.now;
    this.#listing = [...this.containers.values()];
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
    const nodes = new Map(
      [...this.#nodes].map(([name, node]) => [
        name,
        {
          name,
          answering: this.answering,
          silentSince: this.answering ? null : this.#listedFrom,
          leaving: false,
          connection: 'local',
          address: '127.0.0.1',
          reach: 'containers' as const,
          listedFrom: this.#listedFrom,
          keptCpus: 0,
          keptMemoryBytes: 0,
          vanished: [],
          labels: {},
          images: new Set<string>(),
          ...node,
          containers: this.#listing.filter(c => (c as ObservedContainer & { node: string }).node === name),
        },
      ]),
    );
    return {
      nodes,
      probes: this.#probes(),
      deviceReports: new Map(),
      images: this.#images,
      effects: this.#effects,
      withdrawn: (_service, replicaId) => !this.clung.has(replicaId),
    };
  }

  running(): ObservedContainer[] {
    return [...this.containers.values()].filter(c => c.state === 'running');
  }

  #nextNumber(): number {
    this.#counter += 1;
    return this.#counter;
  }

  #probes(): Map<string, ProbeReport> {
    return new Map(
      this.running().map(c => [
        c.id,
        {
          containerId: c.id,
          startup: 'passed',
          warmup: 'done',
          readiness: this.impaired.has(c.image) ? 'failing' : 'passing',
          liveness: 'passing',
          ...(this.load ? { load: this.load } : {}),
        },
      ]),
    );
  }

  #carryOut(action: Action): void {
    this.history.push(action);
    this.now += 1;
    const settled = (containerId?: string) =>
      this.#effects.set(actionKey(action), { kind: 'settled', at: this.now, ...(containerId ? { containerId } : {}) });
    switch (action.kind) {
      case 'pull': {
        const key = imageKey(action);
        if (this.missing.has(action.image)) {
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
      case 'clean_namespace':
        settled();
        return;
      default:
        action satisfies never;
    }
  }
}
