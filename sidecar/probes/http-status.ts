import { connect, type Socket } from 'node:net';
import { AnswerHead } from './answer-head.ts';

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
  { connectTimeoutMs, surplusBytes, stalledMs }: AnswerLimits = LIMITS,
): Promise<number> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const { host, port } = address;
    const head = new AnswerHead();
    let receivedBytes = 0;
    let restBytes = 0;
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
        restBytes += bytes;
        if (restBytes > surplusBytes) socket.destroy();
        return true;
      }
      receivedBytes += bytes;
      const found = head.read((chunk as Buffer).toString('latin1', 0, bytes));
      if (found === 'incomplete' && receivedBytes <= HEAD_BYTES) return true;
      if (typeof found === 'string') fail(new NotHttp());
      // The status decides. The rest is let in, because breaking off costs more; a long or endless one goes away with the
      // connection.
      else settle(() => resolve(found));
      if (!socket.destroyed) timer = setTimeout(() => socket.destroy(), stalledMs);
      return true;
    };
    let timer = setTimeout(() => fail(new NoConnection(connectTimeoutMs)), connectTimeoutMs);
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

/** What a connection may cost at most, whatever the server does. */
export interface AnswerLimits {
  readonly connectTimeoutMs: number;
  /** What is let in of what follows the status. */
  readonly surplusBytes: number;
  /** How long the rest of an answer is let in. */
  readonly stalledMs: number;
}

const LIMITS: AnswerLimits = { connectTimeoutMs: 10_000, surplusBytes: 16_384, stalledMs: 1_000 };
/** Of the informing answers and the final one, with their headers. */
const HEAD_BYTES = 65_536;

/** One for all connections: what is read is taken out of it before anything else is read. */
const RECEIVED = Buffer.alloc(16_384);

class NotHttp extends Error {
  readonly code = 'HPE_INVALID_CONSTANT';
}

class NoConnection extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(timeoutMs: number) {
    super(`no connection within ${timeoutMs / 1_000} s`);
  }
}
