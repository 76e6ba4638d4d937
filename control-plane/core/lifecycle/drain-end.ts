import type { Observed } from '../observed.ts';
import type { PhaseOf } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';

/**
 * When a draining replica is stopped though clients may still use it; null: the registry may still hand it out, and its
 * clients have all of the time from when that ends. Where it is deleted, or its place is needed by somebody of higher
 * priority, the time counts from the start: a registry that is away is not waited for.
 */
export function drainEndsAt(
  replicaId: string,
  phase: PhaseOf<'draining'>,
  facts: { readonly spec: ServiceSpec; readonly observed: Observed; readonly isDeleted: boolean },
): number | null {
  const { timeoutMs } = facts.spec.drain;
  if (facts.isDeleted || phase.reason === 'deleted' || phase.reason === 'preempted') return phase.since + timeoutMs;
  const { letGoAt } = facts.observed.standing(replicaId);
  return letGoAt === null ? null : Math.max(phase.since, letGoAt) + timeoutMs;
}
