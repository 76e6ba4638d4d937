import { setTimeout as sleep } from 'node:timers/promises';
import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ServiceView } from '../control-plane/views/views.ts';
import type { ControlClient } from './control-client.ts';
import { isUnreachable } from './http-exchange.ts';

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** How long nobody may answer before the follower gives up with the last error. */
  readonly giveUpAfterMs: number;
  /** The connection was lost; the services themselves go on. Called once for each loss. */
  readonly onLost?: (error: OutriggerError) => void;
  readonly onBack?: () => void;
}

const RETRY_FIRST_MS = 100;
const RETRY_MOST_MS = 2_000;

/**
 * The services of a namespace, of all without one, now and after every change, over restarts of the control plane. Ends only by an error or
 * the signal, whose reason it then throws.
 */
export async function* followServices(
  client: Pick<ControlClient, 'watchServices'>,
  namespace: string | undefined,
  options: FollowOptions,
): AsyncGenerator<readonly ServiceView[]> {
  let lostAtMs: number | null = null;
  let retryMs = RETRY_FIRST_MS;
  for (;;) {
    let error: OutriggerError;
    try {
      for await (const services of client.watchServices(namespace, options.signal)) {
        if (lostAtMs !== null) options.onBack?.();
        lostAtMs = null;
        retryMs = RETRY_FIRST_MS;
        yield namespace === undefined ? services : services.filter(s => s.namespace === namespace);
      }
      error = new OutriggerError('unavailable', 'The control plane ended the connection.', {
        details: { unreachable: true },
      });
    } catch (thrown) {
      if (options.signal.aborted) throw options.signal.reason;
      if (!isUnreachable(thrown)) throw thrown;
      error = thrown;
    }
    options.signal.throwIfAborted();
    const nowMs = performance.now();
    if (lostAtMs === null) {
      lostAtMs = nowMs;
      options.onLost?.(error);
    }
    if (nowMs - lostAtMs >= options.giveUpAfterMs) throw error;
    await sleep(retryMs, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted());
    retryMs = Math.min(RETRY_MOST_MS, retryMs * 2);
  }
}
