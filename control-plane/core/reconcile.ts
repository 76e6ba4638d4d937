import { type Action, actionKey, containerName, createAction, pullAction } from './actions.ts';
import { advance, isRemoved } from './advance.ts';
import { addressesOf, type Endpoint } from './endpoint.ts';
import type { NodeRecord } from './node.ts';
import type { Observed, ObservedContainer } from './observed.ts';
import { containerOf, heldPlacement, isAvailable, type Replica } from './replica.ts';
import { rolloutStep } from './rollout.ts';
import { emptyHoldings, type Holdings, schedule, take } from './schedule.ts';
import type { Service } from './service.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';
import { transition } from './transition.ts';

/** What is wanted and what was decided so far: the stored state. */
export interface Desired {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly replicas: ReadonlyMap<string, Replica>;
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  /** The accepted spec of a generation; every generation that a replica refers to is there. */
  readonly specOf: (service: ServiceKey, generation: number) => ServiceSpec | undefined;
}

/** All that follows from one look at the world. The controller stores the states, then carries out the actions. */
export interface Plan {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly replicas: ReadonlyMap<string, Replica>;
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  readonly actions: readonly Action[];
  /** Everything that should be published now, complete. */
  readonly endpoints: readonly Endpoint[];
  /** The running containers that the sidecar should look after, complete. */
  readonly probed: readonly Probed[];
  /** When to look again though nothing changes; null: no need. */
  readonly wakeAt: number | null;
}

export interface Probed {
  readonly replica: Replica;
  readonly spec: ServiceSpec;
  readonly container: ObservedContainer;
  /** It was past start-up and warm-up already. */
  readonly resume: boolean;
}

/**
 * The whole of the control plane's judgement, pure: compares what is desired with what is observed and says what to do.
 * Applying its actions until there are none is how everything comes about: start, update, crash, restart of ours, end.
 */
export function reconcile(desired: Desired, observed: Observed, now: number, newReplicaId: () => string): Plan {
  const world = new World(desired, observed, now);
  world.advanceAll();
  for (const service of desired.services.values()) world.roll(service, newReplicaId);
  world.placeAll();
  // A placement, a drain or a retry may carry a replica on at once, such as onto an image that is there already.
  world.advanceAll();
  return world.plan();
}

/** The working copy of one pass. */
class World {
  readonly #desired: Desired;
  readonly #observed: Observed;
  readonly #now: number;
  readonly #services: Map<ServiceKey, Service>;
  readonly #replicas: Map<string, Replica>;
  /** The same replicas by service, kept by #put. */
  readonly #byService: Map<string, Map<string, Replica>> = new Map();
  readonly #containers: ReadonlyMap<string, readonly ObservedContainer[]>;

  constructor(desired: Desired, observed: Observed, now: number) {
    this.#desired = desired;
    this.#observed = observed;
    this.#now = now;
    this.#services = new Map(desired.services);
    this.#replicas = new Map();
    for (const replica of desired.replicas.values()) this.#put(replica);
    // `docker commit` copies labels into an image and so into its containers: only the name that we gave says whose it is,
    // or the id, where somebody renamed it.
    const known = new Set([...desired.replicas.values()].map(r => containerOf(r)?.id));
    const ours = [...observed.nodes.values()].flatMap(n => n.containers).filter(c => known.has(c.id) || isNamedByUs(c));
    this.#containers = Map.groupBy(ours, c => c.replicaId);
  }

