import { type Dispatcher, Pool } from 'undici';
import { DiscoveryError } from './client-error.ts';
import { hostAndPort } from './control-address.ts';
import { type DiscoverOptions, type ReachableEndpoint, viewOf, whyNot } from './discover.ts';
import type { WatchState } from './service-watch.ts';
import { settleOnce } from './settle-once.ts';

/** A replica to send a request to, and the way there. */
export interface Choice {
  readonly origin: string;
  readonly dispatcher: Dispatcher;
  /** The request has ended, however it did. */
  readonly release: () => void;
}

/** The ready replicas of one service, their connections and what is in flight on each. */
export class Balancer {
  readonly #view: ReturnType<typeof viewOf>;
  readonly #connections: number;
  readonly #unsubscribe: () => void;
  readonly #replicas = new Map<string, Replica>();
  readonly #retiring = new Set<Promise<void>>();
  readonly #waiting = new Set<() => void>();
  readonly #closed = new AbortController();
  #turn = 0;

  constructor(service: string, options: Omit<DiscoverOptions, 'signal'> & { readonly connectionsPerReplica?: number }) {
    this.#view = viewOf(service, options);
    this.#connections = options.connectionsPerReplica ?? 256;
    this.#unsubscribe = this.#view.watch.subscribe(state => this.#take(state));
    this.#take(this.#view.watch.state);
  }

  /**
   * The replica with the fewest requests in flight, none of `avoid` where there is another. Waits for the first one at
   * most `waitMs`; rejects with why there is none, or with the signal's reason.
   */
  async choose(options: { waitMs: number; avoid: ReadonlySet<string>; signal: AbortSignal }): Promise<Choice> {
    const { waitMs, avoid, signal } = options;
    signal.throwIfAborted();
    this.#closed.signal.throwIfAborted();
    if (this.#replicas.size === 0) await this.#first(waitMs, signal);
    const all = [...this.#replicas.values()];
    const fresh = all.filter(replica => !avoid.has(replica.origin));
    const candidates = fresh.length > 0 ? fresh : all;
    // Where several have equally few, they take turns.
    const start = this.#turn++ % candidates.length;
    let least = candidates[start]!;
    for (let i = 1; i < candidates.length; i++) {
      const candidate = candidates[(start + i) % candidates.length]!;
      if (candidate.inFlight < least.inFlight) least = candidate;
    }
    const chosen = least;
    chosen.inFlight++;
    return { origin: chosen.origin, dispatcher: chosen.pool, release: () => chosen.inFlight-- };
  }

  /** What runs may end; what still waits for a replica gets an error. */
  async close(): Promise<void> {
    this.#closed.abort(new DiscoveryError('closed', 'This dispatcher was closed.'));
    for (const replica of this.#replicas.values()) void this.#retire(replica);
    await Promise.all(this.#retiring);
    // Until then the control plane is told that they are in use.
    this.#unsubscribe();
  }

  async destroy(error: Error): Promise<void> {
    this.#closed.abort(error);
    this.#unsubscribe();
    const all = [...this.#replicas.values()];
    this.#replicas.clear();
    await Promise.all(all.map(replica => replica.pool.destroy(error)));
  }

  /** Returns the end of what still runs on replicas that left just now: they are stopped once it has ended, or their time is over. */
  #take({ snapshot, connection }: WatchState): Promise<unknown> | undefined {
    if (!snapshot || connection.kind === 'connecting' || connection.kind === 'idle') return undefined;
    if (this.#closed.signal.aborted) return Promise.all(this.#retiring);
    const { endpoints } = this.#view.resolutionOf(snapshot, connection.kind === 'current');
    const wanted = new Map(endpoints.map(endpoint => [originOf(endpoint), endpoint]));
    const leaving: Promise<void>[] = [];
    for (const [origin, replica] of this.#replicas) {
      // Another container at the same address shares nothing with the one before, its connections least of all.
      if (wanted.get(origin)?.endpoint.containerId !== replica.containerId) leaving.push(this.#retire(replica));
    }
    for (const [origin, { endpoint }] of wanted) {
      if (!this.#replicas.has(origin)) this.#replicas.set(origin, this.#connect(origin, endpoint.containerId));
    }
    if (this.#replicas.size > 0) for (const wake of [...this.#waiting]) wake();
    return leaving.length > 0 ? Promise.all(leaving) : undefined;
  }

  #connect(origin: string, containerId: string): Replica {
    const pool = new Pool(origin, {
      connections: this.#connections,
      // A model may think for minutes before its first byte and between two of them: the caller's own signal decides.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: 5_000 },
    });
    return { origin, containerId, pool, inFlight: 0 };
  }

  /** What runs on it ends in peace. */
  #retire(replica: Replica): Promise<void> {
    this.#replicas.delete(replica.origin);
    const closing = replica.pool.close();
    this.#retiring.add(closing);
    return closing.finally(() => this.#retiring.delete(closing));
  }

  #first(waitMs: number, signal: AbortSignal): Promise<void> {
    this.#view.watch.hurry();
    if (this.#waiting.size >= MAX_WAITING) {
      throw new DiscoveryError('unavailable', `${MAX_WAITING} requests already wait for a replica.`);
    }
    return settleOnce<void>(
      resolve => {
        const wake = () => resolve();
        this.#waiting.add(wake);
        return () => this.#waiting.delete(wake);
      },
      { timeoutMs: waitMs, expired: () => whyNot(this.#view.watch, waitMs), signals: [signal, this.#closed.signal] },
    );
  }
}

const MAX_WAITING = 10_000;

interface Replica {
  readonly origin: string;
  readonly containerId: string;
  readonly pool: Pool;
  inFlight: number;
}

function originOf({ host, port }: ReachableEndpoint): string {
  return `http://${hostAndPort(host, port)}`;
}
