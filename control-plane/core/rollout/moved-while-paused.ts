import { isAvailable, isLive, isPending, newcomerOf, type Replica } from '../replica.ts';
import { type Service, surgeOf } from '../service.ts';
import { type LeavingForRoom, leavingForRoom } from './leaving-for-room.ts';
import type { Leeway } from './leeway.ts';
import { moversOf } from './movers.ts';

/**
 * Who leaves its node now, of what serves of a paused update's own generation on nodes that are emptied: once replicas of
 * the generation before serve in its place, or where one has to leave first, once there is room for one of those.
 * @param service paused
 * @param replicas of the service, but for those that leave anyway
 * @param kept what is kept up of the generation before
 */
export function movedWhilePaused(
  service: Service,
  replicas: readonly Replica[],
  { kept, leeway }: { readonly kept: Service; readonly leeway: Leeway },
): Pick<LeavingForRoom, 'leaving' | 'idle'> {
  const counted = replicas.filter(r => !leeway.isGivenUp(r));
  const moving = moversOf(
    counted.filter(r => isLive(r) && r.generation === service.generation),
    leeway.isMoving,
  ).serving;
  if (moving.length === 0) return { leaving: [], idle: [] };
  const serving = counted.filter(r => isAvailable(r) || moving.includes(r)).length;
  if (surgeOf(service) > 0) return { leaving: moving.slice(0, Math.max(0, serving - service.replicas)), idle: [] };
  // One at a time, where one may be missing whatever is said.
  const awaited = counted.filter(r => r.generation === kept.generation && !isPending(r) && !isAvailable(r));
  const mayBeMissing = Math.max(1, service.spec.update.maxUnavailable);
  const spared = serving - Math.max(0, service.replicas - mayBeMissing) - awaited.length;
  const leaving = moving.slice(0, Math.max(0, spared));
  const { claimRoom } = leeway;
  const ofKept = { ...leeway, claimRoom: (r: Replica) => claimRoom({ ...r, generation: kept.generation }) };
  const successor = counted.every(isLive) ? newcomerOf(kept, 0, { kind: 'asked', now: 0 }) : null;
  return leavingForRoom(leaving, ofKept, { successor });
}
