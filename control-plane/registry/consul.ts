import type { Endpoint } from '../core/endpoint.ts';
import { OutriggerError, toOutriggerError } from '../core/errors.ts';
import type { RegistryStanding } from '../core/observed.ts';
import type { ServiceKey } from '../core/spec.ts';
import type { Clock, RegisteredEndpoint, Registry, RegistryStatus } from '../ports.ts';
import { ConsulApi } from './consul-api.ts';
import type { ConsulConnection } from './consul-connection.ts';
import { consulName } from './consul-name.ts';
import { planRepair, type Registration, readListing, type Wanted } from './consul-plan.ts';
import { forEachLimited } from './for-each-limited.ts';
import { Holdings } from './holdings.ts';
import { type Advertise, registrationOf } from './registration.ts';

/** Why these numbers: docs/decisions/0003-consul.md. */
export const CONSUL_TIMINGS = {
  /** Between two looks at what the agent holds. */
  intervalMs: 3_000,
  requestTimeoutMs: 2_000,
  /** How long an endpoint is handed out after the last heartbeat. */
  ttlMs: 3_600_000,
  heartbeatMs: 15_000,
  /** When Consul forgets what nobody renews. */
  deregisterAfterMs: 3_600_000,
  backoffMs: 250,
  backoffCapMs: 4_000,
} as const;
export type ConsulTimings = { readonly [K in keyof typeof CONSUL_TIMINGS]: number };

export interface ConsulRegistryOptions {
  readonly connection: ConsulConnection;
  readonly instance: string;
  readonly clock: Clock;
  readonly advertise?: Advertise;
  readonly timings?: Partial<ConsulTimings>;
  /** From 0 to 1; spreads the retries of several control planes. */
  readonly random?: () => number;
}

const PARALLEL_REQUESTS = 8;

/**
 * Publishes endpoints as services of one Consul agent. One loop compares what the agent holds of this instance with
 * what is wanted and repairs the difference: first registrations, then withdrawals, then heartbeats. Polling the local
 * agent needs no index, so nothing here can wait for one that Consul lost. While Consul is away nothing is forgotten:
 * `published()` stays what it was last known to hold.
 */
export class ConsulRegistry implements Registry {
  readonly kind = 'consul';
  readonly #api: ConsulApi;
  readonly #instance: string;
  readonly #idPrefix: string;
  readonly #advertise: Advertise;
  readonly #clock: Clock;
  readonly #timings: ConsulTimings;
  readonly #random: () => number;
  readonly #holdings: Holdings;
  readonly #heartbeats = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  /** Null until the first `publish`: what an earlier life left is kept alive until then, not withdrawn. */
  #wanted: ReadonlyMap<string, Wanted> | null = null;
  #status: RegistryStatus;
  #failures = 0;
  #nap = new AbortController();
  #woken = false;
  #closing: Promise<void> | undefined;

  constructor(options: ConsulRegistryOptions) {
    this.#timings = { ...CONSUL_TIMINGS, ...options.timings };
    this.#api = new ConsulApi(options.connection, { timeoutMs: this.#timings.requestTimeoutMs });
    this.#instance = options.instance;
    this.#idPrefix = `outrigger-${options.instance}-`;
    this.#advertise = options.advertise ?? 'network';
    this.#clock = options.clock;
    this.#random = options.random ?? Math.random;
    const { ttlMs } = this.#timings;
    this.#holdings = new Holdings({ clock: options.clock, ttlMs, onChange: () => this.#notify() });
    this.#status = { healthy: false, message: `connecting to Consul at ${this.#api.address}` };
    this.#loop = this.#run();
  }

