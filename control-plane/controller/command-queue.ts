import { OutriggerError, toOutriggerError } from '../core/errors.ts';
import type { Step } from './commands.ts';
import type { DesiredState } from './desired-state.ts';

type Decide<Result> = (state: DesiredState) => Step<Result>;

/** What people and programs ask for, in the order in which it came, until the loop takes it up. Bounded. */
export class CommandQueue {
  readonly #waiting: QueuedCommand[] = [];
  readonly #onQueued: () => void;
  #closed = false;

  constructor(onQueued: () => void) {
    this.#onQueued = onQueued;
  }

  /** Resolves once it was decided and stored. Rejects with what it was refused for. */
  submit<Result>(decide: Decide<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(shuttingDown());
    if (this.#waiting.length >= MOST_WAITING) {
      return Promise.reject(
        new OutriggerError('unavailable', 'too many requests wait to be stored', { next: 'try again shortly' }),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({ decide, resolve: resolve as (result: unknown) => void, reject });
    this.#onQueued();
    return promise;
  }

  /** Takes up all that waits, one after the other; what one of them is refused for is its own. */
  async run(perform: (decide: Decide<unknown>) => Promise<unknown>): Promise<void> {
    for (const { decide, resolve, reject } of this.#waiting.splice(0)) {
      await perform(decide).then(resolve, thrown => reject(toOutriggerError(thrown)));
    }
  }

  /** Refuses all that waits and all that comes. */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) reject(shuttingDown());
  }
}

interface QueuedCommand {
  readonly decide: Decide<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: OutriggerError) => void;
}

const MOST_WAITING = 1_000;

function shuttingDown(): OutriggerError {
  return new OutriggerError('unavailable', 'the control plane is shutting down', {
    next: 'try again once it runs again',
  });
}
