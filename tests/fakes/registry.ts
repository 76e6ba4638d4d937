import type { Endpoint } from '../../control-plane/core/endpoint.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { RegistryStanding } from '../../control-plane/core/observed.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import type { RegisteredEndpoint, Registry, RegistryStatus } from '../../control-plane/ports.ts';
import { registrationOf } from '../../control-plane/registry/registration.ts';

/**
 * A remote registry that can do what Consul was seen to do: be away, lose all it held, take its time, and carry out a
 * registration whose answer was lost. As with the real one, `published()` is what it was last known to hold.
 */
export class FakeRegistry implements Registry {
  readonly kind = 'consul';
  readonly instance: string;
  /** What the registry's own clients see. */
  readonly held = new Map<string, RegisteredEndpoint>();
  #wanted: ReadonlyMap<string, RegisteredEndpoint> | null = null;
  #known: ReadonlySet<string> = new Set();
  /** Wanted, and without an address to hand out. */
  #never: ReadonlySet<string> = new Set();
  /** It was compared with what is held at least once. */
  #heard = false;
  #away: string | null = null;
  #slow = false;
  #closed = false;
  readonly #listeners = new Set<() => void>();

  /** By `now`. */
  readonly #letGoAt = new Map<string, number>();
  readonly #now: () => number;

  constructor(instance = 'instance1', now = () => 0) {
    this.instance = instance;
    this.#now = now;
  }

  /** From now on nothing reaches it and nothing is learnt of it, until `back`. */
  away(why = 'connect ECONNREFUSED'): void {
    this.#away = why;
    this.#notify();
  }

  back(): void {
    this.#away = null;
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
    if (this.#away !== null || this.#wanted === null) return;
    for (const id of this.held.keys()) if (!this.#wanted.has(id)) this.held.delete(id);
    for (const [id, entry] of this.#wanted) this.held.set(id, entry);
    this.#learn();
  }

  /** The wanted registrations reach it, and their answers are lost: it holds them, and is away. */
  loseAnswers(): void {
    for (const [id, entry] of this.#wanted ?? []) this.held.set(id, entry);
    this.#known = new Set([...this.#known, ...this.held.keys()]);
    this.away('did not answer');
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
    const mayHold = !this.#heard || this.#known.has(replicaId);
    return {
      announced: this.#never.has(replicaId) || (this.#wanted?.has(replicaId) === true && this.#known.has(replicaId)),
      withdrawable: !mayHold || (this.#heard && this.#away === null),
      letGoAt: mayHold ? null : (this.#letGoAt.get(replicaId) ?? Number.NEGATIVE_INFINITY),
    };
  }

  published(): ReadonlySet<string> {
    return this.#known;
  }

  async read(service: ServiceKey, signal: AbortSignal): Promise<readonly RegisteredEndpoint[]> {
    signal.throwIfAborted();
    if (this.#away !== null) throw new OutriggerError('unavailable', `the registry is away: ${this.#away}`);
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

  #learn(): void {
    const next = new Set(this.held.keys());
    const first = !this.#heard;
    this.#heard = true;
    for (const id of this.#known) if (!next.has(id)) this.#letGoAt.set(id, this.#now());
    const changed = first || next.size !== this.#known.size || [...next].some(id => !this.#known.has(id));
    this.#known = next;
    if (changed) this.#notify();
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
