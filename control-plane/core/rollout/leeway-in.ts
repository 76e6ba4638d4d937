import { provenAt } from '../lifecycle/on-trial.ts';
import type { ObservedNode } from '../observed.ts';
import type { Cluster } from '../placement/cluster.ts';
import { type Newcomer, newcomerOf, type Replica } from '../replica.ts';
import { bookWaiting } from '../waiting/book-waiting.ts';
import { clusterIn, futureIn, requestOf } from '../waiting/cluster-in.ts';
import { ensureImage, makeRoomWithImage } from '../waiting/image-first.ts';
import { roomBesideIdle } from '../waiting/room-beside-idle.ts';
import { keepRoom, successorsIn } from '../waiting/successors.ts';
import { unmetDependencies } from '../waiting/unmet.ts';
import type { World } from '../world.ts';
import { leaversOf } from './leavers.ts';
import type { Leeway, Room } from './leeway.ts';
import { memoryHolders } from './memory-holders.ts';
import { isMovingIn } from './movers.ts';

/** What the nodes of a pass leave the rollouts of its services to do. */
export function leewayIn(world: World): Leeway {
  const { nodes } = world;
  // Rarely asked for, and dear: each is made when it is.
  const claimed = lazily(() => {
    const cluster = clusterIn(world);
    const { waiting, owed } = successorsIn(world);
    const kept = keepRoom(world, cluster, [...waiting, ...owed]);
    bookWaiting(world, cluster, { waiting: waiting.filter(r => !kept.has(r.id)), owed: [] });
    return cluster;
  });
  // The nodes as they will be, once all that is on its way out is gone and those that wait have its place.
  const future = lazily(() => {
    const cluster = futureIn(world);
    return { cluster, booked: bookWaiting(world, cluster, successorsIn(world)) };
  });
  // The same with the nodes that were silent for a while only, as they were last seen.
  const hoped = lazily(() => {
    if (![...world.observed.nodes.keys()].some(name => nodes.isAwaited(name))) return new Set<string>();
    const cluster = futureIn(world, node => (nodes.isAwaited(node.name) ? asAnswering(node) : node));
    return bookWaiting(world, cluster, successorsIn(world));
  });
  return {
    isGivenUp: replica => nodes.isGivenUp(replica),
    isMoving: isMovingIn(nodes),
    isOnTrial: replica => {
      const service = world.services.get(replica.service);
      return service !== undefined && (provenAt(service, replica) ?? world.now) > world.now;
    },
    claimRoom: replica => claimRoom(world, claimed(), replica),
    mayFitSoon: ({ id }) => hoped().has(id) && !future().booked.has(id),
    roomFrom: (pending, old, isTooMuch = () => false) =>
      unmetDependencies(world, world.specOf(pending)).length > 0
        ? { kind: 'none' }
        : takeRoom(world, future(), { pending, old, isTooMuch }),
    roomBesideIdle: (pending, old) => {
      const room = takeRoomBesideIdle(world, pending, old);
      // Who leaves for it is not yet where the others look.
      if (room.kind === 'made_beside') for (const known of [claimed, future, hoped]) known.forget();
      return room;
    },
    memoryHolders: (placed, old) => memoryHolders(world, placed, old),
  };
}

/**
 * The same for a first look, in which nobody gives up a place for another one: what waits for a place is not all there yet.
 * @param onAsked called for whoever would have to be looked at again
 */
export function withoutRoom(leeway: Leeway, onAsked: () => void): Leeway {
  return {
    ...leeway,
    claimRoom: () => {
      onAsked();
      return 'untold';
    },
    mayFitSoon: () => false,
    roomFrom: () => {
      onAsked();
      return { kind: 'untold' };
    },
    roomBesideIdle: () => {
      onAsked();
      return { kind: 'untold' };
    },
    memoryHolders: (placed, old) => {
      if (leeway.memoryHolders(placed, old).length > 0) onAsked();
      return [];
    },
  };
}

/** Takes room for one more like the replica. */
function claimRoom(world: World, cluster: Cluster, replica: Replica): 'claimed' | 'awaits_image' | 'none' {
  const request = requestOf(world, replica);
  const placement = cluster.find(request);
  if (!placement) return 'none';
  // Also while its image is awaited: nobody leaves for the room that an image is pulled for.
  cluster.hold({ replicaId: `after ${replica.id}`, service: replica.service }, request.spec, placement);
  // Where it leaves before its successor is made, that would have to wait for its image with nobody serving.
  const newcomer = newcomerOf({ key: replica.service, generation: replica.generation }, 0, {
    kind: 'asked',
    now: world.now,
  });
  const image = ensureImage(world, newcomer, { node: placement.node, by: [replica.id] });
  return image === 'there' ? 'claimed' : 'awaits_image';
}

/** Takes the room that there is for one that has no place, or that there will be once some of the old ones have left. */
function takeRoom(
  world: World,
  { cluster, booked }: { readonly cluster: Cluster; readonly booked: ReadonlySet<string> },
  {
    pending,
    old,
    isTooMuch,
  }: {
    readonly pending: Newcomer;
    readonly old: readonly Replica[];
    readonly isTooMuch: (leaving: readonly Replica[]) => boolean;
  },
): Room {
  if (booked.has(pending.id)) return { kind: 'free' };
  const request = requestOf(world, pending);
  const going = makeRoomWithImage(world, cluster, { ...request, ...pending }, { leavers: leaversOf(world, old) });
  const by = old.filter(r => going?.includes(r.id));
  if (going === null || isTooMuch(by)) return { kind: 'none' };
  for (const id of going) cluster.release(id);
  const placement = cluster.find(request);
  // No other service gives way for the same room.
  if (placement) cluster.hold(request, request.spec, placement);
  // What waits already takes what is free whoever stays; for what is not made yet somebody leaves in any case.
  const isForNobody = by.length === 0 && world.replicas.has(pending.id);
  const place = placement && !isForNobody && { node: placement.node, by: going };
  if (place && ensureImage(world, pending, place) === 'awaited') return { kind: 'awaits_image', by };
  return by.length === 0 ? { kind: 'free' } : { kind: 'made', by };
}

/** The same beside idle replicas of lower priority, once their image is there. */
function takeRoomBesideIdle(world: World, pending: Newcomer, old: readonly Replica[]): Room {
  const room = roomBesideIdle(world, pending, leaversOf(world, old));
  if (room === null) return { kind: 'none' };
  const by = old.filter(r => room.own.includes(r.id));
  // For what waits already the idle ones leave alone where that is enough.
  if (by.length === 0 && world.replicas.has(pending.id)) return { kind: 'none' };
  const image = ensureImage(world, pending, { node: room.node, by: [...room.own, ...room.idle] });
  return image === 'there' ? { kind: 'made_beside', by, idle: room.idle } : { kind: 'awaits_image', by };
}

/** Makes it when it is asked for, and again once it was told to forget it. */
function lazily<T>(make: () => T): (() => T) & { readonly forget: () => void } {
  let made: { readonly value: T } | null = null;
  const get = () => {
    made ??= { value: make() };
    return made.value;
  };
  const forget = () => {
    made = null;
  };
  return Object.assign(get, { forget });
}

function asAnswering({ error: _, next: __, ...node }: ObservedNode): ObservedNode {
  return { ...node, answering: true, silentSince: null };
}
