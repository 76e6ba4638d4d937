import type { Rejection, RejectionConstraint } from './rejection.ts';

/**
 * The nodes of these rejections, the nearest to a place first: those that lack only what others hold before those that
 * take nobody, then those of the wrong kind, and last those of which nobody has heard yet; among the first the ones that lack fewer things, among the last the ones that
 * lack lesser things.
 */
export function nearestFirst(rejections: readonly Rejection[]): string[] {
  const own = Map.groupBy(
    rejections.filter(r => r.device === undefined),
    r => r.node,
  );
  const remoteness = new Map([...own].map(([node, some]) => [node, remotenessOf(some)]));
  return [...own.keys()].sort((a, b) => {
    const [x, y] = [remoteness.get(a)!, remoteness.get(b)!];
    const [few, slight] = [x.count - y.count, x.severity - y.severity];
    return x.kind - y.kind || (x.kind === LASTING ? slight || few : few || slight) || y.has - x.has || (a < b ? -1 : 1);
  });
}

/** What stands most in the way of its node's taking the replica. */
export function worstOf<R extends Pick<Rejection, 'constraint' | 'requested' | 'total'>>(rejections: readonly R[]): R {
  return rejections.reduce((a, b) => (severityOf(b) > severityOf(a) ? b : a));
}

/** How much stands in the way of a node's taking the replica, the least first. */
export function severityOf(rejection: Pick<Rejection, 'constraint' | 'requested' | 'total'>): number {
  return BY_SEVERITY.indexOf(rejection.constraint) + (isTooSmall(rejection) ? BY_SEVERITY.length : 0);
}

/** It is not what others hold: the node never has so much. */
export function isTooSmall(r: Pick<Rejection, 'constraint' | 'requested' | 'total'>): boolean {
  return (r.constraint === 'cpus' || r.constraint === 'memory') && Number(r.requested) > (r.total ?? 0);
}

/** It stays so though all that replicas hold of the node were given back. */
export function isBeyondHolding(rejection: Pick<Rejection, 'constraint' | 'requested' | 'total'>): boolean {
  return severityOf(rejection) >= FIRST_CLOSED;
}

/** Nobody has heard of the node yet: it may have everything, or nothing. */
export function isUnheardOf({ constraint, isUnknown }: Pick<Rejection, 'constraint' | 'isUnknown'>): boolean {
  return constraint === 'silent' && isUnknown === true;
}

interface Remoteness {
  readonly kind: number;
  readonly count: number;
  readonly severity: number;
  /** How much there is of what it lacks most. */
  readonly has: number;
}

function remotenessOf(rejections: readonly Rejection[]): Remoteness {
  const worst = worstOf(rejections);
  // What may fit is nearer than what is known not to.
  const severity = severityOf(worst) - (worst.isUnknown ? 0.5 : 0);
  const kind = isUnheardOf(worst)
    ? UNHEARD
    : severityOf(worst) >= FIRST_LASTING
      ? LASTING
      : severity >= FIRST_CLOSED
        ? 1
        : 0;
  return { kind, count: rejections.length, severity, has: (isTooSmall(worst) ? worst.total : worst.free) ?? -1 };
}

const BY_SEVERITY: readonly RejectionConstraint[] = [
  'unknown_constraint',
  // Ends by itself before long.
  'gpu_quarantined',
  'gpu_memory_left',
  'gpu_held',
  'gpu_slices',
  'gpu_vanished',
  'host_port',
  'max_per_node',
  'cpus',
  'memory',
  'draining',
  'leaving',
  'silent',
  // What a person can bring there.
  'image',
  'gpu_count',
  'gpu_memory',
  'gpu_model',
  'gpu_driver',
  'gpu_kind',
  'gpu_id',
  'label',
  'gpu_missing',
  'no_node',
];

const FIRST_CLOSED = BY_SEVERITY.indexOf('leaving');
const FIRST_LASTING = BY_SEVERITY.indexOf('image');
const LASTING = 2;
const UNHEARD = 3;
