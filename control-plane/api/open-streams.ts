import { OutriggerError } from '../core/errors.ts';

/**
 * All streams that are open in both protocols: their number has a bound, and a stream whose client takes nothing for
 * too long is cut. One timer looks after all of them, and rests while there are none.
 */
export class OpenStreams {
  readonly #streams = new Set<OpenStream>();
  readonly #limits: StreamLimits;
  readonly #now: () => number;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(limits: StreamLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** `out_of_resources` when there are too many already. */
  open(hooks: StreamHooks): OpenStream {
    if (this.#streams.size >= this.#limits.openStreams) {
      throw new OutriggerError('out_of_resources', `${this.#limits.openStreams} streams are open already`, {
        next: 'Close watches that nobody needs, or share one for each service and process.',
      });
    }
    const stream = new OpenStream(hooks, this.#now, () => this.#forget(stream));
    this.#streams.add(stream);
    const everyMs = Math.max(20, Math.min(this.#limits.stallTimeoutMs, this.#limits.heartbeatMs, 4_000) / 4);
    this.#sweeper ??= setInterval(() => this.#sweep(), everyMs).unref();
    return stream;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Ends all streams in good order; a client that takes nothing has to be cut off by closing its connection. */
  endAll(): void {
    for (const stream of [...this.#streams]) stream.end();
  }

  #sweep(): void {
    const now = this.#now();
    for (const stream of [...this.#streams]) {
      if (stream.sendingSince !== null) {
        if (now - stream.sendingSince >= this.#limits.stallTimeoutMs) stream.cut();
      } else if (now - stream.quietSince >= this.#limits.heartbeatMs) stream.beat();
    }
  }

  #forget(stream: OpenStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

export interface StreamLimits {
  readonly openStreams: number;
  readonly stallTimeoutMs: number;
  readonly heartbeatMs: number;
}

interface StreamHooks {
  /** Ends the stream at once, whatever is still to be sent. */
  cut(): void;
  /** Ends the stream after what was sent already. */
  end(): void;
  /** Sends something that means nothing; calls back when the client's side took it. */
  beat?(done: () => void): void;
}

/** One open stream: tells when a send begins and ends. */
export class OpenStream {
  /** When the send under way began, by the clock; null while nothing waits for the client. */
  sendingSince: number | null = null;
  quietSince: number;
  readonly #hooks: StreamHooks;
  readonly #now: () => number;
  readonly #forget: () => void;

  constructor(hooks: StreamHooks, now: () => number, forget: () => void) {
    this.#hooks = hooks;
    this.#now = now;
    this.#forget = forget;
    this.quietSince = now();
  }

  sending(): void {
    this.sendingSince = this.#now();
  }

  sent(): void {
    this.sendingSince = null;
    this.quietSince = this.#now();
  }

  beat(): void {
    if (!this.#hooks.beat) return;
    this.sending();
    this.#hooks.beat(() => this.sent());
  }

  cut(): void {
    this.close();
    this.#hooks.cut();
  }

  end(): void {
    this.close();
    this.#hooks.end();
  }

  close(): void {
    this.#forget();
  }
}
