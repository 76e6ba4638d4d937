import { isAvailable } from '../replica.ts';
import { type Service, surgeOf } from '../service.ts';
import type { Roster } from './roster.ts';

/** How many serve, for long enough to count. An old one does as long as it may again; what moves away only while it does for sure. */
export function servingCount({ staying, moving, onTrial, servingOld }: Roster): number {
  return [...staying, ...moving.serving].filter(r => isAvailable(r) && !onTrial.has(r)).length + servingOld.length;
}

/** How many move away that do not serve at present, and may again. */
export function doubtfulCount({ moving }: Roster): number {
  return moving.serving.filter(r => !isAvailable(r)).length;
}

/**
 * How many of those that serve may leave, by `update.max_unavailable`. Where no more than are wanted may be there, one has to
 * leave before its successor is made: then one may be missing whatever is said, and those in doubt go first.
 */
export function sparedCount(service: Service, roster: Roster): number {
  const serving = servingCount(roster) + (surgeOf(service) > 0 ? 0 : doubtfulCount(roster));
  return Math.max(0, serving - fewestServing(service));
}

/** The same where those in doubt stay: then they count for nothing, and only those are spared that others serve beside. */
export function surelySparedCount(service: Service, { staying, moving, servingOld }: Roster): number {
  const serving = [...staying, ...moving.serving, ...servingOld].filter(isAvailable).length;
  return Math.max(0, serving - fewestServing(service));
}

function fewestServing(service: Service): number {
  const { maxUnavailable } = service.spec.update;
  const mayBeMissing = surgeOf(service) > 0 ? maxUnavailable : Math.max(1, maxUnavailable);
  return Math.max(0, service.replicas - mayBeMissing);
}
