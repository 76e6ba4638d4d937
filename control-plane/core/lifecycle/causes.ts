import type { Cause, CauseKind } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import type { ReplicaEvent } from './transition.ts';

/** The attempt is over, and what follows is for the service's restart policy to say. */
export function failed(spec: ServiceSpec, cause: Cause): ReplicaEvent {
  return { kind: 'failed', cause, policy: spec.restart };
}

export function notAlive(detail: string | undefined): Cause {
  return probeCause('liveness', 'the liveness probe failed', detail);
}

/** What an engine refused. */
export function refusal(message: string): Cause {
  return { kind: 'rejected', message, logTail: [] };
}

/** @param detail what the probe itself said */
export function probeCause(kind: CauseKind, what: string, detail: string | undefined): Cause {
  return { kind, message: detail ? `${what}: ${detail}` : what, logTail: [] };
}

/** For an end that is no fault of the replica's own. */
export const NO_BUDGET: ServiceSpec['restart'] = { startAttempts: null, maxAttempts: null };
