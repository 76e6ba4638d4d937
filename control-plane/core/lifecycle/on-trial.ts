import type { CauseKind, Replica } from '../replica.ts';
import { isUpdating, type Service } from '../service.ts';
import type { ServiceSpec } from '../spec.ts';
import { FORGIVEN_AFTER_READY_MS } from './backoff.ts';
import type { ReplicaFacts } from './replica-facts.ts';
import { type ReplicaEvent, readyForMs } from './transition.ts';

/**
 * When a newcomer of an update that is ready will have been so for `update.monitor`, and counts: before that nobody leaves
 * for it, and its generation is not known to work. Null: it is not on trial, or not ready.
 */
export function provenAt(service: Service, { generation, phase }: Replica): number | null {
  if (!isUpdating(service) || generation !== service.generation || phase.kind !== 'ready') return null;
  return phase.since + service.spec.update.monitorMs;
}

/**
 * What ends a newcomer of an update by its own fault has failed that, also after it was ready: the budget of its start
 * counts on. Unless `on_failure: continue` says that failures do not matter: then it is tried again for as long as ever.
 */
export function underTrial(replica: Replica, event: ReplicaEvent, facts: ReplicaFacts): ReplicaEvent {
  if (!facts.isUpdate || facts.spec.update.onFailure === 'continue') return event;
  if (event.kind !== 'failed' && event.kind !== 'ended') return event;
  return isOwnFault(replica, event, facts) ? { ...event, policy: startBudget(event.policy) } : event;
}

function isOwnFault(
  replica: Replica,
  event: Extract<ReplicaEvent, { kind: 'failed' | 'ended' }>,
  { observed, spec, now }: ReplicaFacts,
): boolean {
  const { phase } = replica;
  if (readyForMs(replica, now) >= Math.max(FORGIVEN_AFTER_READY_MS, spec.update.monitorMs)) return false;
  const cause = event.kind === 'failed' ? event.cause.kind : retriedFor(phase);
  if (cause === null || !OWN.has(cause)) return false;
  // An engine that was away in the meantime may have ended it: what an exit code says of that differs.
  const answeringSince = 'placement' in phase ? observed.nodes.get(phase.placement.node)?.answeringSince : undefined;
  return cause !== 'exited' || answeringSince === undefined || answeringSince <= phase.since;
}

function retriedFor(phase: Replica['phase']): CauseKind | null {
  return phase.kind === 'stopping' && phase.afterwards.kind === 'retried' ? phase.afterwards.cause.kind : null;
}

const OWN: ReadonlySet<CauseKind> = new Set(['exited', 'oom_killed', 'startup_timeout', 'liveness', 'warmup']);

/** As many failures in all as a start may have. */
function startBudget({ startAttempts, maxAttempts }: ServiceSpec['restart']): ServiceSpec['restart'] {
  if (startAttempts === null) return { startAttempts, maxAttempts };
  return { startAttempts, maxAttempts: Math.min(maxAttempts ?? startAttempts, startAttempts - 1) };
}
