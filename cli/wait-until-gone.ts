import type { OutriggerError } from '../control-plane/core/errors.ts';
import type { ServiceView } from '../control-plane/views.ts';
import type { ControlClient } from './control-client.ts';
import { followServices } from './follow-services.ts';
import { isUnreachable } from './http-exchange.ts';

export interface GoneWait {
  readonly client: ControlClient;
  readonly namespace: string;
  readonly names: readonly string[];
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
  /** It ends by itself once nothing is left, and takes its socket along. */
  readonly exitsWhenIdle: boolean;
  readonly onUpdate: (services: readonly ServiceView[]) => void;
}

export type GoneResult = { readonly kind: 'gone' } | { readonly kind: 'timed_out'; readonly left: readonly string[] };

/** Waits until the named services have left the control plane. */
export async function waitUntilGone(wait: GoneWait): Promise<GoneResult> {
  const deadline = new AbortController();
  const timer = wait.timeoutMs === undefined ? undefined : setTimeout(() => deadline.abort(TIMED_OUT), wait.timeoutMs);
  let left: readonly string[] = wait.names;
  try {
    const follow = followServices(wait.client, wait.namespace, {
      signal: AbortSignal.any([wait.signal, deadline.signal]),
      giveUpAfterMs: wait.exitsWhenIdle ? IDLE_EXIT_GRACE_MS : GIVE_UP_AFTER_MS,
    });
    for await (const services of follow) {
      const leaving = services.filter(s => wait.names.includes(s.name) && s.deleting);
      wait.onUpdate(leaving);
      left = leaving.map(s => s.name);
      if (left.length === 0) return { kind: 'gone' };
    }
    return { kind: 'gone' };
  } catch (error) {
    if (error === TIMED_OUT) return { kind: 'timed_out', left };
    if (wait.exitsWhenIdle && tookItsSocketAlong(error)) return { kind: 'gone' };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const TIMED_OUT = Symbol('timed out');
const GIVE_UP_AFTER_MS = 60_000;
const IDLE_EXIT_GRACE_MS = 2_000;

/** A control plane that ends in order removes its socket; one that was killed leaves it, and then nobody answers. */
function tookItsSocketAlong(error: unknown): error is OutriggerError {
  return isUnreachable(error) && error.details['reason'] === 'ENOENT';
}
