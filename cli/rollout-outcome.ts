import type { ReplicaView, ServiceView } from '../control-plane/views.ts';

/** What a command waits for: this service in this generation, or a later state in which it has failed. */
export interface Awaited {
  readonly name: string;
  readonly generation: number;
}

export type RolloutOutcome =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'ready' }
  /** Something else took its place, or it is gone. `culprit` is the replica that shows why, where one is left. */
  | {
      readonly kind: 'failed';
      readonly reason: FailureReason;
      readonly message: string;
      readonly culprit?: ReplicaView;
    };

export type FailureReason = 'replica_failed' | 'service_failed' | 'rolled_back' | 'removed';

/**
 * Judges one service as it is shown now. `culprit` is the last replica of this generation that was seen failing, which
 * may have been removed since.
 */
export function rolloutOutcome(
  awaited: Awaited,
  view: ServiceView | undefined,
  culprit: ReplicaView | undefined,
): RolloutOutcome {
  const because = culprit === undefined ? {} : { culprit };
  if (view === undefined || view.deleting) {
    return {
      kind: 'failed',
      reason: 'removed',
      message: 'it was removed while this command waited for it',
      ...because,
    };
  }
  if (view.generation < awaited.generation) return { kind: 'waiting' };
  if (view.generation > awaited.generation) {
    const message = view.message || `generation ${view.generation} took the place of generation ${awaited.generation}`;
    return { kind: 'failed', reason: 'rolled_back', message, ...because };
  }
  const current = view.replicas.filter(r => r.generation === awaited.generation);
  const failed = current.find(r => r.phase === 'failed');
  // An update that has something to go back to is judged once the control plane has decided what becomes of it.
  const fallsBack = view.state === 'updating' && view.replicas.some(r => r.generation < awaited.generation);
  if (view.state === 'failed' || (failed && !fallsBack)) {
    const shown = failed ?? culprit;
    return {
      kind: 'failed',
      reason: failed ? 'replica_failed' : 'service_failed',
      message: failed?.message || view.message,
      ...(shown && { culprit: shown }),
    };
  }
  return view.state === 'ready' && view.readyReplicas >= view.wantedReplicas ? { kind: 'ready' } : { kind: 'waiting' };
}

/** The replica of this generation that shows best why the rollout does not get on: failed before crashed. */
export function failingReplica(awaited: Awaited, view: ServiceView): ReplicaView | undefined {
  const current = view.replicas.filter(r => r.generation === awaited.generation);
  return (
    current.find(r => r.phase === 'failed') ??
    current.find(r => r.phase === 'backoff') ??
    current.find(r => r.exitCode !== undefined)
  );
}
