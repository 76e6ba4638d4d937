import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ReplicaView, ServiceView } from '../control-plane/views/views.ts';
import type { ControlClient } from './control-client.ts';
import { followServices } from './follow-services.ts';
import {
  type Awaited,
  failingReplica,
  type RolloutFailure,
  type RolloutOutcome,
  rolloutOutcome,
} from './rollout-outcome.ts';

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

export interface ServiceFailure extends RolloutFailure {
  readonly service: string;
}

/** How long a lost control plane may stay away before the command gives up. */
const GIVE_UP_AFTER_MS = 60_000;
/** How long a service without a port has to run until it is taken for started. */
const STEADY_MS = 1_000;
/** How long the control plane is given to roll back or pause what has failed. */
const VERDICT_MS = 3_000;

/** Waits until every awaited service is ready or one has failed. Rejects with the signal's reason when that aborts. */
export async function waitForRollout(wait: RolloutWait): Promise<RolloutResult> {
  const ending = new AbortController();
  const timer = wait.timeoutMs === undefined ? undefined : setTimeout(() => ending.abort(TIMED_OUT), wait.timeoutMs);
  let verdictTimer: NodeJS.Timeout | undefined;
  let steadyTimer: NodeJS.Timeout | undefined;
  const culprits = new Map<string, ReplicaView>();
  let latest: readonly ServiceView[] = [];
  const judgeAll = () => wait.awaited.map(awaited => judge(awaited, latest, culprits));
  const failed = (): RolloutResult => ({ kind: 'failed', failures: failuresIn(judgeAll()), services: latest });
  try {
    const follow = followServices(wait.client, wait.namespace, {
      signal: AbortSignal.any([wait.signal, ending.signal]),
      giveUpAfterMs: GIVE_UP_AFTER_MS,
      ...(wait.onLost && { onLost: wait.onLost }),
    });
    for await (const services of follow) {
      latest = services.filter(s => wait.awaited.some(a => a.name === s.name));
      wait.onUpdate(latest);
      const judged = judgeAll();
      const failures = failuresIn(judged);
      if (failures.some(f => !f.provisional)) return failed();
      if (failures.length > 0) verdictTimer ??= setTimeout(() => ending.abort(NO_OTHER_VERDICT), VERDICT_MS);
      else {
        clearTimeout(verdictTimer);
        verdictTimer = undefined;
      }
      const allReady = judged.every(({ outcome }) => outcome.kind === 'ready');
      if (allReady && latest.every(s => wait.settled?.(s) ?? true)) {
        if (latest.every(isProbed)) return { kind: 'ready', services: latest };
        steadyTimer ??= setTimeout(() => ending.abort(STEADY), STEADY_MS);
      } else {
        clearTimeout(steadyTimer);
        steadyTimer = undefined;
      }
    }
    throw new OutriggerError('internal', 'The stream of services ended without an error.');
  } catch (error) {
    if (error === STEADY) return { kind: 'ready', services: latest };
    if (error === NO_OTHER_VERDICT) return failed();
    if (error !== TIMED_OUT) throw error;
    const waitingFor = judgeAll().filter(j => j.outcome.kind !== 'ready');
    return { kind: 'timed_out', waitingFor: waitingFor.map(j => j.name), services: latest };
  } finally {
    clearTimeout(timer);
    clearTimeout(verdictTimer);
    clearTimeout(steadyTimer);
  }
}

const TIMED_OUT = Symbol('timed out');
const NO_OTHER_VERDICT = Symbol('no other verdict');
const STEADY = Symbol('steady');

/** What nothing probes, and has only just started, may be about to end: it is looked at for a little longer. */
function isProbed(service: ServiceView): boolean {
  if (service.port !== undefined) return true;
  const nowMs = Date.now();
  return service.replicas.every(r => r.phase !== 'ready' || nowMs - r.sinceMs >= STEADY_MS);
}

interface Judged {
  readonly name: string;
  readonly outcome: RolloutOutcome;
}

function judge(awaited: Awaited, services: readonly ServiceView[], culprits: Map<string, ReplicaView>): Judged {
  const view = services.find(s => s.name === awaited.name);
  const failing = view && failingReplica(awaited, view);
  if (failing) culprits.set(awaited.name, failing);
  return { name: awaited.name, outcome: rolloutOutcome(awaited, view, culprits.get(awaited.name)) };
}

function failuresIn(judged: readonly Judged[]): ServiceFailure[] {
  return judged.flatMap(({ name, outcome }) => (outcome.kind === 'failed' ? [{ ...outcome, service: name }] : []));
}
