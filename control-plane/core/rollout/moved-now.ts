import { isPending, newcomerOf, type Replica } from '../replica.ts';
import { type Service, surgeOf } from '../service.ts';
import { leavingForRoom } from './leaving-for-room.ts';
import type { Leeway } from './leeway.ts';
import type { Roster } from './roster.ts';
import { doubtfulCount, servingCount, sparedCount } from './serving.ts';

export interface MovedNow {
  readonly moved: readonly Replica[];
  /** All of them would have to leave before their successors are made, and stay, as those would find no room. */
  readonly isHeld: boolean;
  /** Idle replicas of other services, by id, who leave with all of them, or stay if any of them does. */
  readonly idle: readonly string[];
}

/**
 * Who leaves its node now, of those that move away. A node that is emptied stops nobody: what serves goes once others serve
 * in its place, and stays where there is no room for its successor.
 * @param replacedCount how many of older generations leave now
 */
export function movedNow(
  service: Service,
  roster: Roster,
  replacedCount: number,
  leeway: Pick<Leeway, 'claimRoom' | 'roomBesideIdle'>,
): MovedNow {
  const { moving } = roster;
  const may = shareOf(service, roster, replacedCount);
  const leaving = [
    ...moving.serving.slice(0, Math.max(0, may.serving)),
    ...moving.idle.slice(0, Math.max(0, may.idle)),
  ];
  if (surgeOf(service) > 0) return { moved: leaving, isHeld: false, idle: [] };
  // Nobody else's replicas leave for it before it is at rest, one after the other.
  const isAlone = roster.isQuiet && replacedCount === 0;
  const successor = isAlone ? newcomerOf(service, 0, { kind: 'asked', now: 0 }) : null;
  const { leaving: moved, idle, isHeld } = leavingForRoom(leaving, leeway, { successor });
  return { moved, idle, isHeld: roster.isQuiet && moved.length === 0 && isHeld };
}

/** How many of those that move may leave now, of those that serve and of those that do not; below 0: none. */
interface Share {
  readonly serving: number;
  readonly idle: number;
}

function shareOf(service: Service, roster: Roster, replacedCount: number): Share {
  const { staying, moving, servingOld } = roster;
  const spared = Math.max(sparedCount(service, roster), replacedCount);
  // Those of older generations go before anybody moves.
  const old = Math.min(spared, servingOld.length);
  // Where one has to leave before its successor is made: as many as may be missing, and all that serve nobody. Those in
  // doubt need not wait for old ones that stay as they serve.
  if (surgeOf(service) === 0) {
    const inDoubt = Math.min(doubtfulCount(roster), spared - replacedCount);
    return { serving: Math.max(spared - old, inDoubt), idle: moving.idle.length };
  }
  // Where successors are made first: as many as there are more than wanted, of all that serve, and of all with a place.
  const serving = servingCount(roster) + doubtfulCount(roster) - old;
  const placed = staying.filter(r => !isPending(r)).length + moving.serving.length + moving.idle.length;
  return { serving: serving - service.replicas, idle: placed - service.replicas };
}
