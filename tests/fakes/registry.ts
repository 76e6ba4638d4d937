import type { Endpoint } from '../../control-plane/core/endpoint.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { RegistryStanding } from '../../control-plane/core/observed.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import type { RegisteredEndpoint, Registry, RegistryStatus } from '../../control-plane/ports.ts';
import { registrationOf } from '../../control-plane/registry/registration.ts';

/**
 * A remote registry that can do what Consul was seen to do: be away, take a question and not answer it, lose all it held,
 * take its time, carry out a registration whose answer was lost, and stop handing out what nobody renewed for long. As with
 * the real one, `published()` is what it was last known to hold.
 */
export class FakeRegistry implements Registry {
  readonly kind = 'consul';
  readonly instance: string;
  /** What it has, whether or not it hands it out still. */
  readonly held = new Map<string, RegisteredEndpoint>();
  /** When each of them was last renewed. */
  readonly #heartbeats = new Map<string, number>();
  #wanted: ReadonlyMap<string, RegisteredEndpoint> | null = null;
  #known: ReadonlySet<string> = new Set();
  /** Held as wanted, by its own answer. */
  #announced: ReadonlySet<string> = new Set();
  /** Wanted, and without an address to hand out. */
  #never: ReadonlySet<string> = new Set();
  /** It was compared with what is held at least once. */
  #heard = false;
  #away: string | null = null;
  /** Since when it does not answer what it was asked, without anybody knowing yet. */
  #hungSince: number | null = null;
  #slow = false;
  #closed = false;
  #lapsed = '';
  readonly #listeners = new Set<() => void>();

  /** By `now`. */
  readonly #letGoAt = new Map<string, number>();
  readonly #now: () => number;
  /** An earlier life may have renewed anything until then. */
  readonly #since: number;

  /** @param before what it was in an earlier life of the control plane; it is away still if it was */
  constructor(instance = 'instance1', now = () => 0, before: FakeRegistry | null = null) {
    this.instance = instance;
    this.#now = now;
    this.#since = now();
    if (!before) return;
    for (const [id, entry] of before.held) this.#hold(id, entry, before.#heartbeats.get(id));
    this.#away = before.#away;
    this.#hungSince = before.#hungSince;
  }

  /** From now on nothing reaches it and nothing is learnt of it, until `back`. */
  away(why = 'connect ECONNREFUSED'): void {
    this.#away = why;
    this.#notify();
  }

  /** As away, which is noticed only after the time that an answer may take. */
  hang(): void {
    if (this.#away === null) this.#hungSince ??= this.#now();
  }

  back(): void {
    this.#away = null;
    this.#hungSince = null;
    this.#notify();
    if (!this.#slow) this.converge();
  }

  /** Changes wait for `converge`. */
  slow(): void {
    this.#slow = true;
  }

  /** What it held is gone; it is noticed at the next `converge`. */
  lose(): void {
    this.held.clear();
  }

  /** One comparison and repair, as the real loop makes them. Nothing while it is away. */
  converge(): void {
    if (this.#hungSince !== null) {
      if (this.#now() < this.#hungSince + ANSWERS_WITHIN_MS) return;
      this.#hungSince = null;
      this.away('did not answer');
    }
    if (this.#away !== null) {
      this.#noticeLapses();
      return;
    }
    if (this.#wanted === null) return;
    for (const id of this.held.keys()) if (!this.#wanted.has(id)) this.held.delete(id);
    for (const [id, entry] of this.#wanted) this.#hold(id, entry);
    this.#learn();
  }

  /** The wanted registrations reach it, and their answers are lost: it holds them, and is away. */
  loseAnswers(): void {
    for (const [id, entry] of this.#wanted ?? []) this.#hold(id, entry);
    this.#known = new Set([...this.#known, ...this.held.keys()]);
    this.away('did not answer');
  }

  /** What it tells its own clients of a replica. */
  handedOut(replicaId: string): RegisteredEndpoint | undefined {
    return this.#now() < (this.#heartbeats.get(replicaId) ?? 0) + TTL_MS ? this.held.get(replicaId) : undefined;
  }

  publish(endpoints: readonly Endpoint[]): void {
    if (this.#closed) return;
    const wanted = new Map<string, RegisteredEndpoint>();
    for (const endpoint of endpoints) {
      const entry = registrationOf(endpoint, this.instance, 'network');
      if (entry) wanted.set(endpoint.replicaId, entry);
    }
    this.#never = new Set(endpoints.map(e => e.replicaId).filter(id => !wanted.has(id)));
    this.#wanted = wanted;
    // Never within the call: the caller may not rely on it.
    if (!this.#slow) queueMicrotask(() => this.#closed || this.converge());
  }

  standing(replicaId: string): RegistryStanding {
    const letGoAt = this.#whenLetGo(replicaId);
    return {
      announced:
        this.#never.has(replicaId) || (this.#wanted?.has(replicaId) === true && this.#announced.has(replicaId)),
      withdrawable: letGoAt !== null || (this.#heard && this.#away === null),
      letGoAt,
    };
  }

  published(): ReadonlySet<string> {
    return this.#known;
  }

  async read(service: ServiceKey, signal: AbortSignal): Promise<readonly RegisteredEndpoint[]> {
    signal.throwIfAborted();
    const why = this.#away ?? (this.#hungSince === null ? null : 'did not answer');
    if (why !== null) throw new OutriggerError('unavailable', `the registry is away: ${why}`);
    return [...this.held.values()].filter(e => `${e.metadata['namespace']}/${e.metadata['service']}` === service);
  }

  status(): RegistryStatus {
    return this.#away === null ? { healthy: true } : { healthy: false, message: this.#away };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(options: { withdraw: boolean }, signal: AbortSignal): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (options.withdraw) {
      this.#wanted = new Map();
      this.converge();
    }
    this.#listeners.clear();
    if (!options.withdraw || this.#away === null) return;
    if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
    throw new OutriggerError('timeout', `${this.#known.size} endpoints may still be registered`);
  }

  #hold(id: string, entry: RegisteredEndpoint, renewedAt = this.#now()): void {
    this.held.set(id, entry);
    this.#heartbeats.set(id, renewedAt);
  }

  #learn(): void {
    const next = new Set(this.held.keys());
    const first = !this.#heard;
    this.#heard = true;
    for (const id of this.#known) if (!next.has(id)) this.#letGoAt.set(id, this.#now());
    const before = [this.#known, this.#announced];
    this.#known = next;
    this.#announced = next;
    if (first || before.some(ids => next.size !== ids.size || [...next].some(id => !ids.has(id)))) this.#notify();
  }

  #whenLetGo(id: string): number | null {
    if (this.#heard && !this.#known.has(id)) return this.#letGoAt.get(id) ?? Number.NEGATIVE_INFINITY;
    // While it answers, it is its word that counts.
    if (this.#away === null) return null;
    const renewedAt = this.#known.has(id) ? this.#heartbeats.get(id) : undefined;
    const lapsesAt = (renewedAt ?? this.#since) + TTL_MS;
    return this.#now() >= lapsesAt ? lapsesAt : null;
  }

  /** Time alone may change what is known. */
  #noticeLapses(): void {
    const lapsed = [...this.#known].filter(id => this.#whenLetGo(id) !== null).join();
    if (lapsed === this.#lapsed) return;
    this.#lapsed = lapsed;
    this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** As the real one's. */
const ANSWERS_WITHIN_MS = 2_000;
const TTL_MS = 3_600_000;
