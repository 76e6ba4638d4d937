import type { IncomingMessage } from 'node:http';
import type https from 'node:https';
import type { Credentials } from '../client/credentials.ts';
import { ERROR_CODES, type ErrorCode, OutriggerError } from '../control-plane/core/errors.ts';
import { type ControlAddress, formatAddress } from './address.ts';
import { whyUnreachable } from './why-unreachable.ts';

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * One HTTP/1.1 exchange with a control plane. Resolves with the response once its headers say 2xx; otherwise rejects
 * with the control plane's own error, or `unavailable` with `details.unreachable` where nobody answers. An abort
 * rejects with the signal's reason.
 */
export function exchange(
  address: ControlAddress,
  credentials: Credentials,
  request: ExchangeRequest,
): Promise<IncomingMessage> {
  const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  const options: https.RequestOptions = {
    method: request.method,
    path: request.path + queryString(request.query),
    signal: request.signal,
    agent: false,
    headers: {
      accept: request.accept ?? 'application/json',
      ...(body && { 'content-type': 'application/json', 'content-length': body.length }),
      ...(credentials.token !== undefined && { authorization: `Bearer ${credentials.token}` }),
      ...request.headers,
    },
    ...(address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }),
    // Only TLS has a use for the server's name, and finding it out takes expressions that are long to compile.
    ...(address.kind === 'tcp' && address.secure
      ? { ca: credentials.ca, cert: credentials.certificate, key: credentials.key }
      : { servername: '' }),
  };
  return new Promise((resolve, reject) => {
    // TLS takes longer to load than most commands take, and a socket needs none. Neither is loaded before it is used, nor
    // by name: control-plane/node-http.ts says why.
    const isSecure = address.kind === 'tcp' && address.secure;
    const { request: send } = process.getBuiltinModule(isSecure ? 'node:https' : 'node:http');
    const outgoing = send(options, response => {
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) resolve(response);
      else errorOf(response, request.path).then(reject, reject);
    });
    outgoing.on('error', error => {
      reject(request.signal.aborted ? request.signal.reason : unreachable(address, error));
    });
    outgoing.end(body);
  });
}

/** The body as text, refused beyond `maxBytes`. A connection that breaks off within it rejects with `unavailable`. */
export async function readBody(response: IncomingMessage, maxBytes = 64 * 1024 * 1024): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) {
        throw new OutriggerError('internal', `The control plane's answer is longer than ${maxBytes} bytes.`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof OutriggerError) throw error;
    throw new OutriggerError('unavailable', `The control plane broke off its answer: ${(error as Error).message}.`, {
      details: { unreachable: true, brokeOff: true },
      cause: error,
    });
  } finally {
    response.destroy();
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** True for the error of a control plane that does not answer at all. */
export function isUnreachable(error: unknown): error is OutriggerError {
  return error instanceof OutriggerError && error.details['unreachable'] === true;
}

function unreachable(address: ControlAddress, cause: NodeJS.ErrnoException): OutriggerError {
  const { problem, next } = whyUnreachable(address, cause);
  return new OutriggerError('unavailable', problem, {
    next,
    details: { unreachable: true, address: formatAddress(address), reason: cause.code ?? cause.message },
    cause,
  });
}

async function errorOf(response: IncomingMessage, path: string): Promise<OutriggerError> {
  const text = await readBody(response, 1024 * 1024);
  const parsed = parseErrorBody(text);
  if (parsed) {
    return new OutriggerError(parsed.code, parsed.message, {
      ...(parsed.next !== undefined && { next: parsed.next }),
      ...(parsed.details && { details: parsed.details }),
    });
  }
  return new OutriggerError('internal', `The control plane answered ${path} with HTTP ${response.statusCode}.`, {
    next: 'Check that --host names an Outrigger control plane.',
    details: { status: response.statusCode, body: text.slice(0, 500) },
  });
}

interface ErrorBody {
  code: ErrorCode;
  message: string;
  next?: string;
  details?: Record<string, unknown>;
}

function parseErrorBody(text: string): ErrorBody | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  const error = (body as { error?: Partial<ErrorBody> } | null)?.error;
  if (typeof error?.message !== 'string') return null;
  const code = ERROR_CODES.find(known => known === error.code) ?? 'internal';
  return {
    code,
    message: error.message,
    ...(typeof error.next === 'string' && { next: error.next }),
    ...(typeof error.details === 'object' && error.details !== null && { details: error.details }),
  };
}

function queryString(query: ExchangeRequest['query']): string {
  const given = Object.entries(query ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, String(value)] as [string, string]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}
