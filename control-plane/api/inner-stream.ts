import { constants, type ServerHttp2Stream } from 'node:http2';

/**
 * The HTTP/2 stream inside a grpc-js server call or intercepting call; undefined where this version keeps it elsewhere.
 * grpc-js shows neither how much of a message has arrived nor a way to end a call whose client takes nothing (a status
 * waits behind the data that is not taken). tests/api/backpressure.test.ts fails should the stream move.
 */
export function innerStream(call: object): ServerHttp2Stream | undefined {
  let inner: unknown = call;
  for (let depth = 0; depth < 8 && inner !== null && typeof inner === 'object'; depth++) {
    const layer = inner as { stream?: ServerHttp2Stream; call?: unknown; nextCall?: unknown };
    if (layer.stream) return layer.stream;
    inner = layer.call ?? layer.nextCall;
  }
  return undefined;
}

/** Ends a call at once, without a status; after a status that was sent, tells the client to send no more. */
export function resetCall(call: object, code: 'cancel' | 'no_error' = 'cancel'): void {
  innerStream(call)?.close(code === 'cancel' ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_NO_ERROR);
}
