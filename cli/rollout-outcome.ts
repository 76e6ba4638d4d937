import type { ApplyResult } from '../control-plane/control-plane.ts';
import type { ReplicaView, ServiceView } from '../control-plane/views/views.ts';

/** A replica that failed; or, where it is gone by now, what the control plane kept of it. */
export type Culprit = Pick<ReplicaView, 'exitCode' | 'logTail' | 'message'> &
  Partial<Pick<ReplicaView, 'id' | 'phase'>>;

/** What a command waits for: this service in this generation, or a later state in which it has failed. */
export interface Awaited {
  readonly name: string;
  readonly generation: number;
  /** Set where an older generation ran before, so that a failure may still be rolled back: when that was accepted. */
  readonly replacesAcceptedAtMs?: number;
}

export type RolloutOutcome = { readonly kind: 'waiting' } | { readonly kind: 'ready' } | RolloutFailure;

export interface RolloutFailure {
  readonly kind: 'failed';
  readonly reason: 'replica_failed' | 'service_failed' | 'rolled_back' | 'removed' | 'superseded';
  readonly message: string;
  /** What shows why, where something does: its exit code and last lines. */
  readonly culprit?: Culprit;
  /** The control plane may say within moments what becomes of it. */
  readonly provisional: boolean;
}

/** What to wait for after an apply; `known` are the services before it. */
export function awaitedOf({ service, generation, outcome }: ApplyResult, known: readonly ServiceView[]): Awaited {
  const before = outcome === 'updated' ? known.find(s => s.name === service.name) : undefined;
  return { name: service.name, generation, ...(before && { replacesAcceptedAtMs: before.acceptedAtMs }) };
}

/**
 * Judges one service as it is shown now. `culprit` is the last replica of this generation that was seen failing, which
 * may have been removed since.
 */
export function rolloutOutcome(
  awaited: Awaited,
  view: ServiceView | undefined,
  culprit: ReplicaView | undefined,
): RolloutOutcome {
  const failed = (reason: RolloutFailure['reason'], message: string, provisional = false): RolloutFailure => ({
    kind: 'failed',
    reason,
    message,
    provisional,
    ...(culprit && { culprit }),
  });
  if (view === undefined || view.deleting) {
    return failed('removed', REMOVED);
  }
  const told = view.failedRollout;
  if (told?.generation === awaited.generation) {
    return { ...failed(told.rolledBack ? 'rolled_back' : 'service_failed', told.message), culprit: told };
  }
  // Another command's update says nothing of this one's, and is not this one's to undo.
  if (view.generation > awaited.generation) {
    const newer = `generation ${view.generation} was asked for while this command waited for generation ${awaited.generation}`;
    return { kind: 'failed', reason: 'superseded', message: newer, provisional: false };
  }
  // A rollback makes the older generation the accepted one again, at a later time than before.
  const { replacesAcceptedAtMs } = awaited;
  const replaces = replacesAcceptedAtMs !== undefined;
  const isOlder = view.generation < awaited.generation;
  if (isOlder && !(replaces && view.acceptedAtMs > replacesAcceptedAtMs)) return { kind: 'waiting' };
  if (isOlder) {
    const fallback = `generation ${view.generation} took the place of generation ${awaited.generation}`;
    return failed('rolled_back', view.message || fallback);
  }
  if (culprit?.phase === 'failed' && view.replicas.some(r => r.id === culprit.id && r.phase === 'failed')) {
    return failed('replica_failed', culprit.message || view.message, replaces);
  }
  // Without a port nothing probes it: it counts as ready once it runs, so that one which ends at once is no failed start
  // for the control plane, but a crash that it tries again for ever.
  const endedAtOnce = view.port === undefined && culprit?.phase === 'backoff';
  if (endedAtOnce && view.replicas.some(r => r.id === culprit.id && r.phase === 'backoff')) {
    return failed('replica_failed', culprit.message, replaces);
  }
  if (view.state === 'failed') return failed('service_failed', view.message, replaces);
  return view.state === 'ready' && view.readyReplicas >= view.wantedReplicas ? { kind: 'ready' } : { kind: 'waiting' };
}

const REMOVED = 'another command removed it while this one waited';

/** The replica of this generation that shows best why the rollout does not get on: failed before crashed. */
export function failingReplica(awaited: Awaited, view: ServiceView): ReplicaView | undefined {
  const current = view.replicas.filter(r => r.generation === awaited.generation);
  return (
    current.find(r => r.phase === 'failed') ??
    current.find(r => r.phase === 'backoff') ??
    current.find(r => r.exitCode !== undefined)
  );
}
