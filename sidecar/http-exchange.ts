import type { IncomingMessage } from 'node:http';
import { http } from '../control-plane/node-http.ts';
import { describeSocketError, type ProbeAddress } from './probes/result.ts';

export interface HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * One request on a connection of its own; resolves once the head of the answer is there. Whoever asked reads the answer
 * to its end or destroys it, which closes the connection. Nothing but the signal and connecting is bounded in time: a
 * model may think for minutes. Node's own client on purpose: the API's server has it loaded already, whereas undici
 * alone would make it 11 MB bigger.
 */
export async function exchange(
  address: ProbeAddress,
  what: HttpExchange,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { method, path, body } = what;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const headers = { ...length, ...what.headers };
    const request = http.request({ host: address.host, port: address.port, method, path, headers, agent: false });
    // By hand: Node's own way of listening to a signal is a quarter of what a probe costs.
    const abort = () => request.destroy(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(() => request.destroy(new NoConnection()), CONNECT_TIMEOUT_MS);
    request.once('socket', socket => socket.once('connect', () => clearTimeout(timer)));
    request.once('close', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    });
    // Stays: a connection may also break after its answer was taken and thrown away.
    request.on('error', error => reject(signal.aborted ? signal.reason : error));
    request.once('response', response => {
      response.on('error', () => undefined);
      resolve(response);
    });
    request.end(body);
  });
}

/** What `exchange` rejected with, in words. */
export function describeHttpError(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string' && code.startsWith('HPE_')) return 'the answer is not HTTP/1.1; is the protocol right?';
  if (message === 'socket hang up') return 'the connection was closed without an answer';
  return describeSocketError(error);
}

const CONNECT_TIMEOUT_MS = 10_000;

class NoConnection extends Error {
  readonly code = 'ETIMEDOUT';

  constructor() {
    super(`no connection within ${CONNECT_TIMEOUT_MS / 1_000} s`);
  }
}
