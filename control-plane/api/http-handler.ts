import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { OutriggerError } from '../core/errors.ts';
import type { ApiLog } from './api-log.ts';
import { authenticate, type Caller, certificateName, type Trust } from './auth.ts';
import type { ByteBudget } from './byte-budget.ts';
import { EventStream } from './event-stream.ts';
import { checkOrigin } from './http-origin.ts';
import { HttpProblem } from './http-problem.ts';
import { jsonBody } from './json-body.ts';
import { sendLines } from './json-lines.ts';
import { kept } from './kept.ts';
import type { ApiLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { OpenStreams } from './open-streams.ts';
import { openApiText } from './openapi.ts';
import type { Operations } from './operations.ts';
import { outwardError } from './outward-error.ts';
import { findRoute, readRequest } from './router.ts';
import type { Route } from './routes.ts';
import { STATUS_OF } from './status-codes.ts';
import { withDeadline } from './with-deadline.ts';

export interface HttpHandlerOptions {
  readonly operations: Operations;
  readonly trust: Trust;
  /** Host names, besides loopback ones, under which this listener is called; null: any (a unix socket has no name). */
  readonly hosts: readonly string[] | null;
  readonly metrics: Metrics;
  readonly streams: OpenStreams;
  readonly budget: ByteBudget;
  readonly limits: ApiLimits;
  readonly log: ApiLog;
}

/** Answers HTTP/1.1 requests of one listener. Never rejects, never throws. */
export function httpHandler(options: HttpHandlerOptions): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    void new Exchange(options, request, response).answer();
  };
}

const texts = new WeakMap<object, string>();

/** One request and its answer. */
class Exchange {
  readonly #options: HttpHandlerOptions;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #startedAt = performance.now();
  readonly #left = new AbortController();
  #route = 'unknown';

  constructor(options: HttpHandlerOptions, request: IncomingMessage, response: ServerResponse) {
    this.#options = options;
    this.#request = request;
    this.#response = response;
    response.once('close', () => this.#left.abort());
    // What goes wrong on the way to a client that has left is the client's business.
    response.on('error', () => {});
    request.on('error', () => {});
  }

  async answer(): Promise<void> {
    try {
      await this.#handle();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #handle(): Promise<void> {
    const { hosts } = this.#options;
    const method = this.#request.method ?? '';
    const { pathname, searchParams } = requestTarget(this.#request);
    checkOrigin(this.#request, hosts);
    if (pathname === '/healthz') {
      this.#route = '/healthz';
      return this.#text(method, 'text/plain; charset=utf-8', 'ok\n');
    }
    const caller = this.#caller();
    if (pathname === '/metrics') {
      this.#route = '/metrics';
      return this.#text(
        method,
        'text/plain; version=0.0.4; charset=utf-8',
        await this.#options.metrics.registry.metrics(),
      );
    }
    if (pathname === '/v1/openapi.json') {
      this.#route = '/v1/openapi.json';
      return this.#text(method, 'application/json', openApiText());
    }
    const { route, fields } = findRoute(method, pathname);
    this.#route = `${route.method} ${route.path}`;
    const body = await jsonBody(this.#request, this.#options.limits, this.#options.budget);
    await this.#run(route, readRequest(route, fields, searchParams, body) as never, caller);
  }

  async #run(route: Route, parsed: never, caller: Caller): Promise<void> {
    const { operations, limits, streams } = this.#options;
    const id = this.#request.headers['last-event-id'];
    const context = {
      operations,
      caller,
      signal: this.#left.signal,
      lastEventId: typeof id === 'string' && /^\d{1,15}$/.test(id) ? Number(id) : undefined,
      queuedEvents: limits.queuedEvents,
    };
    if (route.events && this.#request.headers.accept?.includes('text/event-stream')) {
      const stop = await route.events.start(parsed, new EventStream(this.#response, streams), context);
      if (this.#left.signal.aborted) stop();
      else this.#left.signal.addEventListener('abort', stop, { once: true });
      this.#answered('ok', { stream: true });
    } else if (route.lines) {
      await sendLines(this.#response, route.lines(parsed, context), streams, error => this.#outward(error));
      this.#answered('ok', { stream: true });
    } else if (route.handle) {
      const answer = await withDeadline(async () => route.handle!(parsed, context), limits.answerTimeoutMs);
      this.#json(route.status, answer);
      this.#answered('ok');
    }
  }

  #caller(): Caller {
    const { socket, headers } = this.#request;
    const verified = socket instanceof TLSSocket && socket.authorized;
    return authenticate(this.#options.trust, {
      authorization: headers.authorization,
      certificateName: verified ? certificateName(socket.getPeerCertificate()) : null,
    });
  }

  #text(method: string, contentType: string, text: string): void {
    if (method !== 'GET' && method !== 'HEAD') {
      throw new HttpProblem(405, `${method} is not possible here, only GET`, { headers: { allow: 'GET, HEAD' } });
    }
    this.#send(200, contentType, text);
    this.#answered('ok');
  }

  #json(status: number, body: object, headers: Record<string, string> = {}): void {
    // The list of services and a snapshot are the same object until they change.
    this.#send(
      status,
      'application/json',
      kept(texts, body, () => JSON.stringify(body)),
      headers,
    );
  }

  #send(status: number, contentType: string, text: string, headers: Record<string, string> = {}): void {
    const response = this.#response;
    // A client that asks and then takes nothing of the answer holds its memory only this long.
    response.setTimeout(this.#options.limits.stallTimeoutMs, () => response.destroy());
    response.writeHead(status, {
      'content-type': contentType,
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    });
    response.end(text);
  }

  #fail(thrown: unknown): void {
    if (this.#left.signal.aborted && this.#response.destroyed) return;
    const error = this.#outward(thrown);
    this.#answered(error.code);
    if (this.#response.headersSent) {
      this.#response.destroy();
      return;
    }
    const problem = thrown instanceof HttpProblem ? thrown : undefined;
    const headers: Record<string, string> = { ...problem?.headers };
    if (error.code === 'unauthenticated') headers['www-authenticate'] = 'Bearer realm="outrigger"';
    // The rest of a body that nobody wants is not worth a connection.
    if (!this.#request.complete) headers['connection'] = 'close';
    this.#json(problem?.status ?? STATUS_OF[error.code].http, { error }, headers);
  }

  #outward(thrown: unknown) {
    return outwardError(thrown, this.#options.log, `${this.#request.method} ${this.#route}`);
  }

  #answered(code: string, { stream = false } = {}): void {
    const seconds = stream ? -1 : (performance.now() - this.#startedAt) / 1_000;
    this.#options.metrics.answered({ protocol: 'http', route: this.#route, code, seconds });
  }
}

function requestTarget(request: IncomingMessage): URL {
  const target = request.url ?? '';
  if (!target.startsWith('/')) {
    throw new OutriggerError('invalid_argument', 'expected a path as the request target, not an address');
  }
  try {
    return new URL(`http://outrigger${target}`);
  } catch {
    throw new OutriggerError('invalid_argument', 'the request target is not a path');
  }
}