  publish(endpoints: readonly Endpoint[]): void {
    if (this.#closing) return;
    const wanted = new Map<string, Wanted>();
    for (const endpoint of endpoints) {
      const entry = registrationOf(endpoint, this.#instance, this.#advertise);
      const before = this.#wanted?.get(endpoint.replicaId);
      const next: Wanted = { service: endpoint.service, name: consulName(endpoint.service), entry };
      // The same object as long as it says the same: a registration under way can tell that it is still wanted.
      wanted.set(endpoint.replicaId, before && sameText(before, next) ? before : next);
    }
    const unchanged =
      this.#wanted !== null &&
      this.#wanted.size === wanted.size &&
      [...wanted].every(([id, w]) => this.#wanted?.get(id) === w);
    this.#wanted = wanted;
    if (!unchanged) this.#wake();
  }

  standing(replicaId: string): RegistryStanding {
    return this.#holdings.standing(replicaId);
  }

  published(): ReadonlySet<string> {
    return this.#holdings.ids();
  }

  async read(service: ServiceKey, signal: AbortSignal): Promise<readonly RegisteredEndpoint[]> {
    const found = await this.#api.healthy(consulName(service), signal);
    return [...readListing(found, this.#idPrefix, this.#instance).ours]
      .filter(([, s]) => `${s.meta['namespace']}/${s.meta['service']}` === service)
      .map(([replicaId, { address, port, tags, meta }]) => ({ replicaId, host: address, port, tags, metadata: meta }));
  }

  status(): RegistryStatus {
    return this.#status;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(options: { withdraw: boolean }, signal: AbortSignal): Promise<void> {
    this.#closing ??= this.#close(options, signal);
    return this.#closing;
  }

  async #close(options: { withdraw: boolean }, signal: AbortSignal): Promise<void> {
    this.#stop.abort(new OutriggerError('unavailable', 'the registry is closed', { retryable: false }));
    await this.#loop;
    try {
      if (options.withdraw) await this.#withdrawAll(signal);
    } finally {
      this.#listeners.clear();
      this.#api.close();
    }
  }

  async #withdrawAll(signal: AbortSignal): Promise<void> {
    this.#wanted = new Map();
    for (;;) {
      try {
        await this.#pass(signal);
        if (this.#holdings.ids().size === 0) return;
      } catch (error) {
        if (!signal.aborted) await this.#clock.sleep(this.#timings.backoffMs, signal).catch(() => {});
        if (!signal.aborted) continue;
        throw new OutriggerError(
          'timeout',
          `${this.#holdings.ids().size} endpoints may still be registered at ${this.#api.address}`,
          {
            next: `Consul stops handing them out ${this.#timings.ttlMs / 60_000} min after the last heartbeat; the next start withdraws them.`,
            cause: error,
          },
        );
      }
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#woken = false;
      try {
        const problems = await this.#pass(signal);
        this.#failures = 0;
        this.#setStatus(problems.length === 0 ? { healthy: true } : { healthy: false, message: inWords(problems) });
      } catch (error) {
        if (signal.aborted) return;
        // Whatever expired meanwhile is renewed at once when it is back.
        this.#heartbeats.clear();
        this.#failures += 1;
        this.#holdings.away();
        const { message } = toOutriggerError(error);
        this.#setStatus({
          healthy: false,
          message: `${message}. Endpoints stay as they were last known; it is asked again every few seconds.`,
        });
      }
      await this.#rest(signal);
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const { intervalMs, backoffMs, backoffCapMs } = this.#timings;
    if (this.#failures === 0 && this.#woken) return;
    this.#nap = new AbortController();
    const delayMs =
      this.#failures === 0
        ? intervalMs
        : Math.min(backoffCapMs, backoffMs * 2 ** (this.#failures - 1)) * (0.75 + this.#random() / 4);
    await this.#clock.sleep(delayMs, AbortSignal.any([signal, this.#nap.signal])).catch(() => {});
  }

  /** Ends the rest, except while Consul is away: then the back-off says when it is asked. */
  #wake(): void {
    this.#woken = true;
    if (this.#failures === 0) this.#nap.abort();
  }

  /** One comparison and repair. Resolves with what could not be done for single endpoints; rejects where Consul is away. */
  async #pass(signal: AbortSignal): Promise<string[]> {
    const found = await this.#api.services(this.#idPrefix, signal);
    const listing = readListing(found, this.#idPrefix, this.#instance);
    this.#holdings.listed(listing.ours.keys());
    for (const id of this.#heartbeats.keys()) if (!listing.ours.has(id)) this.#heartbeats.delete(id);

    const plan = planRepair(this.#wanted, listing, this.#idPrefix);
    const problems = [...plan.problems];
    const announced = new Set([...plan.never, ...plan.keep.map(({ id }) => id)]);
    // Whoever comes is there before those that go are not: nobody who asks in between is given an empty answer.
    await this.#each(plan.register, problems, async registration => {
      const isRegistered = await this.#register(registration, signal).catch(error => {
        // What is refused for good is not waited for either.
        if (toOutriggerError(error).code === 'invalid_argument') announced.add(registration.id);
        throw error;
      });
      if (isRegistered) announced.add(registration.id);
    });
    this.#holdings.announced(announced);
    await this.#each(plan.withdraw, problems, id => this.#withdraw(id, signal));

    const due = this.#clock.now() - this.#timings.heartbeatMs;
    const tired = plan.keep.filter(({ id }) => (this.#heartbeats.get(id) ?? Number.NEGATIVE_INFINITY) <= due);
    await this.#each(tired, problems, async ({ id, registration }) => {
      const isKnown = await this.#api.pass(this.#idPrefix + id, signal).finally(() => this.#holdings.renewed(id));
      if (isKnown) this.#heartbeats.set(id, this.#clock.now());
      else if (registration) await this.#register(registration, signal);
    });
    return problems;
  }

  /** False: it is not wanted any more. */
  async #register({ id, wanted, service }: Registration, signal: AbortSignal): Promise<boolean> {
    if (this.#wanted?.get(id) !== wanted) return false;
    const { ttlMs, deregisterAfterMs } = this.#timings;
    // From now on Consul may hold it, whether or not an answer comes.
    this.#holdings.attempted(id);
    try {
      await this.#api.register(service, { ttlMs, deregisterAfterMs }, signal);
    } catch (error) {
      if (toOutriggerError(error).code === 'unavailable') this.#holdings.unanswered(id);
      else this.#holdings.refused(id);
      throw error;
    }
    this.#holdings.renewed(id);
    this.#heartbeats.set(id, this.#clock.now());
    return true;
  }

  async #withdraw(id: string, signal: AbortSignal): Promise<void> {
    await this.#api.deregister(this.#idPrefix + id, signal);
    this.#heartbeats.delete(id);
    this.#holdings.withdrawn(id);
  }

  /** A refusal of one item is a problem of that item; where Consul itself is away, the pass ends. */
  #each<T>(items: readonly T[], problems: string[], work: (item: T) => Promise<void>): Promise<void> {
    return forEachLimited(items, PARALLEL_REQUESTS, async item => {
      try {
        await work(item);
      } catch (error) {
        const known = error instanceof OutriggerError && error.code !== 'unavailable' ? error : null;
        if (!known) throw error;
        problems.push(known.message);
      }
    });
  }

  #setStatus(status: RegistryStatus): void {
    if (sameText(this.#status, status)) return;
    this.#status = status;
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function inWords(problems: readonly string[]): string {
  const shown = problems.slice(0, 3).join('; ');
  return problems.length > 3 ? `${shown}; and ${problems.length - 3} more` : shown;
}
