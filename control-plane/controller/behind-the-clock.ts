import type { NodeRecord } from '../core/node.ts';
import type { Phase, Replica } from '../core/replica.ts';
import type { Rollout, Service } from '../core/service.ts';
import type { Change, StoredState } from '../ports.ts';

/**
 * What is stored, as if the clock had said then what it says now, and the changes that make it so on the disk. Between two
 * lives of ours somebody may set the clock back: then what has happened lies ahead, and every wait would last until the
 * clock is there again. All instants move back together, so that the newest is now and those between them stay as they are.
 * A clock that was set forth cannot be told from a long time away: what was to be waited for is over then.
 * Events keep the times at which they were told.
 * @param now in milliseconds of the Clock
 */
export function behindTheClock(
  stored: StoredState,
  now: number,
): { readonly state: StoredState; readonly moved: readonly Change[] } {
  const newest = newestIn(stored);
  if (newest <= now) return { state: stored, moved: [] };
  const byMs = now - newest;
  const services = stored.services.map(s => movedService(s, byMs));
  const replicas = stored.replicas.map(r => movedReplica(r, byMs));
  const nodes = stored.nodes.map(n => movedNode(n, byMs));
  const moved: Change[] = [
    ...services.map((service): Change => ({ kind: 'put_service', service })),
    ...replicas.map((replica): Change => ({ kind: 'put_replica', replica })),
    ...nodes.map((node): Change => ({ kind: 'put_node', node })),
  ];
  return { state: { ...stored, services, replicas, nodes }, moved };
}

/** The latest of all that has happened; when a back-off ends is yet to come. */
function newestIn({ services, replicas, nodes }: StoredState): number {
  let newest = Number.NEGATIVE_INFINITY;
  const see = (...instants: readonly (number | null | undefined)[]) => {
    for (const instant of instants) newest = Math.max(newest, instant ?? newest);
  };
  for (const { acceptedAt, removal, rollout } of services)
    see(acceptedAt, removal?.askedAt, 'since' in rollout ? rollout.since : null);
  for (const { createdAt, returnedAt, phase, timings } of replicas) {
    see(createdAt, returnedAt, phase.since, 'container' in phase ? phase.container?.seenAt : null);
    for (const { at } of timings) see(at);
  }
  for (const { drainingSince, quarantined } of nodes) {
    see(drainingSince);
    for (const { since } of quarantined) see(since);
  }
  return newest;
}

function movedService(service: Service, byMs: number): Service {
  const { acceptedAt, removal, rollout } = service;
  return {
    ...service,
    acceptedAt: acceptedAt + byMs,
    removal: removal && { ...removal, askedAt: removal.askedAt + byMs },
    rollout: movedRollout(rollout, byMs),
  };
}

function movedRollout(rollout: Rollout, byMs: number): Rollout {
  switch (rollout.kind) {
    case 'progressing':
      return { ...rollout, since: rollout.since + byMs };
    case 'settled':
    case 'rolled_back':
    case 'paused':
      return rollout;
    default:
      return rollout satisfies never;
  }
}

function movedReplica(replica: Replica, byMs: number): Replica {
  const { createdAt, returnedAt, phase, timings } = replica;
  return {
    ...replica,
    createdAt: createdAt + byMs,
    returnedAt: returnedAt === null ? null : returnedAt + byMs,
    phase: movedPhase(phase, byMs),
    timings: timings.map(t => ({ ...t, at: t.at + byMs })),
  };
}

function movedPhase(phase: Phase, byMs: number): Phase {
  const since = phase.since + byMs;
  switch (phase.kind) {
    case 'pending':
    case 'pulling':
    case 'creating':
    case 'stopped':
    case 'failed':
      return { ...phase, since };
    case 'backoff':
      return { ...phase, since, until: phase.until + byMs };
    case 'starting':
    case 'warming':
    case 'ready':
    case 'draining':
    case 'lost':
      return { ...phase, since, container: { ...phase.container, seenAt: phase.container.seenAt + byMs } };
    case 'stopping': {
      const { container } = phase;
      return { ...phase, since, container: container && { ...container, seenAt: container.seenAt + byMs } };
    }
    default:
      return phase satisfies never;
  }
}

function movedNode(node: NodeRecord, byMs: number): NodeRecord {
  const { drainingSince, quarantined } = node;
  return {
    ...node,
    drainingSince: drainingSince === null ? null : drainingSince + byMs,
    quarantined: quarantined.map(q => ({ ...q, since: q.since + byMs })),
  };
}
