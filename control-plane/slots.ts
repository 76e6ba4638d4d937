import type { Clock } from './ports.ts';

/**
 * Bounds how many tasks do work at the same moment; first come, first served. One that has run for `busyMs` counts as
 * waiting, not working: it makes room and goes on, so that what hangs keeps nobody else from beginning. How many wait is
 * for those to bound who bring the tasks.
 */
export class Slots {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #busyMs: number;
  /** When each that holds a slot began, the oldest first. */
  readonly #busySince = new Map<object, number>();
  readonly #waiting: (() => void)[] = [];
  /** Set only while somebody waits: nobody else cares when a task stops to count as busy. */
  #cancelAlarm: (() => void) | null = null;

  /** @param options busyMs: absent, a task holds its slot to the end */
  constructor(options: { clock: Clock; limit: number; busyMs?: number }) {
    this.#clock = options.clock;
    this.#limit = options.limit;
    this.#busyMs = options.busyMs ?? Number.POSITIVE_INFINITY;
  }

  /** Nobody holds a slot that counts, and nobody waits for one. */
  get isIdle(): boolean {
    return this.#busySince.size === 0 && this.#waiting.length === 0;
  }

  /** Runs the task once a slot is free. Rejects with the signal's reason if that fires first. */
  async run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const slot = this.#hasRoom() ? this.#take() : await this.#turn(signal);
    try {
      return await task();
    } finally {
      this.#busySince.delete(slot);
      if (this.#waiting.length > 0) this.#admit();
    }
  }

  #turn(signal: AbortSignal): Promise<object> {
    return new Promise((resolve, reject) => {
      const admit = () => {
        signal.removeEventListener('abort', leave);
        resolve(this.#take());
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        this.#admit();
        reject(signal.reason);
      };
      this.#waiting.push(admit);
      signal.addEventListener('abort', leave, { once: true });
      this.#admit();
    });
  }

  #take(): object {
    const slot = {};
    this.#busySince.set(slot, this.#clock.now());
    return slot;
  }

  #hasRoom(): boolean {
    const now = this.#clock.now();
    for (const [slot, since] of this.#busySince) {
      if (now - since < this.#busyMs) break;
      this.#busySince.delete(slot);
    }
    return this.#busySince.size < this.#limit;
  }

  /** Those who wait come in as far as there is room; for the next of them it is looked again when the oldest makes room. */
  #admit(): void {
    this.#cancelAlarm?.();
    this.#cancelAlarm = null;
    while (this.#waiting.length > 0 && this.#hasRoom()) this.#waiting.shift()!();
    const [oldest] = this.#busySince.values();
    if (this.#waiting.length === 0 || oldest === undefined || this.#busyMs === Number.POSITIVE_INFINITY) return;
    this.#cancelAlarm = this.#clock.alarm(oldest + this.#busyMs - this.#clock.now(), () => this.#admit());
  }
}
