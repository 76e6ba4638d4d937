import { isAvailable, isLive, type Newcomer, type Replica } from '../replica.ts';
import { type Service, surgeOf } from '../service.ts';
import { leaversOf } from './leavers.ts';
import { mayServe } from './may-serve.ts';
import { moversOf } from './movers.ts';
import { inOrderOfWorth } from './order-of-worth.ts';

/** What one service's replica set needs next. */
export interface RolloutStep {
  /** New replicas of the current generation to add. */
  readonly create: number;
  readonly drain: readonly Drain[];
  /** Everything of the current generation is there and available, nothing old is left. */
  readonly settled: boolean;
}

interface Drain {
  readonly replica: Replica;
  readonly reason: 'scaled_down' | 'replaced' | 'deleted' | 'moved';
}

/** What the nodes have to say about a service's replicas. */
export interface Circumstances {
  /** Its node was silent for too long: it is not waited for, and another one may be made in its place. */
  readonly isGivenUp: (replica: Replica) => boolean;
  /** Its node gives its replicas away. */
  readonly isMoving: (replica: Replica) => boolean;
  /**
   * Takes room for one more like it, on nodes that take replicas. No room is given twice, nor is that given which anybody
   * waits for. `untold`: it is too early to say, and nobody gives way yet.
   */
  readonly claimRoom: (replica: Replica) => 'claimed' | 'none' | 'untold';
  /** It finds no room, and would if a node answered that has not been silent for long. */
  readonly mayFitSoon: (pending: Newcomer) => boolean;
  /** What room there is for a replica that has no place, also once others have left; it is its own then. */
  readonly roomFrom: (pending: Newcomer, old: readonly Replica[]) => Room;
}

export type Room =
  | { readonly kind: 'free' }
  /** It fits nowhere before these have left: the fewest of those asked about, of equally few the least worthy. */
  | { readonly kind: 'made'; readonly by: readonly Replica[] }
  /** It would fit nowhere without all of them either, or may not start. */
  | { readonly kind: 'none' }
  /** It is too early to say, and nobody gives way yet. */
  | { readonly kind: 'untold' };

/** All nodes answer and take replicas; what waits for room waits for that which others of its service take. */
export const CALM: Circumstances = {
  isGivenUp: () => false,
  isMoving: () => false,
  claimRoom: () => 'claimed',
  mayFitSoon: () => false,
  roomFrom: (_, old) => ({ kind: 'made', by: old.slice(0, 1) }),
};

/**
 * Brings a service from the replicas it has to those it wants, within `update`'s surge and unavailability. First start,
 * scaling, update, rolling restart, the loss and the emptying of nodes and deletion are all this one function.
 */
