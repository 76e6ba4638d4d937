import { transition } from '../lifecycle/transition.ts';
import type { Cluster } from '../placement/cluster.ts';
import { type DrainReason, isLive, isPending, type Newcomer, newcomerOf, type Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';
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
  const isSoonNext = soonNextIn(world);
  const yields = yieldingIn(world);
  for (const service of world.services.values()) {
    const { key, removal, replicas: wanted } = service;
    const generation = generationMade(service);
    if (removal || world.isLeftAlone(key) || !world.keptSpec(key, generation)) continue;
    const counted = world.ofService(key).filter(r => !world.nodes.isGivenUp(r));
    const leaving = counted.filter(isMakingWay).length;
    const heirs = counted.filter(isHeir).length;
    if (leaving + heirs === 0 || yields(service, leaving + heirs)) continue;
    const next = counted.filter(r => isNext(r) && r.generation === generation);
    const [inheriting, others] = [next.filter(isHeir), next.filter(r => !isHeir(r))];
    waiting.push(...inheriting, ...others.sort(byAge).slice(0, leaving));
    owed.push(...counted.filter(r => isHeir(r) && r.generation === generation && isSoonNext(r)));
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
 * Which of those that wait for what they depend on may soon be placed: that is started again where it was. What needs room
 * itself might wait for the very room that is kept, and for what fails again and again one would wait for ever.
 */
function soonNextIn(world: World): (replica: Replica) => boolean {
  const beyondSurge = beyondSurgeIn(world);
  const isStarting = (key: ServiceKey) => {
    const needed = world.ofService(key);
    const isPromising = (r: Replica) => isLive(r) && r.phase.kind !== 'failed' && r.failures <= MAY_BEFALL_ANYBODY;
    return needed.some(isPromising) && !needed.some(isPending);
  };
  return replica => {
    const unmet = unmetDependencies(world, world.specOf(replica));
    const { namespace } = world.specOf(replica);
    return (
      unmet.length > 0 && unmet.every(d => isStarting(`${namespace}/${d.service}`)) && beyondSurge(replica).length === 0
    );
  };
}

/** Failures without ten good minutes in between. */
const MAY_BEFALL_ANYBODY = 1;

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
 * What may be gone makes room for the more important, and does not come back before those have it: for as many as fit once
 * all that leaves has left, and would not all fit beside its own successors. Others would gain nothing by it.
 */
function yieldingIn(world: World): (service: Service, successorCount: number) => boolean {
  let future: Cluster | null = null;
  return (service, successorCount) => {
    const { key, spec } = service;
    if (spec.replicas.min > 0) return false;
    const above = world.lookedAfter().filter(r => isPending(r) && world.specOf(r).priority > spec.priority);
    if (above.length === 0) return false;
    future ??= futureIn(world);
    const alone = fitting(world, future, above);
    if (alone === 0) return false;
    const generation = generationMade(service);
    const own = Array.from({ length: successorCount }, (_, i) =>
      newcomerOf({ key, generation }, i, { kind: 'owed', now: world.now }),
    );
    return fitting(world, future, [...own, ...above]) - fitting(world, future, own) < alone;
  };
}

/** How many of these find room, one beside the other. The cluster is left as it was. */
function fitting(world: World, cluster: Cluster, newcomers: readonly Newcomer[]): number {
  const held: string[] = [];
  /** A spec that found no room finds none later. */
  const full = new Set<ServiceSpec>();
  for (const request of newcomers.map(n => requestOf(world, n))) {
    const placement = full.has(request.spec) ? null : cluster.find(request);
    if (placement) {
      cluster.hold(request, request.spec, placement);
      held.push(request.replicaId);
    } else full.add(request.spec);
  }
  for (const id of held) cluster.release(id);
  return held.length;
}
