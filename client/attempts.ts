import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import type { Balancer, Choice } from './balancer.ts';
import { ReplayableBody } from './replayable-body.ts';

export type RetryMode = 'safe' | 'always';

type Controller = Dispatcher.DispatchController;
type Handler = Dispatcher.DispatchHandler;

const MAX_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * One request of the caller's, sent to one replica after the other until one answers. The caller's handler sees a single
 * request: it starts once, and its controller always steers the attempt that runs now.
 */
export class Attempts implements Controller {
  readonly #request: Dispatcher.DispatchOptions;
  readonly #handler: Handler;
  readonly #options: { balancer: Balancer; waitMs: number; retry: RetryMode; onEnd: () => void };
  readonly #body: ReplayableBody;
  readonly #aborted = new AbortController();
  readonly #tried = new Set<string>();
  #current: Controller | null = null;
  #count = 0;
  #ended = false;

  constructor(
    request: Dispatcher.DispatchOptions,
    handler: Handler,
    options: { balancer: Balancer; waitMs: number; retry: RetryMode; onEnd: () => void },
  ) {
    this.#request = request;
    this.#handler = handler;
    this.#options = options;
    this.#body = new ReplayableBody(request.body);
  }

  /** Hands over a controller at once, so that a request can be given up while it waits for a replica. */
  start(): void {
    this.#handler.onRequestStart?.(this, {});
    void this.#attempt(null);
  }

  get aborted(): boolean {
    return this.#aborted.signal.aborted;
  }
  get reason(): Error | null {
    return (this.#aborted.signal.reason as Error | undefined) ?? null;
  }
  get paused(): boolean {
    return this.#current?.paused ?? false;
  }
  get rawHeaders(): NonNullable<Controller['rawHeaders']> | null {
    return this.#current?.rawHeaders ?? null;
  }
  get rawTrailers(): NonNullable<Controller['rawTrailers']> | null {
    return this.#current?.rawTrailers ?? null;
  }
  pause(): void {
    this.#current?.pause();
  }
  resume(): void {
    this.#current?.resume();
  }
  abort(reason: Error): void {
    if (this.aborted || this.#ended) return;
    this.#aborted.abort(reason);
    if (this.#current) this.#current.abort(reason);
    else this.#fail(reason);
  }

  async #attempt(pauseMs: number | null): Promise<void> {
    try {
      if (pauseMs !== null) await delay(pauseMs, undefined, { signal: this.#aborted.signal });
      const { balancer, waitMs } = this.#options;
      const choice = await balancer.choose({ waitMs, avoid: this.#tried, signal: this.#aborted.signal });
      this.#send(choice);
    } catch (error) {
      this.#fail(this.reason ?? (error as Error));
    }
  }

  #send(choice: Choice): void {
    this.#count++;
    this.#tried.add(choice.origin);
    const request: Dispatcher.DispatchOptions = {
      ...this.#request,
      // The service's own name stays here: no server needs to know it.
      origin: choice.origin,
      headersTimeout: this.#request.headersTimeout ?? 0,
      bodyTimeout: this.#request.bodyTimeout ?? 0,
      body: this.#body.take(),
    };
    let started = false;
    let answered = false;
    let refusal: Refusal | null = null;
    const done = once(() => {
      choice.release();
      this.#current = null;
    });
    const retry = (pauseMs: number) => {
      done();
      void this.#attempt(pauseMs);
    };
    const handler: Handler = {
      onRequestStart: controller => {
        started = true;
        this.#current = controller;
        if (this.reason) controller.abort(this.reason);
      },
      onRequestUpgrade: (_, ...rest) => this.#handler.onRequestUpgrade?.(this, ...rest),
      onResponseStart: (controller, statusCode, responseHeaders, statusMessage) => {
        if (statusCode === 503 && this.#mayRetry(this.#mayRepeat())) {
          // The next replica is asked now: the rest of this answer may take for ever.
          refusal = new Refusal(controller);
          return retry(retryAfterMs(responseHeaders['retry-after']) ?? this.#pauseMs());
        }
        answered = true;
        this.#body.forget();
        this.#handler.onResponseStart?.(this, statusCode, responseHeaders, statusMessage);
      },
      onResponseData: (_, chunk) => {
        if (refusal) refusal.take(chunk);
        else this.#handler.onResponseData?.(this, chunk);
      },
      onResponseEnd: (_, trailers) => {
        if (refusal) return refusal.end();
        this.#finish(() => this.#handler.onResponseEnd?.(this, trailers));
        done();
      },
      onResponseError: (_, error) => {
        if (refusal) return refusal.end();
        // What never reached a socket was never executed; anything else only a repeatable request survives.
        if (!answered && !this.aborted && this.#mayRetry(!started || this.#mayRepeat())) return retry(this.#pauseMs());
        done();
        this.#fail(error);
      },
      onResponseStarted: () => this.#handler.onResponseStarted?.(),
      onBodySent: chunk => {
        if (!refusal) this.#handler.onBodySent?.(chunk);
      },
      onRequestSent: () => {
        if (!refusal) this.#handler.onRequestSent?.();
      },
    };
    try {
      choice.dispatcher.dispatch(request, handler);
    } catch (error) {
      done();
      throw error;
    }
  }

  #mayRetry(repeatable: boolean): boolean {
    return repeatable && this.#count < MAX_ATTEMPTS && this.#body.replayable;
  }

  #mayRepeat(): boolean {
    return this.#options.retry === 'always' || IDEMPOTENT.has(this.#request.method);
  }

  /** The first repetition comes at once: another replica is likely well. */
  #pauseMs(): number {
    const limitMs = this.#count === 1 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (this.#count - 2), LONGEST_PAUSE_MS);
    return limitMs * (0.8 + 0.4 * Math.random());
  }

  #fail(error: Error): void {
    this.#finish(() => this.#handler.onResponseError?.(this, error));
  }

  #finish(tell: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#body.forget();
    this.#options.onEnd();
    tell();
  }
}

const MAX_REFUSAL_BYTES = 64 * 1024;
const REFUSAL_TIMEOUT_MS = 1_000;

/**
 * An answer that nobody waits for. It is read to its end where that is near, which keeps its connection for the next
 * request; otherwise the connection goes with it.
 */
class Refusal {
  readonly #controller: Controller;
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;

  constructor(controller: Controller) {
    this.#controller = controller;
    this.#timer = setTimeout(() => this.#giveUp(), REFUSAL_TIMEOUT_MS);
    this.#timer.unref();
  }

  take(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    if (this.#bytes > MAX_REFUSAL_BYTES) this.#giveUp();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #giveUp(): void {
    this.end();
    if (!this.#controller.aborted) this.#controller.abort(new Error('The request was sent again elsewhere.'));
  }
}

/** RFC 9110, 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

const LONGEST_RETRY_AFTER_MS = 5_000;

/** Seconds, as a server that is only busy gives them; dates and long waits are the caller's business. */
function retryAfterMs(header: string | string[] | undefined): number | null {
  const seconds = typeof header === 'string' && /^\d+$/.test(header) ? Number(header) : null;
  return seconds === null ? null : Math.min(seconds * 1_000, LONGEST_RETRY_AFTER_MS);
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
