import { transition } from '../lifecycle/transition.ts';
import type { ProbeReport } from '../observed.ts';
import type { HeldByLower } from '../pending-reason.ts';
import type { Cluster, PlacementRequest } from '../placement/cluster.ts';
import { type Leaver, makeRoom, ROOM_TRIES } from '../placement/make-room.ts';
import { isOnItsWayOut } from '../replica.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';
import { clusterIn, countMeasured, futureIn, withoutLeaving } from './cluster-in.ts';
import { awaitsImage, makeRoomWithImage } from './image-first.ts';
import { unmetDependencies } from './unmet.ts';

/** What became of those that fit nowhere. */
export interface Displacing {
  /** For whom room is being made. */
  readonly awaited: ReadonlySet<string>;
  /** Why those of lower priority stay that have the room of one, by replica id. */
  readonly held: ReadonlyMap<string, readonly HeldByLower[]>;
  readonly lookAgainAt: number | null;
}

/**
 * Has idle replicas of lower priority leave where that makes room for one that fits nowhere, and keeps that room for it.
 * Memory that others are measured to use on shared devices is no room.
 * @param cluster what the room is kept in
 */
export function displaceIdle(world: World, left: readonly PlacementRequest[], cluster: Cluster): Displacing {
  const awaited = new Set<string>();
  const held = new Map<string, readonly HeldByLower[]>();
  const candidates = left.length > 0 ? displaceable(world) : [];
  const least = Math.min(...candidates.map(c => c.cost), ...leavingPriorities(world));
  const higher = left.filter(r => r.spec.priority > least);
  if (higher.length === 0) return { awaited, held, lookAgainAt: null };
  // The cluster as it will be, once all that is on its way out is gone.
  const future = clusterIn(world);
  countMeasured(world, future);
  withoutLeaving(world, future);
  /** They give way once the image is there of who needs their room. */
  const promised = new Set<string>();
  const stillThere = (c: Candidate) =>
    !promised.has(c.replicaId) && world.replicas.get(c.replicaId)?.phase.kind === 'ready';
  const budget = { left: ROOM_TRIES };
  const told = new Map<ServiceSpec, readonly HeldByLower[]>();
  for (const request of higher) {
    const there = candidates.filter(c => c.cost < request.spec.priority && stillThere(c));
    const newcomer = world.replicas.get(request.replicaId)!;
    const idle = there.filter(c => c.idleAt <= world.now);
    const roomBy = (leavers: readonly Candidate[]) =>
      makeRoomWithImage(world, future, { ...request, ...newcomer }, { leavers, budget });
    const going = roomWithoutNeeded(world, idle, roomBy, request.spec);
    for (const id of going ?? []) future.release(id);
    const placement = going === null ? null : future.find(request);
    const isTooEarly =
      going !== null &&
      going.length > 0 &&
      placement !== null &&
      awaitsImage(world, newcomer, { node: placement.node, by: going });
    for (const id of going ?? []) {
      const other = world.replicas.get(id);
      if (isTooEarly) promised.add(id);
      else if (other) world.put(transition(other, { kind: 'drain', reason: 'preempted' }, world.now));
    }
    if (!placement) {
      const reasons = told.get(request.spec) ?? whyTheyStay(world, request, { future, candidates: there });
      told.set(request.spec, reasons);
      held.set(request.replicaId, reasons);
      continue;
    }
    if (!isTooEarly) awaited.add(request.replicaId);
    for (const c of [future, cluster]) c.hold(request, request.spec, placement);
  }
  const later = candidates.filter(c => c.idleAt > world.now && Number.isFinite(c.idleAt)).map(c => c.idleAt);
  // Load is read and not announced: look again while somebody waits for it to end.
  const times = candidates.length > 0 ? [...later, world.now + IDLE_LOOK_MS] : [];
  return { awaited, held, lookAgainAt: times.length > 0 ? Math.min(...times) : null };
}

/**
 * Who goes, of those that may. What it depends on has to serve before it may have any place: if that went for it, it could
 * not have the room, and would get it back, only to go again.
 */
