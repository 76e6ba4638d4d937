import { connect, type Socket } from 'node:net';

/**
 * Sends a request for which the connection is to be closed after the answer, and resolves to the answer's status; what
 * informs meanwhile (1xx) is passed over. Rejects with the socket's error, one whose code begins with `HPE_` where what
 * comes is no HTTP/1, or the signal's reason. `request`: a whole request in latin1.
 *
 * On a bare socket, because this goes on for weeks: Node's own client, which makes objects for every header and keeps
 * connections in pools, takes twice the processor time and four times the garbage.
 */
export function answeredStatus(
  address: { readonly host: string; readonly port: number },
  request: string,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const { host, port } = address;
    let head = '';
    let surplusBytes = 0;
    let answered = false;

    const settle = (outcome: () => void) => {
      if (answered) return;
      answered = true;
      signal.removeEventListener('abort', abort);
      clearTimeout(timer);
      outcome();
    };
    const fail = (error: unknown) => {
      settle(() => reject(error));
      socket.destroy();
    };
    const abort = () => fail(signal.reason);
    const read = (bytes: number, chunk: Uint8Array): boolean => {
      if (answered) {
        surplusBytes += bytes;
        if (surplusBytes > SURPLUS_BYTES) socket.destroy();
        return true;
      }
      head += (chunk as Buffer).toString('latin1', 0, bytes);
      const found = statusIn(head);
      if (found === 'incomplete' && head.length <= HEAD_BYTES) return true;
      if (typeof found === 'string') fail(new NotHttp());
      // The status decides. The rest is let in, because breaking off costs more; a long or endless one goes away with the
      // connection.
      else settle(() => resolve(found));
      if (!socket.destroyed) timer = setTimeout(() => socket.destroy(), STALLED_MS);
      return true;
    };
    let timer = setTimeout(() => fail(new NoConnection()), CONNECT_TIMEOUT_MS);
    const socket: Socket = connect({ host, port, noDelay: true, onread: { buffer: RECEIVED, callback: read } });
    socket.once('connect', () => clearTimeout(timer));
    // Stays: a connection may also break after its answer was taken.
    socket.on('error', fail);
    socket.once('end', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      settle(() => reject(new Error('the connection was closed without an answer')));
    });
    signal.addEventListener('abort', abort, { once: true });
    socket.write(request, 'latin1');
  });
}

/** The status of the final answer in what has come so far, once its headers are there (RFC 9112, 4 and RFC 9110, 15.2). */
export function statusIn(received: string): number | 'incomplete' | 'not_http' {
  let at = 0;
  for (;;) {
    const line = STATUS_LINE.exec(received.slice(at, at + LINE_BYTES));
    if (!line) {
      const begins = received.slice(at, at + PREFIX.length);
      const isCut = received.indexOf('\n', at) === -1 && received.length - at < LINE_BYTES;
      return PREFIX.startsWith(begins) && isCut ? 'incomplete' : 'not_http';
    }
    // A server that stalls after its status line answers nobody.
    const end = /\r?\n\r?\n/.exec(received.slice(at));
    if (!end) return 'incomplete';
    const status = Number(line[1]);
    // 101 is final: the connection goes over to another protocol, which nobody asked for.
    if (status >= 200 || status === 101) return status;
    at += end.index + end[0].length;
  }
}

const PREFIX = 'HTTP/1.';
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: [^\r\n]*)?\r?\n/;
const LINE_BYTES = 4_096;
/** Of the informing answers and the final one, with their headers. */
const HEAD_BYTES = 65_536;
const SURPLUS_BYTES = 16_384;
const STALLED_MS = 1_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** One for all connections: what is read is taken out of it before anything else is read. */
const RECEIVED = Buffer.alloc(16_384);

class NotHttp extends Error {
  readonly code = 'HPE_INVALID_CONSTANT';
}

class NoConnection extends Error {
  readonly code = 'ETIMEDOUT';

  constructor() {
    super(`no connection within ${CONNECT_TIMEOUT_MS / 1_000} s`);
  }
}
