import type { Replica } from '../replica.ts';

/**
 * Least worth keeping first: what is furthest from serving, then what has to move anyway, then what was lost for a while
 * and came back, then the youngest.
 */
export function inOrderOfWorth(isMoving: (replica: Replica) => boolean): (a: Replica, b: Replica) => number {
  const rank = (replica: Replica) => (isMoving(replica) ? 0 : replica.returnedAt !== null ? 1 : 2);
  return (a, b) => worth(a) - worth(b) || rank(a) - rank(b) || b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
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
