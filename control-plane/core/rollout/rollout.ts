import { type DrainReason, isLive, type Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { Leeway } from './leeway.ts';
import { type MovedNow, movedNow } from './moved-now.ts';
import { newcomerCount } from './newcomer-count.ts';
import { replacedNow } from './replaced-now.ts';
import { isSettled, rosterOf } from './roster.ts';

/** What one service's replica set needs next. */
export interface RolloutStep {
  /** New replicas of the current generation to add. */
  readonly create: number;
  readonly drain: readonly Drain[];
  /** Everything of the current generation is there and available, nothing old is left. */
  readonly settled: boolean;
  /** Idle replicas of other services, by id, who leave for successors; absent: nobody's. */
  readonly displacing?: Displacing;
}

interface Displacing {
  /** They leave all together with those who make room for their successors, or everybody stays. */
  readonly own: readonly Replica[];
  readonly idle: readonly string[];
}

interface Drain {
  readonly replica: Replica;
  readonly reason: Exclude<DrainReason, 'preempted'>;
}

/**
 * Brings a service from the replicas it has to those it wants, within `update`'s surge and unavailability. First start,
 * scaling, update, rolling restart, the loss and the emptying of nodes and deletion are all this one function.
 * @param replicas all of the service
 * @param leeway asked for room only where somebody would leave for another one; what it gave is taken
 */
export function rolloutStep(service: Service, replicas: readonly Replica[], leeway: Leeway): RolloutStep {
  if (service.removal) return { create: 0, drain: drained(replicas.filter(isLive), 'deleted'), settled: false };
  const roster = rosterOf(service, replicas, leeway);
  const scaledDown = drained(roster.surplus, 'scaled_down');
  if (service.rollout.kind === 'paused') return { create: 0, drain: scaledDown, settled: false };
  // Old replicas that cannot serve give way at once; others only while enough serve without them.
  const { replaced, isStuck, idle } = replacedNow(service, roster, leeway);
  const {
    moved,
    isHeld,
    idle: beside,
  } = idle.length > 0 ? NOBODY_MOVES : movedNow(service, roster, replaced.length, leeway);
  return {
    create: newcomerCount(service, roster, isStuck || isHeld),
    drain: [...scaledDown, ...drained([...roster.idleOld, ...replaced], 'replaced'), ...drained(moved, 'moved')],
    settled: isSettled(service, replicas, leeway),
    ...displacing(replaced, idle),
    ...displacing(moved, beside),
  };
}

const NOBODY_MOVES: MovedNow = { moved: [], isHeld: false, idle: [] };

/** What a step has of this where idle replicas of other services leave. */
export function displacing(own: readonly Replica[], idle: readonly string[]): Pick<RolloutStep, 'displacing'> {
  return idle.length > 0 ? { displacing: { own, idle } } : {};
}

function drained(some: readonly Replica[], reason: Drain['reason']): Drain[] {
  return some.map(replica => ({ replica, reason }));
}