function roomWithoutNeeded(
  world: World,
  idle: readonly Candidate[],
  roomBy: (leavers: readonly Candidate[]) => readonly string[] | null,
  spec: ServiceSpec,
): readonly string[] | null {
  const going = roomBy(idle);
  if (going === null || spec.dependsOn.length === 0) return going;
  const { services } = world;
  const staying = (key: ServiceKey) => world.ofService(key).filter(r => !going.includes(r.id));
  if (unmetDependencies({ services, ofService: staying }, spec).length === 0) return going;
  return roomBy(idle.filter(c => !isNeeded(world, spec, c)));
}

function isNeeded(world: World, spec: ServiceSpec, { replicaId }: Candidate): boolean {
  const of = world.replicas.get(replicaId)?.service;
  return spec.dependsOn.some(d => `${spec.namespace}/${d.service}` === of);
}

/** Whose going would make room, and why they do not go; nobody where nobody's would. */
function whyTheyStay(
  world: World,
  request: PlacementRequest,
  { future, candidates }: { readonly future: Cluster; readonly candidates: readonly Candidate[] },
): HeldByLower[] {
  if (candidates.length === 0) return [];
  const named = (ids: readonly string[], because: HeldByLower['because']): HeldByLower[] => {
    const services = new Set(ids.flatMap(id => world.replicas.get(id)?.service ?? []));
    return services.size === 0 ? [] : [{ kind: 'held_by_lower', services: [...services].sort(), because }];
  };
  const budget = { left: TELLING_TRIES };
  const roomBy = (leavers: readonly Candidate[]) => makeRoom(future, request, leavers, budget);
  const without = roomWithoutNeeded(world, candidates, roomBy, request.spec);
  const going = without ?? roomBy(candidates);
  if (going !== null) {
    const enough = candidates.filter(c => going.includes(c.replicaId));
    // Those that nobody could go without stay, idle or not.
    const needed = without === null ? enough.filter(c => isNeeded(world, request.spec, c)) : [];
    const staying = enough.filter(c => c.idleAt > world.now && !needed.includes(c));
    const [unknown, busy] = [staying.filter(c => !c.isTold), staying.filter(c => c.isTold)];
    const idsOf = (some: readonly Candidate[]) => some.map(c => c.replicaId);
    return [...named(idsOf(needed), 'needed'), ...named(idsOf(unknown), 'load_unknown'), ...named(idsOf(busy), 'busy')];
  }
  return named(makeRoom(futureIn(world), request, candidates, budget) ?? [], 'measured_use');
}

/** For words alone. */
const TELLING_TRIES = 200;

const IDLE_LOOK_MS = 2_000;
/** Without requests for so long a replica is idle, where its service says nothing else (`idle_timeout`). */
const IDLE_TIMEOUT_MS = 30_000;

/** What its going costs is its service's priority. */
interface Candidate extends Leaver {
  /** From when on it counts as idle; infinite while it works, or does not say. */
  readonly idleAt: number;
  /** It says whether it works. */
  readonly isTold: boolean;
}

/** Replicas that serve, of services that may have none. */
function displaceable(world: World): Candidate[] {
  return [...world.services.values()].flatMap(({ key, spec: wanted, removal, rollout }) => {
    if (wanted.replicas.min > 0 || removal || rollout.kind === 'paused' || world.isLeftAlone(key)) return [];
    return world.ofService(key).flatMap(({ id, generation, phase }) => {
      if (phase.kind !== 'ready' || !world.observed.nodes.get(phase.placement.node)?.answering) return [];
      const load = world.observed.probes.get(phase.container.id)?.load;
      const idleSince = load?.inFlight === 0 ? (load.idleSince ?? null) : null;
      const idleAt =
        idleSince === null ? Number.POSITIVE_INFINITY : idleSince + (wanted.idleTimeoutMs ?? IDLE_TIMEOUT_MS);
      const spec = world.specOf({ service: key, generation });
      const isTold = tellsIdleness(load);
      return [{ replicaId: id, spec, placement: phase.placement, cost: wanted.priority, idleAt, isTold }];
    });
  });
}

/** Whether what a replica says of its load tells when it is idle, or that it is not. */
export function tellsIdleness(load: ProbeReport['load']): boolean {
  return load !== undefined && (load.inFlight > 0 || load.idleSince !== undefined);
}

function leavingPriorities(world: World): number[] {
  return world
    .lookedAfter()
    .filter(isOnItsWayOut)
    .map(r => world.specOf(r).priority);
}
