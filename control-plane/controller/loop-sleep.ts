import type { Clock } from '../ports.ts';

/** How the loop sleeps between its passes. What wakes it during a pass is heard after that. */
export class LoopSleep {
  readonly #clock: Clock;
  #woken: PromiseWithResolvers<void> = Promise.withResolvers();
  #hasNews = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param isNews somebody else than the last pass itself wakes it */
  wake({ isNews }: { readonly isNews: boolean }): void {
    this.#hasNews ||= isNews;
    this.#woken.resolve();
  }

  /** Before a pass: what has woken it is taken in by that. Returns whether there was news since the last pass began. */
  rearm(): boolean {
    const hadNews = this.#hasNews;
    this.#hasNews = false;
    this.#woken = Promise.withResolvers();
    return hadNews;
  }

  /** Until it is woken, or its time has come, by the Clock; null: it has none. */
  async until(at: number | null): Promise<void> {
    const nap = new AbortController();
    const time = at === null ? [] : [this.through(at, nap.signal)];
    await Promise.race([this.#woken.promise, ...time]);
    nap.abort();
  }

  /** Until a time, by the Clock, whatever wakes it. Never rejects. */
  async through(at: number, signal: AbortSignal): Promise<void> {
    // A bound on the nap: a timer of weeks would overflow, and looking again costs nothing.
    const ms = Math.min(Math.max(at - this.#clock.now(), 1), LONGEST_NAP_MS);
    await this.#clock.sleep(ms, signal).catch(() => {});
  }
}

const LONGEST_NAP_MS = 60_000;
