import { isAvailable, isLive, type Replica } from '../replica.ts';
import { isCurrent, type Service } from '../service.ts';
import type { Leeway } from './leeway.ts';
import { mayServe } from './may-serve.ts';
import { type Movers, moversOf } from './movers.ts';
import { inOrderOfWorth } from './order-of-worth.ts';
import { surplusOf } from './surplus-of.ts';

/**
 * As what each replica of a service counts in its rollout. Whoever is to run is in one of the lists, but for those of the
 * current generation that were given up: others are made in their place, and once heard of they count again.
 */
export interface Roster {
  /** Of the current generation, and more than are wanted. */
  readonly surplus: readonly Replica[];
  /** Of the current generation: they stay where they are. */
  readonly staying: readonly Replica[];
  /** Of the current generation, on nodes that give their replicas away. */
  readonly moving: Movers;
  /** Of the current generation and ready, but not for long enough to count as serving. */
  readonly onTrial: ReadonlySet<Replica>;
  /** Of an older generation or to be replaced, and serving, or they may again: the least worthy first. */
  readonly servingOld: readonly Replica[];
  /** Of an older generation or to be replaced, and they serve nobody, or were given up. */
  readonly idleOld: readonly Replica[];
  /** How many there are, from their making to their observed end; of those that were given up nobody knows. */
  readonly count: number;
  /** None is on its way out. */
  readonly isQuiet: boolean;
}

/** @param replicas all of the service */
export function rosterOf(
  service: Service,
  replicas: readonly Replica[],
  { isGivenUp, isMoving, isOnTrial }: Pick<Leeway, 'isGivenUp' | 'isMoving' | 'isOnTrial'>,
): Roster {
  const counted = replicas.filter(r => !isGivenUp(r));
  const current = counted.filter(r => isLive(r) && isCurrent(service, r));
  const surplus = surplusOf(current, service.replicas, isMoving);
  const kept = current.filter(r => !surplus.includes(r));
  // What was given up and is of an older generation is not wanted any more, whenever its node is back.
  const old = replicas.filter(r => isLive(r) && !isCurrent(service, r));
  const servingOld = old.filter(r => mayServe(r) && !isGivenUp(r)).sort(inOrderOfWorth(isMoving));
  return {
    surplus,
    staying: kept.filter(r => !isMoving(r)),
    moving: moversOf(kept, isMoving),
    onTrial: new Set(kept.filter(isOnTrial)),
    servingOld,
    idleOld: old.filter(r => !servingOld.includes(r)),
    count: counted.filter(r => r.phase.kind !== 'stopped').length,
    isQuiet: counted.every(isLive),
  };
}

/** Everything of the current generation is there and available, as long as it has to be, and nothing old is left. */
export function isSettled(
  service: Service,
  replicas: readonly Replica[],
  { isGivenUp, isOnTrial }: Pick<Leeway, 'isGivenUp' | 'isOnTrial'>,
): boolean {
  const counted = replicas.filter(r => !isGivenUp(r));
  return (
    counted.length === service.replicas && counted.every(r => isCurrent(service, r) && isAvailable(r) && !isOnTrial(r))
  );
}
