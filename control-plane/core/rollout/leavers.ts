import { isAvailable, type Newcomer, type Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { Circumstances } from './rollout.ts';

export interface Leavers {
  /** The serving replicas of older generations that leave now. */
  readonly leaving: readonly Replica[];
  /** One of them would have to leave before its successor is made, and stays, as that would find no room. */
  readonly isStuck: boolean;
}

/**
 * Who makes way. While a new one finds no room, those leave that have what it waits for, as few as can be, even where nobody
 * may be missing: start-first cannot be had then. One whose going helps nobody serves on, unless it is more than are wanted.
 * @param mayGo how many of those that serve may be missing
 * @param servingOld the least worthy first
 * @param isQuiet none is on its way out
 */
export function leaversOf(
  service: Service,
  found: {
    readonly staying: readonly Replica[];
    readonly servingOld: readonly Replica[];
    readonly serving: number;
    readonly mayGo: number;
    readonly isQuiet: boolean;
  },
  { roomFrom, mayFitSoon }: Circumstances,
): Leavers {
  const { staying, servingOld, mayGo, isQuiet } = found;
  // One leaves for a successor at a time where nobody may be missing: what has a place and does not serve is missing already,
  // also after it failed, or for the moment.
  const isAwaited = !isQuiet || staying.some(r => r.phase.kind !== 'pending' && !isAvailable(r));
  if (servingOld.length === 0 || (mayGo === 0 && isAwaited)) return NOBODY;
  const waiting = staying.filter(isWithoutPlace).filter(r => mayGo > 0 || isWithoutRoom(r));
  const lacking = service.replicas - staying.filter(r => r.phase.kind !== 'pending').length;
  // Where one has to leave before its successor is made, room is asked for before that is there.
  const newcomers = waiting.length > 0 ? waiting : nextOf(service, Math.min(mayGo, lacking));
  const making: Replica[] = [];
  let free = 0;
  let without = 0;
  for (const newcomer of newcomers) {
    if (making.length > 0 && making.length >= mayGo) break;
    // A node that is silent for a moment is waited for, before its silence costs another one a replica that serves.
    if (mayGo === 0 && mayFitSoon(newcomer)) continue;
    const others = servingOld.filter(r => !making.includes(r));
    const room = roomFrom(newcomer, others);
    if (room.kind === 'untold') return NOBODY;
    if (room.kind === 'free') free += 1;
    if (room.kind === 'none') without += 1;
    if (room.kind === 'made' && (making.length === 0 || making.length + room.by.length <= mayGo))
      making.push(...room.by);
  }
  const excess = Math.max(0, found.serving - service.replicas);
  const others = waiting.length > 0 ? excess : lacking <= 0 ? mayGo : Math.min(mayGo, excess + free);
  const leaving = [...new Set([...making, ...servingOld])].slice(0, Math.max(others, making.length));
  const isUnderWay = staying.some(r => UNDER_WAY.has(r.phase.kind));
  const isAtRest = isQuiet && !isUnderWay && waiting.length === 0 && leaving.length === 0;
  return { leaving, isStuck: isAtRest && without > 0 };
}

const NOBODY: Leavers = { leaving: [], isStuck: false };

const UNDER_WAY: ReadonlySet<Replica['phase']['kind']> = new Set(['pulling', 'creating', 'starting', 'warming']);

/** It is not for the number of its siblings that it waits. */
function isWithoutPlace({ phase }: Replica): boolean {
  return phase.kind === 'pending' && phase.reasons.every(r => r.kind !== 'surge');
}

/** A place was looked for. */
function isWithoutRoom({ phase }: Replica): boolean {
  return phase.kind === 'pending' && phase.reasons.length > 0;
}

function nextOf({ key, generation }: Service, count: number): Newcomer[] {
  const nth = (_: unknown, i: number) => ({ id: `next ${i} after ${key}`, service: key, generation, createdAt: 0 });
  return Array.from({ length: Math.max(0, count) }, nth);
}
