import { setTimeout as sleep } from 'node:timers/promises';
import type { NestedEngine } from '../engines/nested-engine.ts';

/** When each container first answered a request, by what its server wrote about it itself. */
export class Answers {
  readonly #engines: ReadonlyMap<string, NestedEngine>;
  readonly #first = new Map<string, number>();

  constructor(engines: ReadonlyMap<string, NestedEngine>) {
    this.#engines = engines;
  }

  /**
   * Milliseconds since the epoch; null: it answered none; `gone`: its log is gone, and nobody looked before.
   * @param options.withinMs how long a line may take from the server through the engine into the log
   */
  async firstOf(of: { node: string; containerId: string }, { withinMs = 0 } = {}): Promise<number | null | 'gone'> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const first = await this.#read(of);
      if (first !== null || performance.now() >= deadline) return first;
      await sleep(PAUSE_MS);
    }
  }

  async #read({ node, containerId }: { node: string; containerId: string }): Promise<number | null | 'gone'> {
    const known = this.#first.get(containerId);
    if (known !== undefined) return known;
    const log = await this.#engines
      .get(node)
      ?.docker.getContainer(containerId)
      .logs({ stdout: true, stderr: true, timestamps: true, follow: false })
      .catch((error: { statusCode?: number }) => {
        if (error.statusCode === 404 || error.statusCode === 409) return null;
        throw error;
      });
    if (!log) return 'gone';
    const [, at] = /(\d{4}-\S+Z) \S+ response:\d/.exec(log.toString()) ?? [];
    if (at === undefined) return null;
    this.#first.set(containerId, Date.parse(at));
    return Date.parse(at);
  }
}

const PAUSE_MS = 50;
