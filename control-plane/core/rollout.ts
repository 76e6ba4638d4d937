import { isAvailable, isLive, type Replica } from './replica.ts';
import type { Service } from './service.ts';

/** What one service's replica set needs next. */
export interface RolloutStep {
  /** New replicas of the current generation to add. */
  readonly create: number;
  readonly drain: readonly Drain[];
  /** Everything of the current generation is there and available, nothing old is left. */
  readonly settled: boolean;
}

interface Drain {
  readonly replica: Replica;
  readonly reason: 'scaled_down' | 'replaced' | 'deleted';
}

/**
 * Brings a service from the replicas it has to those it wants, within `update`'s surge and unavailability. First start,
 * scaling, update, rolling restart and deletion are all this one function.
 */
export function rolloutStep(service: Service, replicas: readonly Replica[]): RolloutStep {
  const live = replicas.filter(isLive);
  if (service.removal) {
    return { create: 0, drain: live.map(replica => ({ replica, reason: 'deleted' })), settled: false };
  }
  const current = live.filter(r => isCurrent(service, r));
  const old = live.filter(r => !isCurrent(service, r));
  const target = service.replicas;

  const surplus = [...current].sort(byWorth).slice(0, Math.max(0, current.length - target));
  const drain: Drain[] = surplus.map(replica => ({ replica, reason: 'scaled_down' }));
  const settled =
    old.length === 0 && live.length === replicas.length && current.length === target && current.every(isAvailable);
  if (service.rollout.kind === 'paused') return { create: 0, drain, settled: false };

  const { order, maxSurge, maxUnavailable } = service.spec.update;
  const surge = order === 'stop-first' ? 0 : maxSurge;
  const mayBeUnavailable = surge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable;
  // What drains or stops still takes its memory, its devices and its host port: it counts until its end was observed.
  const create = Math.max(0, Math.min(target - current.length, target + surge - replicas.length));

  // Old replicas that serve nobody give way at once; serving ones only while enough others serve.
  const idleOld = old.filter(r => !isAvailable(r));
  const servingOld = old.filter(isAvailable).sort(byWorth);
  const serving = current.filter(isAvailable).length + servingOld.length;
  let spare = serving - Math.max(0, target - mayBeUnavailable);
  // Where the node has no room for one more, start-first cannot be had: one old replica makes room for one new.
  if (spare <= 0 && stuckForRoom(current) && live.length === replicas.length) spare = 1;
  const givingWay = [...idleOld, ...servingOld.slice(0, Math.max(0, spare))];
  for (const replica of givingWay) drain.push({ replica, reason: 'replaced' });
  return { create, drain, settled };
}

function isCurrent(service: Service, replica: Replica): boolean {
  return replica.generation === service.generation && !replica.replace;
}

/** New replicas wait for resources, and none is under way that might still change the picture. */
function stuckForRoom(current: readonly Replica[]): boolean {
  const underWay = current.some(r => ['pulling', 'creating', 'starting', 'warming'].includes(r.phase.kind));
  return !underWay && current.some(r => r.phase.kind === 'pending' && r.phase.reasons.length > 0);
}

/** Least worth keeping first: what is furthest from serving, then the youngest. */
function byWorth(a: Replica, b: Replica): number {
  return worth(a) - worth(b) || b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}

function worth(replica: Replica): number {
  switch (replica.phase.kind) {
    case 'stopped':
    case 'draining':
    case 'failed':
      return 0;
    case 'backoff':
    case 'pending':
      return 1;
    case 'pulling':
    case 'creating':
    case 'stopping':
      return 2;
    case 'lost':
    case 'starting':
      return 3;
    case 'warming':
      return 4;
    case 'ready':
      return replica.phase.impaired ? 5 : 6;
    default:
      return replica.phase satisfies never;
  }
}