export function rolloutStep(
  service: Service,
  replicas: readonly Replica[],
  circumstances: Circumstances = CALM,
): RolloutStep {
  const { isGivenUp, isMoving, claimRoom } = circumstances;
  if (service.removal) {
    const live = replicas.filter(isLive);
    return { create: 0, drain: live.map(replica => ({ replica, reason: 'deleted' })), settled: false };
  }
  const counted = replicas.filter(r => !isGivenUp(r));
  const live = counted.filter(isLive);
  const current = live.filter(r => isCurrent(service, r));
  const target = service.replicas;
  const byWorth = inOrderOfWorth(isMoving);

  // What moves and what takes its place count apart: a replacement that waits for room is none too many.
  const surplus = [current.filter(r => !isMoving(r)), current.filter(isMoving)].flatMap(some =>
    surplusOf([...some].sort(byWorth), target),
  );
  const drain: Drain[] = surplus.map(replica => ({ replica, reason: 'scaled_down' }));
  // What was given up and is of an older generation is not wanted any more, whenever its node is back.
  const old = replicas.filter(r => isLive(r) && !isCurrent(service, r));
  const settled =
    !old.some(r => !isGivenUp(r)) &&
    live.length === counted.length &&
    current.length === target &&
    current.every(isAvailable);
  if (service.rollout.kind === 'paused') return { create: 0, drain, settled: false };

  const { maxUnavailable } = service.spec.update;
  const surge = surgeOf(service);
  const mayBeUnavailable = surge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable;
  const kept = current.filter(r => !surplus.includes(r));
  const moving = moversOf(kept, isMoving);
  const staying = kept.filter(r => !isMoving(r));
  // Old replicas that cannot serve give way at once; others only while enough serve without them, those in doubt first.
  const servingOld = old.filter(r => mayServe(r) && !isGivenUp(r)).sort(byWorth);
  const idleOld = old.filter(r => !servingOld.includes(r));
  const doubtful = moving.serving.filter(r => !isAvailable(r)).length;
  const serving = kept.filter(isAvailable).length + servingOld.length;
  const mayGo = Math.max(0, serving + (surge === 0 ? doubtful : 0) - Math.max(0, target - mayBeUnavailable));
  const isQuiet = live.length === counted.length;
  const given = { staying, servingOld, serving, mayGo, isQuiet };
  const { leaving: leavers, isStuck } = leaversOf(service, given, circumstances);
  const spare = Math.max(mayGo, leavers.length);
  const givingWay = [...idleOld, ...leavers];
  for (const replica of givingWay) drain.push({ replica, reason: 'replaced' });

  // A node that is emptied stops nobody: what serves goes once others serve in its place, and stays where there is no room.
  const replaced = Math.min(spare, servingOld.length);
  const spareMoving = surge === 0 ? spare - replaced : serving + doubtful - replaced - target;
  const movingCount = moving.serving.length + moving.idle.length;
  const spareIdle = surge === 0 ? moving.idle.length : staying.filter(r => !isPending(r)).length + movingCount - target;
  const leaving = [
    ...moving.serving.slice(0, Math.max(0, spareMoving)),
    ...moving.idle.slice(0, Math.max(0, spareIdle)),
  ];
  const found = leaving.map(replica => ({ replica, room: surge > 0 ? 'claimed' : claimRoom(replica) }));
  const moves = found.filter(f => f.room === 'claimed');
  for (const { replica } of moves) drain.push({ replica, reason: 'moved' });
  const isHeld = isQuiet && moves.length === 0 && found.some(f => f.room === 'none');

  // What drains or stops still takes its memory, its devices and its host port: it counts until its end was observed, and leaves
  // its place to its successor in that pass, before anybody else has it. One that finds no room takes nothing, and says what
  // it waits for.
  const there = counted.filter(r => r.phase.kind !== 'stopped').length;
  const mayTell = isStuck || isHeld ? 1 - staying.filter(isPending).length : 0;
  const create = Math.max(0, Math.min(target - staying.length, Math.max(target + surge - there, mayTell)));
  return { create, drain, settled };
}

/**
 * Those beyond the target. What is in reach never leaves for what is lost; what is lost leaves as far as enough serve without
 * it, as it may be the one that still does.
 * @param some the least worthy first
 */
function surplusOf(some: readonly Replica[], target: number): readonly Replica[] {
  const excess = Math.max(0, some.length - target);
  const lost = some.filter(r => r.phase.kind === 'lost');
  const inReach = some.filter(r => r.phase.kind !== 'lost');
  const leaving = inReach.slice(0, Math.max(0, inReach.length - target));
  const neededLost = Math.max(0, target - inReach.filter(isAvailable).length);
  const leavingLost = lost.slice(0, Math.max(0, Math.min(excess - leaving.length, lost.length - neededLost)));
  return [...leaving, ...leavingLost];
}

/** Neither of another generation nor to be replaced by a restart. */
export function isCurrent(service: Service, replica: Replica): boolean {
  return replica.generation === service.generation && !replica.replace;
}

function isPending({ phase }: Replica): boolean {
  return phase.kind === 'pending';
}
