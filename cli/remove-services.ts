import type { ServiceRef } from '../control-plane/control-plane.ts';
import type { ServiceView } from '../control-plane/views/views.ts';
import { askToRemove, CALL_TIMEOUT_MS } from './ask-to-remove.ts';
import type { ControlClient } from './control-client.ts';
import { isUnreachable } from './http-exchange.ts';
import { type GoneResult, waitUntilGone } from './wait-until-gone.ts';

export interface RemoveServices {
  readonly client: ControlClient;
  readonly namespace: string;
  /** All of the namespace where empty. */
  readonly names: readonly string[];
  /** What is there now, where the caller has just asked. */
  readonly known?: readonly ServiceView[];
  readonly volumes: boolean;
  /** What a container gets to end by itself; absent: what its service says. */
  readonly graceMs?: number;
  /** For the waiting; absent: as long as it takes. */
  readonly timeoutMs?: number;
  /**
   * Only what the apply request of this id asked for, and nobody else since: a command takes back what is its own, and what
   * another one has removed meanwhile is gone as it should be.
   */
  readonly askedBy?: string;
  /** Ends everything at once, also the asking. */
  readonly hurry?: AbortSignal;
}

/**
 * Has services drained and removed, and waits until they are gone. The signal ends only the waiting: what was asked of
 * the control plane goes on.
 */
export async function removeServices(
  request: RemoveServices,
  {
    signal,
    onAccepted,
    onUpdate,
    revive,
  }: {
    signal: AbortSignal;
    /** The control plane has the request, and carries it out whoever waits. */
    onAccepted?: () => void;
    onUpdate: (leaving: readonly ServiceView[]) => void;
    /** Has the control plane started again that was killed meanwhile, where a command may do that. */
    revive?: () => Promise<unknown>;
  },
): Promise<{ readonly removed: readonly ServiceRef[]; readonly result: GoneResult }> {
  const { client, namespace, timeoutMs } = request;
  const { exitWhenIdle, removed } = await askToRemove(request, revive);
  onAccepted?.();
  const wait = () =>
    waitUntilGone({
      client,
      namespace,
      names: removed.map(r => r.name),
      signal,
      ...(timeoutMs !== undefined && { timeoutMs }),
      exitsWhenIdle: exitWhenIdle,
      onUpdate,
    });
  try {
    return { removed, result: await wait() };
  } catch (error) {
    if (!exitWhenIdle || revive === undefined || !wasKilled(error)) throw error;
    await revive();
    return { removed, result: await wait() };
  }
}

/** One that ended in order took its socket along. */
function wasKilled(error: unknown): boolean {
  return isUnreachable(error) && error.details['reason'] === 'ECONNREFUSED';
}

/** What runs before something is removed, so that only what changes is shown. */
export function runningBefore({ client, namespace }: RemoveServices): Promise<readonly ServiceView[]> {
  return client.services(namespace, AbortSignal.timeout(CALL_TIMEOUT_MS));
}
