import type { RegistryStanding } from '../observed.ts';
import { isAvailable, isLive, type Replica } from '../replica.ts';
import type { RolloutStep } from './rollout.ts';

/**
 * A step without the drains that clients of the registry would suffer from (docs/decisions/0010-registry-away.md). Whoever
 * serves and may be handed out stays while that cannot be withdrawn, and while it is not known to be announced who serves in
 * its place. What is deleted goes all the same.
 * @param replicas all of the service
 */
export function heldByRegistry(
  step: RolloutStep,
  replicas: readonly Replica[],
  standing: (replicaId: string) => RegistryStanding,
): RolloutStep {
  if (step.drain.length === 0) return step;
  const isServing = (d: RolloutStep['drain'][number]) => d.reason !== 'deleted' && isAvailable(d.replica);
  const leaving = new Set(step.drain.map(d => d.replica));
  // What has no address is published nowhere, and never will be.
  const isToBe = (r: Replica) => isLive(r) && isAvailable(r) && r.addresses.length > 0 && !leaving.has(r);
  const unannounced = replicas.filter(r => isToBe(r) && !standing(r.id).announced).length;
  const others = step.drain.filter(d => !isServing(d));
  const withdrawable = step.drain.filter(d => isServing(d) && standing(d.replica.id).withdrawable);
  const handedOut = withdrawable.filter(d => standing(d.replica.id).letGoAt === null);
  const going = new Set([...others, ...withdrawable.filter(d => !handedOut.includes(d))]);
  for (const drain of handedOut.slice(0, Math.max(0, handedOut.length - unannounced))) going.add(drain);
  if (going.size === step.drain.length) return step;
  const { displacing, ...rest } = step;
  // Part of the room that idle replicas of others and some of its own have together is no room.
  const own = new Set(displacing?.own);
  const isWhole = step.drain.every(d => going.has(d) || !own.has(d.replica));
  const drain = step.drain.filter(d => going.has(d) && (isWhole || !own.has(d.replica)));
  return isWhole ? { ...step, drain } : { ...rest, drain };
}
