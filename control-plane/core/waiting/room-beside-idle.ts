import type { Cluster, PlacementRequest } from '../placement/cluster.ts';
import { type Leaver, makeRoom, ROOM_TRIES } from '../placement/make-room.ts';
import type { Newcomer } from '../replica.ts';
import type { World } from '../world.ts';
import { bookWaiting } from './book-waiting.ts';
import { futureIn, measuredFuture, requestOf } from './cluster-in.ts';
import { type Candidate, displaceable, roomWithoutNeeded } from './displaceable.ts';
import { makeRoomWithImage } from './image-first.ts';
import { nextIn, successorsIn } from './successors.ts';
import { unmetDependencies } from './unmet.ts';

/** Who leaves together, by replica id, and the node on which one that fits nowhere has its room then. */
export interface RoomBesideIdle {
  /** As few as can be. */
  readonly own: readonly string[];
  /** Of lower priority, idle, and of services that may have none; somebody at least. */
  readonly idle: readonly string[];
  readonly node: string;
}

/**
 * The room that there will be for one that fits nowhere, once some of its own service and idle replicas of lower priority
 * have left together; null: there is none, or others come first who wait for it and are no less important. Whoever takes it
 * has all of them leave in the same pass: what one of the service leaves for keeps the room from then on.
 */
export function roomBesideIdle(world: World, newcomer: Newcomer, own: readonly Leaver[]): RoomBesideIdle | null {
  const request = requestOf(world, newcomer);
  const { priority } = request.spec;
  const isIdle = (c: Candidate) => c.cost < priority && c.idleAt <= world.now;
  if (unmetDependencies(world, request.spec).length > 0) return null;
  const candidates = displaceable(world).filter(isIdle);
  if (candidates.length === 0) return null;
  const { cluster, booked } = bookedFuture(world);
  const idle = withoutPromised(world, request, { cluster, booked, candidates });
  const budget = { left: ROOM_TRIES };
  const room = (leavers: readonly Leaver[]) =>
    makeRoomWithImage(world, cluster, { ...request, ...newcomer }, { leavers, budget });
  let ownGoing: readonly string[] = [];
  const idleGoing = roomWithoutNeeded(
    world,
    idle,
    some => {
      // As few of the service's own as would do if all others were gone: by those its clients are served.
      for (const c of some) cluster.release(c.replicaId);
      const fewest = room(own);
      for (const c of some) hold(world, cluster, c);
      if (fewest === null) return null;
      ownGoing = fewest;
      const staying = own.filter(r => fewest.includes(r.replicaId));
      for (const r of staying) cluster.release(r.replicaId);
      const others = room(some);
      for (const r of staying) hold(world, cluster, r);
      return others;
    },
    request.spec,
  );
  // Where nobody else has to leave it has room already, or will have, in the ways that cost nobody else anything.
  if (idleGoing === null || idleGoing.length === 0) return null;
  for (const id of [...ownGoing, ...idleGoing]) cluster.release(id);
  const placement = cluster.find(request);
  return placement && { own: ownGoing, idle: idleGoing, node: placement.node };
}

/** The nodes as they will be, by what is declared and what is measured, once those that wait have what is free. */
function bookedFuture(world: World): Booked {
  const cluster = measuredFuture(world);
  return { cluster, booked: bookWaiting(world, futureIn(world), successorsIn(world), cluster) };
}

interface Booked {
  readonly cluster: Cluster;
  /** For whom there is room. */
  readonly booked: ReadonlySet<string>;
}

/**
 * Who is left once those that wait, and are no less important, have had others leave for themselves.
 * @param given.cluster what these are going to have is held in it
 */
function withoutPromised(
  world: World,
  { service, spec }: PlacementRequest,
  { cluster, booked, candidates }: Booked & { readonly candidates: readonly Candidate[] },
): readonly Candidate[] {
  const isNext = nextIn(world);
  const before = world
    .lookedAfter()
    .filter(r => r.service !== service && isNext(r) && !booked.has(r.id))
    .map(r => requestOf(world, r))
    .filter(r => r.spec.priority >= spec.priority)
    .sort((a, b) => b.spec.priority - a.spec.priority || a.createdAt - b.createdAt);
  const budget = { left: ROOM_TRIES };
  let left = candidates;
  for (const other of before) {
    const roomBy = (leavers: readonly Candidate[]) => makeRoom(cluster, other, leavers, budget);
    const lower = left.filter(c => c.cost < other.spec.priority);
    const going = roomWithoutNeeded(world, lower, roomBy, other.spec);
    if (going === null) continue;
    for (const id of going) cluster.release(id);
    const placement = cluster.find(other);
    if (placement) cluster.hold(other, other.spec, placement);
    left = left.filter(c => !going.includes(c.replicaId));
  }
  return left;
}

function hold(world: World, cluster: Cluster, { replicaId, spec, placement }: Leaver): void {
  const replica = world.replicas.get(replicaId);
  if (replica) cluster.hold({ replicaId, service: replica.service }, spec, placement);
}
