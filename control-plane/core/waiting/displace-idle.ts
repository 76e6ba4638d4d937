import { transition } from '../lifecycle/transition.ts';
import type { HeldByLower } from '../pending-reason.ts';
import type { Cluster, PlacementRequest } from '../placement/cluster.ts';
import type { Budget } from '../placement/exact-search.ts';
import { ROOM_TRIES } from '../placement/make-room.ts';
import { isOnItsWayOut, type Placement } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';
import { measuredFuture } from './cluster-in.ts';
import { type Candidate, displaceable, isStillReady, nextLookAt, roomWithoutNeeded } from './displaceable.ts';
import { ensureImage, makeRoomWithImage } from './image-first.ts';
import { whyTheyStay } from './why-they-stay.ts';

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
  const future = measuredFuture(world);
  /** They give way once the image is there of who needs their room. */
  const promised = new Set<string>();
  const budget = { left: ROOM_TRIES };
  const told = new Map<ServiceSpec, readonly HeldByLower[]>();
  for (const request of higher) {
    const isThere = (c: Candidate) => !promised.has(c.replicaId) && isStillReady(world, c);
    const lower = candidates.filter(c => c.cost < request.spec.priority && isThere(c));
    const room = roomByIdle(world, request, { future, lower, budget });
    if (room === null) {
      const reasons = told.get(request.spec) ?? whyTheyStay(world, request, { future, candidates: lower });
      told.set(request.spec, reasons);
      held.set(request.replicaId, reasons);
      continue;
    }
    for (const c of [future, cluster]) c.hold(request, request.spec, room.placement);
    if (haveLeave(world, request, room) === 'promised') for (const id of room.going) promised.add(id);
    else awaited.add(request.replicaId);
  }
  return { awaited, held, lookAgainAt: nextLookAt(world, candidates) };
}

interface RoomByIdle {
  /** Who has to leave for it, by replica id; nobody where what is on its way out is enough. */
  readonly going: readonly string[];
  readonly placement: Placement;
}

/**
 * The room that there is once some of lower priority that are idle have left; null: there is none.
 * @param options.future those who have to leave are gone from it afterwards
 */
function roomByIdle(
  world: World,
  request: PlacementRequest,
  {
    future,
    lower,
    budget,
  }: { readonly future: Cluster; readonly lower: readonly Candidate[]; readonly budget: Budget },
): RoomByIdle | null {
  const newcomer = world.replicas.get(request.replicaId)!;
  const roomBy = (leavers: readonly Candidate[]) =>
    makeRoomWithImage(world, future, { ...request, ...newcomer }, { leavers, budget });
  const idle = lower.filter(c => c.idleAt <= world.now);
  const going = roomWithoutNeeded(world, idle, roomBy, request.spec);
  if (going === null) return null;
  for (const id of going) future.release(id);
  const placement = future.find(request);
  return placement && { going, placement };
}

/** Has them leave; where the image of who needs their room is not there yet, that is pulled first, and they stay meanwhile. */
function haveLeave(
  world: World,
  { replicaId }: PlacementRequest,
  { going, placement }: RoomByIdle,
): 'leaving' | 'promised' {
  if (going.length === 0) return 'leaving';
  const newcomer = world.replicas.get(replicaId)!;
  if (ensureImage(world, newcomer, { node: placement.node, by: going }) === 'awaited') return 'promised';
  for (const id of going) {
    const idle = world.replicas.get(id);
    if (idle) world.put(transition(idle, { kind: 'drain', reason: 'preempted' }, world.now));
  }
  return 'leaving';
}

function leavingPriorities(world: World): number[] {
  return world
    .lookedAfter()
    .filter(isOnItsWayOut)
    .map(r => world.specOf(r).priority);
}
