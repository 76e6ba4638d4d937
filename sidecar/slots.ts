import type { Clock } from '../control-plane/ports.ts';

/**
 * Bounds how many probes do work at the same moment. A probe that has run for 100 ms is waiting, not working: it gives
 * its slot back and goes on, so that hung replicas never keep the others from being asked. What waits is bounded by the
 * targets, each of which asks one question of a kind at a time.
 */
export class Slots {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(options: { clock: Clock; limit: number }) {
    this.#clock = options.clock;
    this.#free = options.limit;
  }

  /** Runs the task once a slot is free. Rejects with the signal's reason if that fires first. */
  async run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#acquire(signal);
    const done = new AbortController();
    const release = once(() => this.#release());
    void this.#clock.sleep(BUSY_MS, done.signal).then(release, () => undefined);
    try {
      return await task();
    } finally {
      release();
      done.abort(DONE);
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const admit = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        reject(signal.reason);
      };
      this.#waiting.push(admit);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}

const BUSY_MS = 100;
/** One for all: making an error costs more than all the rest of this file. */
const DONE = new Error('the task has ended');

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
