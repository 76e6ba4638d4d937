import { OutriggerError } from './core/errors.ts';
import type { Clock } from './ports.ts';

/**
 * Does the work with a signal that fires with the parent's, or with `timeout` once the time is over by the Clock. Rejects
 * with what the work rejects with; work that does not heed its signal holds this up no longer than the time.
 */
export async function within<T>(
  { clock, timeoutMs, signal }: { clock: Clock; timeoutMs: number; signal: AbortSignal },
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const settled = new AbortController();
  const deadline = new AbortController();
  const over = clock.sleep(timeoutMs, settled.signal).then(
    () => {
      const error = new OutriggerError('timeout', `${what} got no answer within ${Math.round(timeoutMs / 1_000)} s`, {
        next: 'The engine hangs or is overloaded; `docker ps` there shows the same. It is asked again.',
      });
      deadline.abort(error);
      throw error;
    },
    // It settled before.
    () => new Promise<never>(() => {}),
  );
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work(AbortSignal.any([signal, deadline.signal])), over, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    settled.abort(SETTLED);
  }
}

/** One for all: without a reason each abort makes an error of its own, with its stack. */
const SETTLED = new Error('the work has settled');
