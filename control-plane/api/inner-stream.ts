import { constants, type ServerHttp2Stream } from 'node:http2';

/**
 * The HTTP/2 stream inside a grpc-js server call or intercepting call; undefined where this version keeps it elsewhere.
 * grpc-js shows neither how much of a message has arrived nor a way to end a call whose client takes nothing (a status
 * waits behind the data that is not taken). tests/api/backpressure.test.ts fails should the stream move.
 */
export function innerStream(call: object): ServerHttp2Stream | undefined {
  return innermost(call)?.stream;
}

/**
 * Lets go of the bytes of a message that was handed on. grpc-js keeps them until the next one begins, which on a watch may
 * never come: a quarter of a megabyte for each. tests/api/backpressure.test.ts fails should they be kept elsewhere.
 */
export function forgetBytes(call: object): void {
  const decoder = innermost(call)?.decoder;
  if (decoder?.readState !== BETWEEN_MESSAGES) return;
  decoder.readPartialMessage = [];
  // A slice of the first chunk, and so the whole of it.
  decoder.readCompressFlag = Buffer.alloc(1);
}

/** NO_DATA in its ReadState. */
const BETWEEN_MESSAGES = 0;

interface Layer {
  readonly stream?: ServerHttp2Stream;
  readonly decoder?: { readonly readState: number; readPartialMessage: Buffer[]; readCompressFlag: Buffer };
  readonly call?: unknown;
  readonly nextCall?: unknown;
}

function innermost(call: object): Layer | undefined {
  let inner: unknown = call;
  for (let depth = 0; depth < 8 && inner !== null && typeof inner === 'object'; depth++) {
    const layer = inner as Layer;
    if (layer.stream) return layer;
    inner = layer.call ?? layer.nextCall;
  }
  return undefined;
}

/** Ends a call at once, without a status; after a status that was sent, tells the client to send no more. */
export function resetCall(call: object, code: 'cancel' | 'no_error' = 'cancel'): void {
  innerStream(call)?.close(code === 'cancel' ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_NO_ERROR);
}
