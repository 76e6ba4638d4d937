import { until } from '../until.ts';

/** Calls without a pause, several at a time, and every failure kept; so that what a client saw of an event is known. */
export class Load {
  readonly name: string;
  readonly #failures: string[] = [];
  readonly #workers: Promise<void>[];
  readonly #answeredBy = new Map<string, number>();
  #served = 0;
  #stopped = false;

  /** `call` resolves to who answered. */
  constructor(options: { name: string; workers: number; call: () => Promise<string> }) {
    this.name = options.name;
    this.#workers = Array.from({ length: options.workers }, () => this.#work(options.call));
  }

  get served(): number {
    return this.#served;
  }

  /** The failures since it was last asked. */
  takeFailures(): string[] {
    return this.#failures.splice(0);
  }

  /** How many calls each replica answered since it was last asked. */
  takeAnswers(): ReadonlyMap<string, number> {
    const answers = new Map(this.#answeredBy);
    this.#answeredBy.clear();
    return answers;
  }

  /** Resolves once that many calls that began after now have been answered, or failed. */
  async goesOn(calls = 50): Promise<void> {
    // Those that are under way now do not count.
    const enough = this.#served + this.#failures.length + calls + this.#workers.length;
    await until(
      () =>
        `${this.name} goes on: ${enough} calls; ${this.#served} were served, and failed: ${this.#failures.slice(0, 5).join('; ')}`,
      () => this.#served + this.#failures.length >= enough,
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async #work(call: () => Promise<string>): Promise<void> {
    while (!this.#stopped) {
      try {
        const replica = await call();
        this.#served += 1;
        this.#answeredBy.set(replica, (this.#answeredBy.get(replica) ?? 0) + 1);
      } catch (error) {
        this.#failures.push(inWords(error));
        // A client that fails at once and for good must not fill the memory.
        if (this.#failures.length >= MOST_FAILURES) return;
      }
    }
  }
}

/** `fetch failed` says nothing without its cause. */
function inWords(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return cause === undefined ? String(error) : `${error}: ${inWords(cause)}`;
}

const MOST_FAILURES = 1_000;