  advanceAll(): void {
    for (const replica of this.#replicas.values()) {
      const spec = this.#specOf(replica);
      const containers = this.#containersOf(replica.id);
      const moved = advance(replica, { spec, observed: this.#observed, containers, now: this.#now });
      this.#put(withAddresses(moved, spec, containers));
    }
  }

  roll(service: Service, newReplicaId: () => string): void {
    const judged = this.#judgeRollout(service);
    const step = rolloutStep(judged, this.#ofService(service.key));
    for (const { replica, reason } of step.drain) this.#put(transition(replica, { kind: 'drain', reason }, this.#now));
    for (let i = 0; i < step.create; i += 1) this.#put(newReplica(newReplicaId(), judged, this.#now));
    const settled = step.settled && judged.rollout.kind === 'progressing';
    this.#services.set(service.key, settled ? { ...judged, rollout: { kind: 'settled' } } : judged);
  }

  placeAll(): void {
    const holdings = this.#holdings();
    const nodes = [...this.#observed.nodes.values()];
    const waiting = [...this.#replicas.values()]
      .filter(r => r.phase.kind === 'pending')
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    for (const replica of waiting) {
      const spec = this.#specOf(replica);
      const unmet = this.#unmetDependencies(spec);
      if (unmet.length > 0) {
        this.#put(transition(replica, { kind: 'unplaceable', reasons: unmet }, this.#now));
        continue;
      }
      const verdict = schedule(spec, nodes, holdings);
      if (verdict.kind === 'unplaceable') {
        this.#put(transition(replica, { kind: 'unplaceable', reasons: verdict.reasons }, this.#now));
        continue;
      }
      const held = holdings.get(verdict.placement.node) ?? emptyHoldings();
      take(held, spec, verdict.placement);
      holdings.set(verdict.placement.node, held);
      this.#put(transition(replica, { kind: 'placed', placement: verdict.placement }, this.#now));
    }
  }

  plan(): Plan {
    const actions: Action[] = [];
    for (const replica of [...this.#replicas.values()]) {
      if (replica.phase.kind === 'stopped') this.#delete(replica);
      else actions.push(...this.#actionsFor(replica));
    }
    actions.push(...this.#orphanActions(), ...this.#farewells());
    const due = actions.filter(a => this.#isDue(a));
    return {
      services: this.#services,
      replicas: this.#replicas,
      nodes: this.#desired.nodes,
      actions: due,
      endpoints: this.#endpoints(),
      probed: this.#probed(),
      wakeAt: this.#wakeAt(actions),
    };
  }

  /** A generation that failed is rolled back or held, as its own `update.on_failure` says. */
  #judgeRollout(service: Service): Service {
    const { rollout } = service;
    if (rollout.kind !== 'progressing' || rollout.previous === null || service.removal) return service;
    const failed = this.#ofService(service.key).find(
      r => r.generation === service.generation && r.phase.kind === 'failed',
    );
    if (failed?.phase.kind !== 'failed') return service;
    const { cause } = failed.phase;
    const previous = this.#desired.specOf(service.key, rollout.previous);
    switch (service.spec.update.onFailure) {
      case 'continue':
        return service;
      case 'pause':
        return { ...service, rollout: { kind: 'paused', cause, previous: rollout.previous } };
      case 'rollback': {
        if (!previous) return { ...service, rollout: { kind: 'paused', cause, previous: rollout.previous } };
        const replicas = Math.min(Math.max(service.replicas, previous.replicas.min), previous.replicas.max);
        return {
          ...service,
          spec: previous,
          generation: rollout.previous,
          replicas,
          rollout: { kind: 'rolled_back', failed: service.generation, to: rollout.previous, cause },
        };
      }
      default:
        return service.spec.update.onFailure satisfies never;
    }
  }

  #unmetDependencies(spec: ServiceSpec): string[] {
    return spec.dependsOn.flatMap(({ service, condition }) => {
      const key: ServiceKey = `${spec.namespace}/${service}`;
      const needed = this.#services.get(key);
      // A dependency outside Outrigger's care (an application of the same Compose project) is Compose's to order.
      if (!needed || needed.removal) return [];
      const replicas = this.#ofService(key);
      const met =
        condition === 'ready'
          ? replicas.some(isAvailable)
          : replicas.some(r => r.phase.kind === 'starting' || r.phase.kind === 'warming' || r.phase.kind === 'ready');
      return met || needed.replicas === 0 ? [] : [`waits for service ${service} to be ${condition}`];
    });
  }

  #actionsFor(replica: Replica): Action[] {
    const { phase } = replica;
    const spec = this.#specOf(replica);
    const containers = this.#containersOf(replica.id).filter(c => !isRemoved(c.id, this.#observed));
    switch (phase.kind) {
      case 'pulling':
        return [pullAction(phase.placement.node, spec)];
      case 'creating': {
        // At most one container a replica: what is left of an earlier attempt goes first.
        const stale = containers.filter(c => c.attempt !== replica.attempt);
        if (stale.length > 0) return stale.map(c => endAction(phase.placement.node, replica, c, spec));
        return [createAction(replica, phase.placement, spec)];
      }
      case 'starting': {
        const seen = containers.find(c => c.id === phase.container.id);
        if (seen && seen.state !== 'created') return [];
        return [
          {
            kind: 'start',
            node: phase.placement.node,
            replicaId: replica.id,
            attempt: replica.attempt,
            containerId: phase.container.id,
          },
        ];
      }
      case 'stopping': {
        if (phase.afterwards.kind === 'stopped')
          return containers.map(c => endAction(phase.placement.node, replica, c, spec));
        return containers
          .filter(c => c.id === phase.container?.id && c.state === 'running')
          .map(c => endAction(phase.placement.node, replica, c, spec));
      }
      case 'pending':
      case 'warming':
      case 'ready':
      case 'draining':
      case 'stopped':
      case 'backoff':
      case 'failed':
      case 'lost':
        return [];
      default:
        return phase satisfies never;
    }
  }

  /** Containers of this instance that belong to no replica any more: what a crash between two steps can leave. */
  #orphanActions(): Action[] {
    const actions: Action[] = [];
    for (const node of this.#observed.nodes.values()) {
      for (const container of node.containers) {
        if (!isNamedByUs(container)) continue;
        if (this.#replicas.has(container.replicaId) || isRemoved(container.id, this.#observed)) continue;
        const stub = { id: container.replicaId, attempt: container.attempt };
        actions.push(endAction(node.name, stub, container, undefined));
      }
    }
    return actions;
  }

  /** A service that is being deleted and has no replica left goes; the last of its namespace takes the networks along. */
  #farewells(): Action[] {
    const actions: Action[] = [];
    for (const [key, service] of this.#services) {
      const { removal } = service;
      if (!removal || this.#ofService(key).length > 0) continue;
      const { namespace } = service.spec;
      const isLast = [...this.#services.values()].every(s => s.key === key || s.spec.namespace !== namespace);
      const cleanings = [...this.#observed.nodes.values()].map(
        (n): Action => ({ kind: 'clean_namespace', node: n.name, namespace, ...removal }),
      );
      // A node that is away keeps the service in sight until its networks and volumes are known to be gone.
      const open = isLast ? cleanings.filter(a => this.#observed.effects.get(actionKey(a))?.kind !== 'settled') : [];
      if (open.length === 0) this.#services.delete(key);
      else actions.push(...open.filter(a => this.#observed.nodes.get(a.node)?.answering));
    }
    return actions;
  }

  #endpoints(): Endpoint[] {
    return [...this.#replicas.values()].flatMap(replica => {
      const { phase } = replica;
      if (phase.kind !== 'ready' || phase.impaired || replica.addresses.length === 0) return [];
      const spec = this.#specOf(replica);
      return [
        {
          service: replica.service,
          replicaId: replica.id,
          containerId: phase.container.id,
          generation: replica.generation,
          node: phase.placement.node,
          protocol: spec.protocol,
          addresses: replica.addresses,
        },
      ];
    });
  }

  #probed(): Probed[] {
    return [...this.#replicas.values()].flatMap(replica => {
      const { phase } = replica;
      if (
        phase.kind !== 'starting' &&
        phase.kind !== 'warming' &&
        phase.kind !== 'ready' &&
        phase.kind !== 'draining'
      ) {
        return [];
      }
      const container = this.#containersOf(replica.id).find(c => c.id === phase.container.id);
      if (container?.state !== 'running') return [];
      const resume = phase.kind === 'ready' || phase.kind === 'draining';
      return [{ replica, spec: this.#specOf(replica), container, resume }];
    });
  }

  #isDue(action: Action): boolean {
    const effect = this.#observed.effects.get(actionKey(action));
    if (!effect) return true;
    if (effect.kind === 'under_way') return false;
    if (effect.kind === 'failed') return this.#now >= effect.notBefore;
    // It settled; until a listing that began later shows the outcome, asking again would be asking twice.
    const node = this.#observed.nodes.get(action.node);
    if (action.kind === 'pull') return true;
    return node !== undefined && node.listedFrom > effect.at;
  }

  #wakeAt(actions: readonly Action[]): number | null {
    const times: number[] = [];
    for (const action of actions) {
      const effect = this.#observed.effects.get(actionKey(action));
      if (effect?.kind === 'failed') times.push(effect.notBefore);
    }
    for (const replica of this.#replicas.values()) {
      const { phase } = replica;
      if (phase.kind === 'backoff') times.push(phase.until);
      if (phase.kind === 'draining') {
        times.push(phase.since + this.#specOf(replica).drain.timeoutMs);
        // Load is read and not announced: look again while it decides.
        if (this.#observed.probes.get(phase.container.id)?.load) times.push(this.#now + LOAD_LOOK_MS);
      }
    }
    const future = times.filter(t => t > this.#now);
    return future.length > 0 ? Math.min(...future) : null;
  }

  #holdings(): Map<string, Holdings> {
    const holdings = new Map<string, Holdings>();
    for (const replica of this.#replicas.values()) {
      const placement = heldPlacement(replica);
      if (!placement) continue;
      const held = holdings.get(placement.node) ?? emptyHoldings();
      take(held, this.#specOf(replica), placement);
      holdings.set(placement.node, held);
    }
    return holdings;
  }

  #ofService(key: ServiceKey): Replica[] {
    return [...(this.#byService.get(key)?.values() ?? [])];
  }

  #containersOf(replicaId: string): readonly ObservedContainer[] {
    return this.#containers.get(replicaId) ?? [];
  }

  #specOf(replica: Replica): ServiceSpec {
    const spec = this.#desired.specOf(replica.service, replica.generation);
    if (!spec) throw new Error(`no spec is stored for ${replica.service} generation ${replica.generation}`);
    return spec;
  }

  #put(replica: Replica): void {
    this.#replicas.set(replica.id, replica);
    const siblings = this.#byService.get(replica.service) ?? new Map<string, Replica>();
    this.#byService.set(replica.service, siblings.set(replica.id, replica));
  }

  #delete(replica: Replica): void {
    this.#replicas.delete(replica.id);
    this.#byService.get(replica.service)?.delete(replica.id);
  }
}

/** How soon a draining replica's load is looked at again. */
const LOAD_LOOK_MS = 250;

function isNamedByUs(container: ObservedContainer): boolean {
  return container.name === containerName(container.service as ServiceKey, container.replicaId);
}

function newReplica(id: string, service: Service, now: number): Replica {
  return {
    id,
    service: service.key,
    generation: service.generation,
    createdAt: now,
    attempt: 0,
    failures: 0,
    wasReady: false,
    replace: false,
    returnedAt: null,
    addresses: [],
    phase: { kind: 'pending', since: now, reasons: [] },
    timings: [{ phase: 'pending', at: now }],
  };
}

function withAddresses(replica: Replica, spec: ServiceSpec, containers: readonly ObservedContainer[]): Replica {
  const container = containerOf(replica);
  const seen = containers.find(c => c.id === container?.id);
  if (seen?.state !== 'running') return replica;
  const addresses = addressesOf(spec, seen, '127.0.0.1');
  return JSON.stringify(addresses) === JSON.stringify(replica.addresses) ? replica : { ...replica, addresses };
}

/** Stops what runs, removes what does not. */
function endAction(
  node: string,
  replica: { readonly id: string; readonly attempt: number },
  container: ObservedContainer,
  spec: ServiceSpec | undefined,
): Action {
  const common = { node, replicaId: replica.id, attempt: replica.attempt, containerId: container.id };
  return container.state === 'running'
    ? { kind: 'stop', ...common, graceMs: spec?.stopGraceMs ?? 10_000 }
    : { kind: 'remove', ...common };
}
