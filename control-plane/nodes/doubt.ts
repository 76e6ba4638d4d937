import type { Clock } from '../ports.ts';

/**
 * Whether a version of a file may be half of one: editors and copies write in steps, and the beginning of a nodes file is a
 * nodes file with fewer nodes. A version counts once it was read twice, `confirmMs` apart, and no other one between.
 */
export class Doubt {
  readonly #clock: Clock;
  readonly #confirmMs: number;
  #text: string | null = null;
  #since = 0;

  constructor({ clock, confirmMs }: { clock: Clock; confirmMs: number }) {
    this.#clock = clock;
    this.#confirmMs = confirmMs;
  }

  /** The version that is doubted; null: none is. */
  get text(): string | null {
    return this.#text;
  }

  /** A version was read that would be doubted: how many ms until it is worth reading again; null: it counts. */
  leftMs(text: string): number | null {
    const now = this.#clock.now();
    if (text !== this.#text) {
      this.#text = text;
      this.#since = now;
    }
    const leftMs = this.#since + this.#confirmMs - now;
    return leftMs <= 0 ? null : leftMs;
  }

  /** Another version was read that is not doubted. */
  clear(): void {
    this.#text = null;
  }
}

/** Longer than a program takes between two writes of one file. */
export const CONFIRM_MS = 3_000;
