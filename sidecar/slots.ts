import type { Clock } from '../control-plane/ports.ts';

/**
 * Bounds how many probes do work at the same moment. A probe that has run for 100 ms is waiting, not working: it makes
 * room and goes on, so that hung replicas never keep the others from being asked. What waits is bounded by the targets,
 * each of which asks one question of a kind at a time.
 */
export class Slots {
  readonly #clock: Clock;
  readonly #limit: number;
  /** When each that holds a slot began, the oldest first. */
  readonly #busySince = new Map<object, number>();
  readonly #waiting: (() => void)[] = [];
  /** Set only while somebody waits: nobody else cares when a probe stops to count as busy. */
  #cancelAlarm: (() => void) | null = null;

  constructor(options: { clock: Clock; limit: number }) {
    this.#clock = options.clock;
    this.#limit = options.limit;
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
      if (now - since < BUSY_MS) break;
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
    if (this.#waiting.length === 0 || oldest === undefined) return;
    this.#cancelAlarm = this.#clock.alarm(oldest + BUSY_MS - this.#clock.now(), () => this.#admit());
  }
}

const BUSY_MS = 100;
