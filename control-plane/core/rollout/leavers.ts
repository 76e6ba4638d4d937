import type { Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { Circumstances, Newcomer } from './rollout.ts';

/**
 * The serving replicas of older generations that leave now. While a new one finds no room, those leave that have what it
 * waits for, as few as can be, even where nobody may be missing: start-first cannot be had then. One whose going helps nobody
 * serves on, unless it is more than are wanted.
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
  { roomFrom }: Circumstances,
): readonly Replica[] {
  const { staying, servingOld, mayGo } = found;
  const isUnderWay = staying.some(r => UNDER_WAY.has(r.phase.kind));
  if (servingOld.length === 0 || (mayGo === 0 && (isUnderWay || !found.isQuiet))) return [];
  const waiting = staying.filter(isWithoutPlace).filter(r => mayGo > 0 || isWithoutRoom(r));
  // Where one has to leave before its successor is made, that one is asked for before it is there.
  const newcomers: readonly Newcomer[] = waiting.length > 0 || mayGo === 0 ? waiting : [nextOf(service)];
  const leavers: Replica[] = [];
  for (const newcomer of newcomers) {
    if (leavers.length > 0 && leavers.length >= mayGo) break;
    const going = roomFrom(
      newcomer,
      servingOld.filter(r => !leavers.includes(r)),
    );
    if (going === null) return [];
    if (leavers.length === 0 || leavers.length + going.length <= mayGo) leavers.push(...going);
  }
  const others = waiting.length > 0 ? Math.max(0, found.serving - service.replicas) : mayGo;
  return [...new Set([...leavers, ...servingOld])].slice(0, Math.max(others, leavers.length));
}

const UNDER_WAY: ReadonlySet<Replica['phase']['kind']> = new Set(['pulling', 'creating', 'starting', 'warming']);

/** It is not for the number of its siblings that it waits. */
function isWithoutPlace({ phase }: Replica): boolean {
  return phase.kind === 'pending' && phase.reasons.every(r => r.kind !== 'surge');
}

/** A place was looked for. */
function isWithoutRoom({ phase }: Replica): boolean {
  return phase.kind === 'pending' && phase.reasons.length > 0;
}

function nextOf({ key, generation }: Service): Newcomer {
  return { id: `next of ${key}`, service: key, generation, createdAt: 0 };
}
