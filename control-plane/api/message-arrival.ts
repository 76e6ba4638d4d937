import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { OutriggerError, toOutriggerError } from '../core/errors.ts';
import type { ByteBudget } from './byte-budget.ts';
import { grpcError } from './grpc-error.ts';
import { innerStream, resetCall } from './inner-stream.ts';

/**
 * Watches a message of a gRPC call arrive: its bytes count against what all requests together may hold, it may not be
 * larger than its method needs, and a request has to be complete in time. grpc-js bounds only the size, with one number
 * for all methods.
 */
export class MessageArrival {
  readonly #call: ServerInterceptingCallInterface;
  readonly #budget: ByteBudget;
  readonly #maxBytes: number;
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    call: ServerInterceptingCallInterface,
    options: { budget: ByteBudget; maxBytes: number; timeoutMs: number | null },
  ) {
    this.#call = call;
    this.#budget = options.budget;
    this.#maxBytes = options.maxBytes;
    innerStream(call)?.on('data', (chunk: Buffer) => this.#take(chunk.length));
    if (options.timeoutMs !== null) {
      this.#timer = setTimeout(() => {
        this.#refuse(new OutriggerError('timeout', 'the request was not complete in time'));
      }, options.timeoutMs).unref();
    }
  }

  /** A message is complete. */
  arrived(): void {
    this.#budget.giveBack(this.#bytes);
    this.#bytes = 0;
  }

  /** The client has said all that it had to say, or has left. */
  end(): void {
    clearTimeout(this.#timer);
    this.arrived();
  }

  #take(bytes: number): void {
    try {
      if (this.#bytes + bytes > this.#maxBytes + ENVELOPE_BYTES) {
        throw new OutriggerError('invalid_argument', `the message is larger than ${this.#maxBytes} bytes`);
      }
      this.#budget.take(bytes);
      this.#bytes += bytes;
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(thrown: unknown): void {
    const { code, message, next } = toOutriggerError(thrown);
    this.end();
    this.#call.sendStatus(grpcError({ code, message, ...(next === undefined ? {} : { next }) }));
    // The status is on its way; the rest of the message is not wanted.
    resetCall(this.#call, 'no_error');
  }
}

/** The five bytes before each message; several small ones may share a chunk. */
const ENVELOPE_BYTES = 64 * 1024;
