import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../ports.ts';

/**
 * Notices that a file may have changed. The folder is watched, as editors put a new file in the place of the old one; and
 * every LOOK_MS the file is due anyway, because no event comes for a file that is mounted by itself or lies on another
 * machine. What the file says is for the reader to compare.
 */
export class FileWatch {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();
  #asked = false;

  constructor(file: string, { clock, signal }: { clock: Clock; signal: AbortSignal }) {
    this.#file = file;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Somebody wants the file read now. */
  ask(): void {
    this.#asked = true;
    this.#changed.resolve();
  }

  /**
   * Calls `look` after each change and every LOOK_MS, one call at a time, until the signal fires.
   * @param look is told whether somebody asked, and says after how many ms it wants the next call at the latest (null: no
   * sooner than usual); must not reject
   */
  async run(look: (asked: boolean) => Promise<number | null>): Promise<void> {
    const watcher = this.#watchFolder();
    let withinMs = LOOK_MS;
    try {
      while (!this.#signal.aborted) {
        const nap = new AbortController();
        const sleep = (forMs: number) =>
          this.#clock.sleep(forMs, AbortSignal.any([nap.signal, this.#signal])).catch(() => {});
        await Promise.race([this.#changed.promise, sleep(withinMs)]);
        nap.abort();
        // A file is written in several steps; what comes meanwhile is read with it.
        await this.#clock.sleep(SETTLE_MS, this.#signal).catch(() => {});
        if (this.#signal.aborted) return;
        const asked = this.#asked;
        this.#asked = false;
        this.#changed = Promise.withResolvers();
        withinMs = (await look(asked)) ?? LOOK_MS;
      }
    } finally {
      watcher?.close();
    }
  }

  /** Without one (no more watches, a folder that is gone) changes are seen a bit later. */
  #watchFolder(): FSWatcher | null {
    const name = path.basename(this.#file);
    try {
      const watcher = watch(path.dirname(this.#file), { persistent: false }, (_event, changed) => {
        if (changed === null || changed === name) this.#changed.resolve();
      });
      watcher.on('error', () => watcher.close());
      this.#signal.addEventListener('abort', () => this.#changed.resolve(), { once: true });
      return watcher;
    } catch {
      return null;
    }
  }
}

const LOOK_MS = 10_000;
const SETTLE_MS = 100;
