import { OutriggerError } from '../core/errors.ts';

/** What all requests together may hold in memory while they are being received. */
export class ByteBudget {
  readonly #limitBytes: number;
  #takenBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** `out_of_resources` when too much is on its way already; nothing is taken then. */
  take(bytes: number): void {
    if (this.#takenBytes + bytes > this.#limitBytes) {
      throw new OutriggerError('out_of_resources', 'too many large requests are on their way at once', {
        next: 'Try again in a moment.',
      });
    }
    this.#takenBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes;
  }
}
