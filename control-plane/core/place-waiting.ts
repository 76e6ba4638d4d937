import type { ObservedContainer } from './observed.ts';
import { type Cluster, clusterOf, makeRoom, type PlacementRequest, placeTogether } from './placement/cluster.ts';
import { type Rejection, summarise } from './placement/rejection.ts';
import { isAvailable, isLive, type Placement, placementOf, type Replica } from './replica.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';
import { transition } from './transition.ts';
import { isNamedByUs, type World } from './world.ts';

/**
 * Places the replicas that wait, the most important first. One that fits nowhere may have idle replicas of lower priority
 * make room. Returns when to look again though nothing changes; null: no need.
 */
export function placeWaiting(world: World): number | null {
  const waiting = [...world.replicas.values()].filter(r => r.phase.kind === 'pending');
  if (waiting.length === 0) return null;
  const ready = waiting.filter(replica => {
    const reasons = [...unmetDependencies(world, world.specOf(replica)), ...beyondSurge(world, replica)];
    if (reasons.length > 0) world.put(transition(replica, { kind: 'unplaceable', reasons }, world.now));
    return reasons.length === 0;
  });
  if (ready.length === 0) return null;
  const cluster = clusterIn(world);
  const notYet = [...untidyNodes(world)].map(name => `${name}: ${ENDED_FIRST}`);
  const byPriority = Map.groupBy(ready, r => world.specOf(r).priority);
  const lookAgainAt: number[] = [];
  for (const priority of [...byPriority.keys()].sort((a, b) => b - a)) {
    const group = byPriority.get(priority) ?? [];
    const verdicts = placeTogether(
      cluster,
      group.map(r => requestOf(world, r)),
    );
    const left: { replica: Replica; rejections: readonly Rejection[] }[] = [];
    for (const replica of group) {
      const verdict = verdicts.get(replica.id);
      if (verdict?.kind === 'placed') {
        world.put(transition(replica, { kind: 'placed', placement: verdict.placement }, world.now));
      } else left.push({ replica, rejections: verdict?.rejections ?? [] });
    }
    const displacing = displaceIdle(
      world,
      cluster,
      left.map(l => l.replica),
    );
    if (displacing.lookAgainAt !== null) lookAgainAt.push(displacing.lookAgainAt);
    for (const { replica, rejections } of left) {
      const awaited = displacing.awaited.has(replica.id) ? [AWAITED] : [];
      const reasons = [...awaited, ...summarise(rejections), ...notYet];
      world.put(transition(replica, { kind: 'unplaceable', reasons }, world.now));
    }
  }
  return lookAgainAt.length > 0 ? Math.min(...lookAgainAt) : null;
}

const AWAITED = 'others are on their way out and make room for it';
const ENDED_FIRST = 'containers of an earlier time are ended there first';
const WAITS_FOR = 'waits for';

/** Whether one of a waiting replica's reasons is about what others do, and not about what a node lacks. */
export function isAboutOthers(reason: string): boolean {
  return reason === AWAITED || reason.endsWith(ENDED_FIRST) || reason.startsWith(WAITS_FOR);
}

/**
 * The nodes with all that is held of them at this point of a pass. One where something runs that no account knows of, such
 * as on a node that was forgotten and is back, takes nothing before that has ended: it may have any device.
 */
export function clusterIn(world: World): Cluster {
  const { replicas, nodes, observed } = world;
  const untidy = untidyNodes(world);
  const open = new Map([...observed.nodes].filter(([name]) => !untidy.has(name)));
  const specOf = (service: ServiceKey, generation: number) => world.keptSpec(service, generation);
  return clusterOf({ replicas, nodes: nodes.records, specOf }, { nodes: open });
}

function untidyNodes(world: World): ReadonlySet<string> {
  const untidy = new Set<string>();
  for (const { name, containers } of world.observed.nodes.values()) {
    const isStray = ({ replicaId, state }: ObservedContainer) => {
      const replica = world.replicas.get(replicaId);
      return state === 'running' && (!replica || placementOf(replica)?.node !== name);
    };
    if (containers.some(c => isStray(c) && isNamedByUs(c))) untidy.add(name);
  }
  return untidy;
}

export function requestOf(world: World, replica: Replica): PlacementRequest {
  const { id: replicaId, service, createdAt } = replica;
  return { replicaId, service, spec: world.specOf(replica), createdAt };
}

