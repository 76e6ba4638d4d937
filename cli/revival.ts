import type { OutriggerError } from '../control-plane/core/errors.ts';
import type { Context } from './context.ts';
import { ensureControlPlane } from './embedded-control-plane.ts';

const START_MS = 30_000;

/**
 * Starts the control plane again that a command waits for and that was killed: where a command had started it in the
 * background, nobody else would. One that an operator runs is the operator's.
 */
export class Revival {
  readonly #context: Context;
  readonly #isRevivable: boolean;
  readonly #failed = new AbortController();
  #underWay: Promise<void> = Promise.resolve();

  constructor(context: Context, { isRevivable }: { isRevivable: boolean }) {
    this.#context = context;
    this.#isRevivable = isRevivable;
  }

  /** Fires with the error where it could not be started again: then waiting for it is in vain. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Takes the loss of the connection up, and returns what to say of it. */
  begin(error: OutriggerError): string {
    if (!this.#isRevivable) {
      return `${error.message} Services go on; waiting for it to come back: start it again where it ran.`;
    }
    // Not with the command's own signal: after an interruption it is needed to take things down.
    const context = { ...this.#context, signal: AbortSignal.timeout(START_MS) };
    this.#underWay = this.#underWay
      .then(() => ensureControlPlane(context))
      .then(
        () => {},
        failure => this.#failed.abort(failure),
      );
    return `${error.message} Services go on; it is started again.`;
  }

  /** Resolves once no start is under way. */
  settled(): Promise<void> {
    return this.#underWay;
  }
}
