import { constants } from 'node:http2';
import type { OpenStream, OpenStreams } from './open-streams.ts';
import { Outflow } from './outflow.ts';

/** The writing side of a grpc-js server call, as far as it is used here. */
export interface WritableCall<M> {
  write(message: M, done: (error?: Error | null) => void): unknown;
  once(event: 'cancelled' | 'close', listener: () => void): unknown;
  readonly cancelled: boolean;
}

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
    this.#stream = streams.open({ cut: () => resetCall(call) });
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

/**
 * Resets the call's HTTP/2 stream. grpc-js can end a call only with a status, which waits behind the data that the client
 * does not take; so this reaches for the stream inside. tests/api/backpressure.test.ts fails should that move.
 */
export function resetCall(call: object): void {
  let inner: unknown = call;
  for (let depth = 0; depth < 8 && inner !== null && typeof inner === 'object'; depth++) {
    const layer = inner as { stream?: { close(code: number): void }; call?: unknown; nextCall?: unknown };
    if (layer.stream) {
      layer.stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    inner = layer.call ?? layer.nextCall;
  }
}
