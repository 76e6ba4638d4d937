import { Agent, Dispatcher } from 'undici';
import { Attempts, type RetryMode } from './attempts.ts';
import { Balancer } from './balancer.ts';
import { DiscoveryError } from './client-error.ts';
import type { DiscoverOptions } from './discover.ts';
import { InFlight } from './quiesce.ts';

export interface DispatcherOptions extends Omit<DiscoverOptions, 'signal'> {
  /** Send every request to this service, whatever host its URL names. */
  readonly service?: string;
  /** How long a request waits for a ready replica. 30 s by default. */
  readonly waitMs?: number;
  /**
   * What is tried again on another replica, before any byte of an answer came. `safe` (default): what was never sent,
   * and idempotent requests that failed or were answered 503. `always`: any request; right for inference, which may run
   * twice without harm.
   */
  readonly retry?: RetryMode;
  /** Connections to one replica. 256 by default. */
  readonly connectionsPerReplica?: number;
}

/** Hosts under this name are services: `http://service.namespace.outrigger/`. */
const DOMAIN = '.outrigger';

/**
 * An undici Dispatcher that sends requests straight to the replica with the fewest of this client's requests in flight.
 * Requests to other hosts go where they always went.
 */
export class OutriggerDispatcher extends Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #balancers = new Map<string, Balancer>();
  readonly #others = new Agent();
  readonly #inFlight = new InFlight();
  #closed = false;

  constructor(options: DispatcherOptions = {}) {
    super();
    this.#options = options;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.#closed) throw new DiscoveryError('closed', 'This dispatcher was closed.');
    const service = this.#serviceOf(options.origin);
    if (service === null) return this.#others.dispatch(options as Agent.DispatchOptions, handler);
    const { waitMs = 30_000, retry = 'safe' } = this.#options;
    new Attempts(options, handler, {
      balancer: this.#balancerOf(service),
      waitMs,
      retry,
      onEnd: this.#inFlight.begin(),
    }).start();
    return true;
  }

  /** Resolves once the requests that are in flight now have ended. */
  quiesce(options?: Parameters<InFlight['quiesce']>[0]): Promise<void> {
    return this.#inFlight.quiesce(options);
  }

  /** Lets what runs end, then closes. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    this.#closed = true;
    return settled(
      Promise.all([this.#others.close(), ...[...this.#balancers.values()].map(balancer => balancer.close())]),
      callback,
    );
  }

  /** Ends what runs with an error, then closes. */
  override destroy(error?: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(first?: Error | null | (() => void), second?: () => void): Promise<void> | void {
    this.#closed = true;
    const error = first instanceof Error ? first : new DiscoveryError('closed', 'This dispatcher was destroyed.');
    return settled(
      Promise.all([this.#others.destroy(error), ...[...this.#balancers.values()].map(b => b.destroy(error))]),
      typeof first === 'function' ? first : second,
    );
  }

  #serviceOf(origin: string | URL | undefined): string | null {
    if (this.#options.service !== undefined) return this.#options.service;
    const host = origin === undefined ? '' : new URL(origin).hostname;
    if (!host.endsWith(DOMAIN)) return null;
    return host.slice(0, -DOMAIN.length).split('.').reverse().join('/');
  }

  #balancerOf(service: string): Balancer {
    let balancer = this.#balancers.get(service);
    if (!balancer) {
      balancer = new Balancer(service, this.#options);
      this.#balancers.set(service, balancer);
    }
    return balancer;
  }
}

function settled(closing: Promise<unknown>, callback: (() => void) | undefined): Promise<void> | void {
  const done = closing.then(() => undefined);
  if (!callback) return done;
  void done.then(callback);
}
