import type * as grpc from '@grpc/grpc-js';
import { InterceptingCall } from '@grpc/grpc-js';
import { DiscoveryError } from './client-error.ts';
import { settleOnce } from './settle-once.ts';

/** Counts calls, so that a job can wait for those in flight before it takes a checkpoint. */
export class InFlight {
  readonly #calls = new Set<object>();
  readonly #listeners = new Set<() => void>();

  /** For `new Client(target, credentials, {interceptors: [inFlight.interceptor]})`: counts that client's calls. */
  readonly interceptor: grpc.Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        const end = this.begin();
        next(metadata, {
          onReceiveStatus: (status, pass) => {
            end();
            pass(status);
          },
        });
      },
    });

  get count(): number {
    return this.#calls.size;
  }

  /** Counts something until what it returns is called. */
  begin(): () => void {
    const call = {};
    this.#calls.add(call);
    return () => {
      if (this.#calls.delete(call)) for (const listener of [...this.#listeners]) listener();
    };
  }

  /**
   * Resolves once everything that is in flight now has ended; what begins meanwhile is not waited for. Rejects with
   * `timeout` after `timeoutMs` (30 s), or with the signal's reason.
   */
  async quiesce(options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    const { timeoutMs = 30_000, signal } = options;
    signal?.throwIfAborted();
    const awaited = [...this.#calls];
    const left = () => awaited.filter(call => this.#calls.has(call)).length;
    if (left() === 0) return;
    await settleOnce<void>(
      resolve => {
        const check = () => left() === 0 && resolve();
        this.#listeners.add(check);
        return () => this.#listeners.delete(check);
      },
      {
        timeoutMs,
        expired: () => new DiscoveryError('timeout', `${left()} calls still run after ${timeoutMs} ms.`),
        signals: [signal],
      },
    );
  }
}
