import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ReplicaView, ServiceView } from '../control-plane/views.ts';
import type { ControlClient } from './control-client.ts';
import { followServices } from './follow-services.ts';
import { type Awaited, failingReplica, type RolloutOutcome, rolloutOutcome } from './rollout-outcome.ts';

export interface RolloutWait {
  readonly client: ControlClient;
  readonly namespace: string;
  readonly awaited: readonly Awaited[];
  /** What must hold besides readiness. */
  readonly settled?: (service: ServiceView) => boolean;
  readonly signal: AbortSignal;
  /** No end where absent. */
  readonly timeoutMs?: number;
  /** Called with each newer state of the awaited services. */
  readonly onUpdate: (services: readonly ServiceView[]) => void;
  readonly onLost?: (error: OutriggerError) => void;
}

export type RolloutResult =
  | { readonly kind: 'ready'; readonly services: readonly ServiceView[] }
  | { readonly kind: 'failed'; readonly failures: readonly ServiceFailure[]; readonly services: readonly ServiceView[] }
  | { readonly kind: 'timed_out'; readonly waitingFor: readonly string[]; readonly services: readonly ServiceView[] };

export interface ServiceFailure extends Extract<RolloutOutcome, { kind: 'failed' }> {
  readonly service: string;
}

/** How long a lost control plane may stay away before the command gives up. */
const GIVE_UP_AFTER_MS = 60_000;

/** Waits until every awaited service is ready or one has failed. Rejects with the signal's reason when that aborts. */
export async function waitForRollout(wait: RolloutWait): Promise<RolloutResult> {
  const deadline = new AbortController();
  const timer = wait.timeoutMs === undefined ? undefined : setTimeout(() => deadline.abort(TIMED_OUT), wait.timeoutMs);
  const culprits = new Map<string, ReplicaView>();
  let latest: readonly ServiceView[] = [];
  try {
    const follow = followServices(wait.client, wait.namespace, {
      signal: AbortSignal.any([wait.signal, deadline.signal]),
      giveUpAfterMs: GIVE_UP_AFTER_MS,
      ...(wait.onLost && { onLost: wait.onLost }),
    });
    for await (const services of follow) {
      latest = services.filter(s => wait.awaited.some(a => a.name === s.name));
      wait.onUpdate(latest);
      const judged = wait.awaited.map(awaited => judge(awaited, latest, culprits));
      const failures = judged.flatMap(({ name, outcome }) =>
        outcome.kind === 'failed' ? [{ ...outcome, service: name }] : [],
      );
      if (failures.length > 0) return { kind: 'failed', failures, services: latest };
      if (judged.every(({ outcome }) => outcome.kind === 'ready') && latest.every(s => wait.settled?.(s) ?? true))
        return { kind: 'ready', services: latest };
    }
    throw new OutriggerError('internal', 'The stream of services ended without an error.');
  } catch (error) {
    if (error !== TIMED_OUT) throw error;
    const waitingFor = wait.awaited
      .filter(awaited => judge(awaited, latest, culprits).outcome.kind !== 'ready')
      .map(awaited => awaited.name);
    return { kind: 'timed_out', waitingFor, services: latest };
  } finally {
    clearTimeout(timer);
  }
}

const TIMED_OUT = Symbol('timed out');

function judge(awaited: Awaited, services: readonly ServiceView[], culprits: Map<string, ReplicaView>) {
  const view = services.find(s => s.name === awaited.name);
  const failing = view && failingReplica(awaited, view);
  if (failing) culprits.set(awaited.name, failing);
  return { name: awaited.name, outcome: rolloutOutcome(awaited, view, culprits.get(awaited.name)) };
}
