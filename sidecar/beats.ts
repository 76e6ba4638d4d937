import type { Clock } from '../control-plane/ports.ts';

/**
 * Chooses when what is asked again and again is asked next, so that several questions come at the same moment. Waking up
 * costs more than a question does: a process that was idle finds every cache cold, and one probe alone took 1.0 ms of CPU
 * where one of five took 0.4. A moment takes few questions, so that many replicas stay spread over time.
 */
export class Beats {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Those to come, by time. */
  readonly #beats: Beat[] = [];

  constructor(options: { clock: Clock; random: () => number }) {
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** How long to wait, in milliseconds: within a tenth of the interval, and then together with others where there are any. */
  delayMs(intervalMs: number): number {
    const now = this.#clock.now();
    while (this.#beats[0] !== undefined && this.#beats[0].at <= now) this.#beats.shift();
    const joined = this.#beats.find(
      ({ at, members }) => at >= now + EARLIEST * intervalMs && at <= now + LATEST * intervalMs && members < MOST,
    );
    if (joined) {
      joined.members++;
      return joined.at - now;
    }
    const at = now + Math.round(intervalMs * (EARLIEST + (LATEST - EARLIEST) * this.#random()));
    const later = this.#beats.findIndex(beat => beat.at > at);
    this.#beats.splice(later === -1 ? this.#beats.length : later, 0, { at, members: 1 });
    return at - now;
  }
}

interface Beat {
  readonly at: number;
  members: number;
}

const EARLIEST = 0.9;
const LATEST = 1.1;
/** A few milliseconds of work at most. */
const MOST = 8;
