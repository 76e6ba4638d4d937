import type { StatusObject } from '@grpc/grpc-js';
import { grpcError } from './grpc-error.ts';
import { resetCall } from './inner-stream.ts';
import type { OpenStream, OpenStreams } from './open-streams.ts';
import { Outflow } from './outflow.ts';

/** The writing side of a grpc-js server call, as far as it is used here. */
export interface WritableCall<M> {
  write(message: M, done: (error?: Error | null) => void): unknown;
  once(event: 'cancelled' | 'close', listener: () => void): unknown;
  /** The status that the call ends with. */
  emit(event: 'error', status: Partial<StatusObject>): unknown;
  readonly cancelled: boolean;
}

const CLOSING = grpcError({
  code: 'unavailable',
  message: 'the control plane closes',
  next: 'Connect again; what was received last stays valid until then.',
});

/**
 * The stream that goes out on one gRPC call. A send is done when HTTP/2 flow control let it through, so a client that
 * reads nothing holds one message and what the outflow keeps, and is cut when that lasts too long.
 */
export class CallStream<M> {
  readonly #call: WritableCall<M>;
  readonly #stream: OpenStream;
  readonly #ended = new AbortController();

  constructor(call: WritableCall<M>, streams: OpenStreams) {
    this.#call = call;
    this.#stream = streams.open({ cut: () => resetCall(call), end: () => call.emit('error', CLOSING) });
    const end = () => {
      this.#stream.close();
      this.#ended.abort();
    };
    // grpc-js says `cancelled` at the end of every call, however it ended.
    call.once('cancelled', end);
    call.once('close', end);
    if (call.cancelled) end();
  }

  /** Fires when the call has ended, whoever ended it. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Calls back when the call has ended; at once when it has already. */
  onEnd(listener: () => void): void {
    if (this.signal.aborted) listener();
    else this.signal.addEventListener('abort', listener, { once: true });
  }

  outflow<V>(options: { keep: 'newest' | number; message: (value: V) => M; onSent?: (value: V) => void }): Outflow<V> {
    const { keep, message, onSent } = options;
    const send = (value: V, done: () => void) => {
      if (!this.signal.aborted) this.#call.write(message(value), () => done());
    };
    return new Outflow<V>({ stream: this.#stream, keep, send, ...(onSent ? { onSent } : {}) });
  }

  /** Resolves when the client's side took the message, or the call has ended. */
  async write(message: M): Promise<void> {
    if (this.signal.aborted) return;
    this.#stream.sending();
    await new Promise<void>(resolve => {
      this.signal.addEventListener('abort', () => resolve(), { once: true });
      this.#call.write(message, () => resolve());
    });
    this.#stream.sent();
  }
}
