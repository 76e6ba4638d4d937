import type { Clock } from '../control-plane/ports.ts';

/** What `withDeadline` gives where the task took too long. */
export const EXPIRED = Symbol('expired');

/** One for all: an error made anew for each of the probes that go on for weeks is a good part of what they cost. */
const OVER = new Error('the time for this is over');

/**
 * Runs a task for at most `timeoutMs`. Its signal fires at the deadline and when the outer one does; the outcome does
 * not wait for a task that ignores it. Rejects with the outer signal's reason, or what the task rejected with.
 *
 * Where this process itself was held up meanwhile, the answer may lie in the socket unread: a replica is not blamed for
 * that, and the time is granted again.
 */
export function withDeadline<T>(
  task: (signal: AbortSignal) => Promise<T>,
  options: { clock: Clock; timeoutMs: number; signal: AbortSignal },
): Promise<T | typeof EXPIRED> {
  const { clock, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const inner = new AbortController();
    let cancelAlarm: () => void;
    const settle = () => {
      signal.removeEventListener('abort', abort);
      cancelAlarm();
    };
    const abort = () => {
      settle();
      reject(signal.reason);
      inner.abort(signal.reason);
    };
    const arm = (grantsLeft: number) => {
      const dueAt = clock.now() + timeoutMs;
      cancelAlarm = clock.alarm(timeoutMs, () => {
        const isHeldUp = clock.now() - dueAt > Math.max(TOLERATED_LATENESS_MS, 0.1 * timeoutMs);
        if (isHeldUp && grantsLeft > 0) return arm(grantsLeft - 1);
        settle();
        resolve(EXPIRED);
        inner.abort(OVER);
      });
    };
    arm(MAX_GRANTS);
    signal.addEventListener('abort', abort, { once: true });
    task(inner.signal).then(
      value => {
        settle();
        resolve(value);
      },
      error => {
        settle();
        reject(error);
      },
    );
  });
}

const TOLERATED_LATENESS_MS = 50;
const MAX_GRANTS = 3;
