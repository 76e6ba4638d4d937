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
  };
}

/** Timers of Node wrap to 1 ms above this; longer sleeps are cut into pieces. */
const MAX_TIMER_MS = 2_147_483_647;

function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    let remainingMs = Math.max(0, delayMs);
    let timer: NodeJS.Timeout;
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const wait = () => {
      const pieceMs = Math.min(remainingMs, MAX_TIMER_MS);
      remainingMs -= pieceMs;
      timer = setTimeout(() => {
        if (remainingMs > 0) return wait();
        signal.removeEventListener('abort', onAbort);
        resolve();
      }, pieceMs);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    wait();
  });
}
