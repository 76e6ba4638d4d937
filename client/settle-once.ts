/**
 * A promise of what `begin` hands to its argument, or a rejection with a signal's reason, or with `expired()` after
 * `timeoutMs`, whichever comes first. Then timer and listeners are gone, and what `begin` returned has been called, which ends
 * what it began. The timer keeps the process: somebody waits.
 */
export function settleOnce<T>(
  begin: (resolve: (value: T) => void) => () => void,
  options: {
    readonly timeoutMs: number;
    readonly expired: () => Error;
    readonly signals: readonly (AbortSignal | undefined)[];
  },
): Promise<T> {
  const { timeoutMs, expired, signals } = options;
  return new Promise((resolve, reject) => {
    const ends: (() => void)[] = [];
    let isSettled = false;
    const settle = (outcome: () => void) => {
      if (isSettled) return;
      isSettled = true;
      for (const end of ends) end();
      outcome();
    };
    for (const signal of signals) {
      if (!signal) continue;
      const abort = () => settle(() => reject(signal.reason));
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort, { once: true });
      ends.push(() => signal.removeEventListener('abort', abort));
    }
    const timer = setTimeout(() => {
      // What it says may depend on what is still watched.
      const error = expired();
      settle(() => reject(error));
    }, timeoutMs);
    ends.push(() => clearTimeout(timer));
    const end = begin(value => settle(() => resolve(value)));
    if (isSettled) end();
    else ends.push(end);
  });
}
