import type { OpenStream } from './open-streams.ts';

/**
 * What goes out to one client, one send at a time. While a send is under way, `newest` keeps only the latest value (a
 * client that reads slowly skips what is outdated); a number keeps that many in order and cuts the stream beyond.
 */
export class Outflow<T> {
  readonly #stream: OpenStream;
  readonly #send: (value: T, done: () => void) => void;
  readonly #keep: 'newest' | number;
  readonly #onSent: ((value: T) => void) | undefined;
  #waiting: T[] = [];
  #busy = false;

  constructor(options: {
    stream: OpenStream;
    keep: 'newest' | number;
    /** Calls back once the client's side took it. */
    send: (value: T, done: () => void) => void;
    onSent?: (value: T) => void;
  }) {
    this.#stream = options.stream;
    this.#send = options.send;
    this.#onSent = options.onSent;
    this.#keep = options.keep;
  }

  offer(value: T): void {
    if (!this.#busy) this.#start(value);
    else if (this.#keep === 'newest') this.#waiting = [value];
    else if (this.#waiting.length < this.#keep) this.#waiting.push(value);
    else this.#stream.cut();
  }

  #start(value: T): void {
    this.#busy = true;
    this.#stream.sending();
    this.#send(value, () => {
      this.#busy = false;
      this.#stream.sent();
      this.#onSent?.(value);
      const next = this.#waiting.shift();
      if (next !== undefined) this.#start(next);
    });
  }
}