export function unmetDependencies(world: World, spec: ServiceSpec): string[] {
  return spec.dependsOn.flatMap(({ service, condition }) => {
    const key: ServiceKey = `${spec.namespace}/${service}`;
    const needed = world.services.get(key);
    // A dependency outside Outrigger's care (an application of the same Compose project) is Compose's to order.
    if (!needed || needed.removal) return [];
    const replicas = world.ofService(key);
    const met =
      condition === 'ready'
        ? replicas.some(isAvailable)
        : replicas.some(r => r.phase.kind === 'starting' || r.phase.kind === 'warming' || r.phase.kind === 'ready');
    return met || needed.replicas === 0 ? [] : [`${WAITS_FOR} service ${service} to be ${condition}`];
  });
}

/** Replicas that were given up count again once they are heard of: what was made in their place waits for what leaves. */
function beyondSurge(world: World, replica: Replica): string[] {
  const service = world.services.get(replica.service);
  if (!service || service.removal) return [];
  const { order, maxSurge } = service.spec.update;
  const most = service.replicas + (order === 'stop-first' ? 0 : maxSurge);
  const others = world
    .ofService(service.key)
    .filter(r => r.phase.kind !== 'pending' && !world.nodes.isGivenUp(r)).length;
  return others < most ? [] : [`${WAITS_FOR} others of ${replica.service} to leave`];
}

/** Has idle replicas of lower priority leave where that makes room for one that fits nowhere, and keeps that room for it. */
function displaceIdle(
  world: World,
  cluster: Cluster,
  left: readonly Replica[],
): { awaited: ReadonlySet<string>; lookAgainAt: number | null } {
  const awaited = new Set<string>();
  const candidates = left.length > 0 ? displaceable(world) : [];
  const least = Math.min(...candidates.map(c => c.priority), ...leavingPriorities(world));
  const higher = left.filter(r => world.specOf(r).priority > least);
  if (higher.length === 0) return { awaited, lookAgainAt: null };
  // The cluster as it will be, once all that is on its way out is gone.
  const future = clusterIn(world);
  for (const replica of world.replicas.values()) if (isOnItsWayOut(replica)) future.release(replica.id);
  const idle = candidates.filter(c => c.idleAt <= world.now);
  for (const replica of higher) {
    const request = requestOf(world, replica);
    const going = makeRoom(
      future,
      request,
      idle.filter(c => world.replicas.get(c.replicaId)?.phase.kind === 'ready'),
    );
    for (const id of going ?? []) {
      const other = world.replicas.get(id);
      if (other) world.put(transition(other, { kind: 'drain', reason: 'preempted' }, world.now));
      future.release(id);
    }
    const verdict = going === null ? null : future.place(request);
    if (verdict?.kind !== 'placed') continue;
    awaited.add(replica.id);
    for (const c of [future, cluster]) c.hold(request, request.spec, verdict.placement);
  }
  const later = candidates.filter(c => c.idleAt > world.now && Number.isFinite(c.idleAt)).map(c => c.idleAt);
  // Load is read and not announced: look again while somebody waits for it to end.
  const times = candidates.length > 0 ? [...later, world.now + IDLE_LOOK_MS] : [];
  return { awaited, lookAgainAt: times.length > 0 ? Math.min(...times) : null };
}

const IDLE_LOOK_MS = 2_000;
const IDLE_TIMEOUT_MS = 30_000;

interface Candidate {
  readonly replicaId: string;
  readonly priority: number;
  readonly spec: ServiceSpec;
  readonly placement: Placement;
  /** From when on it counts as idle; infinite while it works, or does not say. */
  readonly idleAt: number;
}

/** Replicas that serve, of services that may have none. */
function displaceable(world: World): Candidate[] {
  return [...world.services.values()].flatMap(({ key, spec: wanted, removal, rollout }) => {
    if (wanted.replicas.min > 0 || removal || rollout.kind === 'paused') return [];
    return world.ofService(key).flatMap(({ id, generation, phase }) => {
      if (phase.kind !== 'ready' || !world.observed.nodes.get(phase.placement.node)?.answering) return [];
      const load = world.observed.probes.get(phase.container.id)?.load;
      const idleSince = load?.inFlight === 0 ? (load.idleSince ?? null) : null;
      const idleAt =
        idleSince === null ? Number.POSITIVE_INFINITY : idleSince + (wanted.idleTimeoutMs ?? IDLE_TIMEOUT_MS);
      const spec = world.specOf({ service: key, generation });
      return [{ replicaId: id, priority: wanted.priority, spec, placement: phase.placement, idleAt }];
    });
  });
}

function leavingPriorities(world: World): number[] {
  return [...world.replicas.values()].filter(isOnItsWayOut).map(r => world.specOf(r).priority);
}

function isOnItsWayOut(replica: Replica): boolean {
  const { kind } = replica.phase;
  return (kind === 'draining' || kind === 'stopping') && !isLive(replica);
}
