import { isPending } from '../replica.ts';
import { type Service, surgeOf } from '../service.ts';
import type { Roster } from './roster.ts';

/**
 * How many replicas to make: as many as are lacking, within the surge. What drains or stops still takes its memory, its
 * devices and its host port: it counts until its end was observed, and leaves its place to its successor in that pass,
 * before anybody else has it.
 * @param isWithoutRoom nobody leaves, as no successor would find room: one that is made beyond the surge takes nothing, and
 *   says what it waits for
 */
export function newcomerCount(service: Service, { staying, count }: Roster, isWithoutRoom: boolean): number {
  const lacking = service.replicas - staying.length;
  const withinSurge = service.replicas + surgeOf(service) - count;
  const telling = isWithoutRoom ? 1 - staying.filter(isPending).length : 0;
  return Math.max(0, Math.min(lacking, Math.max(withinSurge, telling)));
}
