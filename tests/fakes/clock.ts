import type { Clock, Ids } from '../../control-plane/ports.ts';

/**
 * A Clock whose time passes only when the test says so. Timers that are due at the same moment fire in the order in
 * which they were set; between two of them everything that they woke runs to its next wait.
 */
export class VirtualClock implements Clock {
  #now: number;
  #sequence = 0;
  readonly #timers = new Map<number, Timer>();

  constructor(startMs = 1_800_000_000_000) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  /** Somebody sets the wall clock: sleeps go on as they are. */
  step(byMs: number): void {
    this.#now += byMs;
    for (const [key, timer] of this.#timers) this.#timers.set(key, { ...timer, at: timer.at + byMs });
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        cancel();
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const cancel = this.alarm(delayMs, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  alarm(delayMs: number, ring: () => void): () => boolean {
    const sequence = this.#sequence++;
    this.#timers.set(sequence, { at: this.#now + Math.max(0, delayMs), sequence, fire: ring });
    return () => this.#timers.delete(sequence);
  }

  /** Sleeps and alarms that have not ended; a test of clean shutdown expects 0. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** When the next sleep ends; null where nobody sleeps. */
  nextAt(): number | null {
    return this.#first()?.at ?? null;
  }

  /** Lets the time pass, sleeper by sleeper. */
  async advance(byMs: number): Promise<void> {
    const until = this.#now + byMs;
    await settle();
    for (let timer = this.#first(); timer && timer.at <= until; timer = this.#first()) {
      this.#fire(timer);
      await settle();
    }
    this.#now = until;
  }

  /**
   * Lets the time pass until `done` holds, for at most `withinMs` of virtual time. A condition that does not come true
   * is an error; so is one that nobody is left to bring about.
   */
  async advanceUntil(done: () => boolean, withinMs: number): Promise<void> {
    const until = this.#now + withinMs;
    await settle();
    while (!done()) {
      const timer = this.#first();
      if (!timer || timer.at > until) {
        throw new Error(
          timer ? `not so within ${withinMs} ms of virtual time` : 'not so, and nobody waits for anything',
        );
      }
      this.#fire(timer);
      await settle();
    }
  }

  /** Lets the time pass until nobody sleeps any more; returns how much passed. Programs with endless loops never get there. */
  async runUntilIdle(withinMs = 24 * 3_600_000): Promise<number> {
    const from = this.#now;
    await this.advanceUntil(() => this.#timers.size === 0, withinMs);
    return this.#now - from;
  }

  #fire(timer: Timer): void {
    this.#now = Math.max(this.#now, timer.at);
    this.#timers.delete(timer.sequence);
    timer.fire();
  }

  #first(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) {
      // The map iterates in the order of setting, so that the earlier of two equal ones stays first.
      if (!first || timer.at < first.at) first = timer;
    }
    return first;
  }
}

/** Ids that count, so that a failing run reads the same each time. */
export function countingIds(): Ids {
  let count = 0;
  return { replicaId: () => `r${(count++).toString(36).padStart(7, '0')}` };
}

/** Runs every promise continuation that is due, and what those make due, before it resolves. */
export function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

interface Timer {
  readonly at: number;
  readonly sequence: number;
  readonly fire: () => void;
}
