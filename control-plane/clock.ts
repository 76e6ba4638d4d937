import type { Clock } from './ports.ts';

/**
 * The steady Clock: the wall clock is read once, and from then on only the monotonic one counts. A step of the wall
 * clock (NTP, a suspended laptop, somebody's `date -s`) therefore moves no lease, probe or back-off.
 */
export function createSteadyClock(
  sources: { wallMs: () => number; monotonicMs: () => number } = {
    wallMs: Date.now,
    monotonicMs: () => performance.now(),
  },
): Clock {
  const offsetMs = sources.wallMs() - sources.monotonicMs();
  return {
    now: () => Math.round(offsetMs + sources.monotonicMs()),
    sleep,
    alarm,
  };
}

/** Timers of Node wrap to 1 ms above this; longer sleeps are cut into pieces. */
const MAX_TIMER_MS = 2_147_483_647;

function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = alarm(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function alarm(delayMs: number, ring: () => void): () => void {
  let remainingMs = Math.max(0, delayMs);
  let timer: NodeJS.Timeout;
  const wait = () => {
    const pieceMs = Math.min(remainingMs, MAX_TIMER_MS);
    remainingMs -= pieceMs;
    timer = setTimeout(() => (remainingMs > 0 ? wait() : ring()), pieceMs);
  };
  wait();
  return () => clearTimeout(timer);
}
