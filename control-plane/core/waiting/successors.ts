import { transition } from '../lifecycle/transition.ts';
import type { Cluster } from '../placement/cluster.ts';
import { type DrainReason, isLive, isPending, type Newcomer, newcomerOf, type Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { World } from '../world.ts';
import { futureIn, requestOf } from './cluster-in.ts';
import { beyondSurgeIn, byAge, isHeir, unmetDependencies } from './unmet.ts';

/** Who comes for what siblings leave, all services together, the oldest first. Their place is nobody else's. */
export interface Successors {
  /** They wait for a place, and may have one. */
  readonly waiting: readonly Replica[];
  /** They are not made yet, or wait for the end of those that leave. */
  readonly owed: readonly Newcomer[];
}

/** As many as leave for others of their service: beyond that, a service has no more right to room than any other one. */
export function successorsIn(world: World): Successors {
  const waiting: Replica[] = [];
  const owed: Newcomer[] = [];
  const isNext = nextIn(world);
  const yields = yieldingIn(world);
  for (const service of world.services.values()) {
    const { key, removal, replicas: wanted } = service;
    const generation = generationMade(service);
    if (removal || world.isLeftAlone(key) || !world.keptSpec(key, generation)) continue;
    const counted = world.ofService(key).filter(r => !world.nodes.isGivenUp(r));
    const leaving = counted.filter(isMakingWay).length;
    const heirs = counted.filter(isHeir).length;
    if (leaving + heirs === 0 || yields(service)) continue;
    const next = counted.filter(r => isNext(r) && r.generation === generation);
    const [inheriting, others] = [next.filter(isHeir), next.filter(r => !isHeir(r))];
    waiting.push(...inheriting, ...others.sort(byAge).slice(0, leaving));
    const placed = counted.filter(r => isLive(r) && r.phase.kind !== 'pending').length;
    const missing = Math.min(leaving, wanted - placed - heirs) - others.length;
    for (let i = 0; i < missing; i += 1)
      owed.push(newcomerOf({ key, generation }, i, { kind: 'owed', now: world.now }));
  }
  return { waiting: waiting.sort(byAge), owed };
}

/**
 * Keeps the room of those that have to wait for it until others have left.
 * @param cluster what it is kept in, with all that is held at this point
 * @returns the ids of those for whom there will be room
 */
export function keepRoom(world: World, cluster: Cluster, successors: readonly Newcomer[]): ReadonlySet<string> {
  const kept = new Set<string>();
  if (successors.length === 0) return kept;
  const future = futureIn(world);
  for (const newcomer of successors) {
    const request = requestOf(world, newcomer);
    const placement = future.find(request);
    if (!placement) continue;
    for (const c of [future, cluster]) c.hold(request, request.spec, placement);
    kept.add(newcomer.id);
  }
  return kept;
}

/** Which replicas are placed as soon as there is room, as long as none begins or ends. */
export function nextIn(world: World): (replica: Replica) => boolean {
  const beyondSurge = beyondSurgeIn(world);
  return replica =>
    replica.phase.kind === 'pending' &&
    beyondSurge(replica).length === 0 &&
    unmetDependencies(world, world.specOf(replica)).length === 0;
}

/**
 * What has just ended is gone after this pass: its right to the room is its successor's from now on, however long that
 * waits for what else is in its way.
 */
export function passOnRoom(world: World): void {
  for (const service of [...world.services.values()]) {
    const { key, removal } = service;
    if (removal || world.isLeftAlone(key)) continue;
    const generation = generationMade(service);
    const siblings = world.ofService(key);
    const left = siblings.filter(({ phase }) => phase.kind === 'stopped' && isForOthers(phase.reason)).length;
    if (left === 0) continue;
    const heirs = siblings.filter(r => r.phase.kind === 'pending' && r.generation === generation && !isHeir(r));
    for (const heir of heirs.sort(byAge).slice(0, left)) world.put(transition(heir, { kind: 'inherits' }, world.now));
  }
}

/** Of which generation replicas are made: while an update is paused, of the one before it. */
function generationMade({ generation, rollout }: Service): number {
  return rollout.kind === 'paused' ? (rollout.previous ?? generation) : generation;
}

function isMakingWay(replica: Replica): boolean {
  const { phase } = replica;
  if (phase.kind === 'draining') return isForOthers(phase.reason);
  if (phase.kind !== 'stopping' || phase.afterwards.kind !== 'stopped') return false;
  const { reason } = phase.afterwards;
  return reason === undefined || isForOthers(reason);
}

function isForOthers(reason: DrainReason | undefined): boolean {
  return reason === 'replaced' || reason === 'moved';
}

/**
 * What may be gone makes room for the more important, and does not come back before those have it: for those that fit once
 * all that leaves has left. Others would gain nothing by it.
 */
function yieldingIn(world: World): (service: Service) => boolean {
  let future: Cluster | null = null;
  return ({ spec }) => {
    if (spec.replicas.min > 0) return false;
    const above = world.lookedAfter().filter(r => isPending(r) && world.specOf(r).priority > spec.priority);
    if (above.length === 0) return false;
    future ??= futureIn(world);
    const cluster = future;
    return [...Map.groupBy(above, r => world.specOf(r)).values()].some(alike =>
      cluster.find(requestOf(world, alike[0]!)),
    );
  };
}
