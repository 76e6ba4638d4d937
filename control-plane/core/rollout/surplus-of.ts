import { isAvailable, type Replica } from '../replica.ts';
import { inOrderOfWorth } from './order-of-worth.ts';

/**
 * Those beyond the target, of what stays and of what moves away apart: a replacement that waits for room is none too many.
 * @param current of one service, of its present generation
 */
export function surplusOf(
  current: readonly Replica[],
  target: number,
  isMoving: (replica: Replica) => boolean,
): readonly Replica[] {
  const [staying, moving] = [current.filter(r => !isMoving(r)), current.filter(isMoving)];
  const byWorth = inOrderOfWorth(isMoving);
  return [staying, moving].flatMap(some => beyond(target, some.sort(byWorth)));
}

/**
 * What is in reach never leaves for what is lost; what is lost leaves as far as enough serve without it, as it may be the
 * one that still does.
 * @param some the least worthy first
 */
function beyond(target: number, some: readonly Replica[]): readonly Replica[] {
  const lost = some.filter(r => r.phase.kind === 'lost');
  const inReach = some.filter(r => r.phase.kind !== 'lost');
  const leaving = inReach.slice(0, Math.max(0, inReach.length - target));
  const neededLost = Math.max(0, target - inReach.filter(isAvailable).length);
  const excess = some.length - target - leaving.length;
  return [...leaving, ...lost.slice(0, Math.max(0, Math.min(excess, lost.length - neededLost)))];
}
