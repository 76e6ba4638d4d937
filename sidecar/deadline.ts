import type { Clock } from '../control-plane/ports.ts';

/** What `withDeadline` gives where the task took too long. */
export const EXPIRED = Symbol('expired');

/** One for all: an error made anew for each of the probes that go on for weeks is a good part of what they cost. */
const OVER = new Error('the time for this is over');

/**
 * Runs a task for at most `timeoutMs`. Its signal fires at the deadline and when the outer one does; the outcome does
 * not wait for a task that ignores it. Rejects with the outer signal's reason, or what the task rejected with.
 */
export async function withDeadline<T>(
  task: (signal: AbortSignal) => Promise<T>,
  options: { clock: Clock; timeoutMs: number; signal: AbortSignal },
): Promise<T | typeof EXPIRED> {
  const { clock, timeoutMs, signal } = options;
  signal.throwIfAborted();
  const inner = new AbortController();
  const cancel = () => inner.abort(signal.reason);
  signal.addEventListener('abort', cancel, { once: true });
  const timer = new AbortController();
  let settled = false;
  const attempt = task(inner.signal).finally(() => {
    settled = true;
  });
  try {
    return await Promise.race<T | typeof EXPIRED>([
      attempt,
      expiry(clock, timeoutMs, timer.signal),
      new Promise<never>((_, reject) => inner.signal.addEventListener('abort', () => reject(inner.signal.reason))),
    ]);
  } finally {
    signal.removeEventListener('abort', cancel);
    timer.abort(OVER);
    if (!settled) inner.abort(OVER);
  }
}

/**
 * Where this process itself was held up meanwhile, the answer may lie in the socket unread: a replica is not blamed for
 * that, and the time is granted again.
 */
async function expiry(clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<typeof EXPIRED> {
  for (let grants = 0; grants <= MAX_GRANTS; grants++) {
    const dueAt = clock.now() + timeoutMs;
    await clock.sleep(timeoutMs, signal);
    if (clock.now() - dueAt <= Math.max(TOLERATED_LATENESS_MS, 0.1 * timeoutMs)) break;
  }
  return EXPIRED;
}

const TOLERATED_LATENESS_MS = 50;
const MAX_GRANTS = 3;
