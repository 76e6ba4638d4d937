import type { Endpoint } from '../core/endpoint.ts';
import type { RegistryStanding } from '../core/observed.ts';
import type { ServiceKey } from '../core/spec.ts';
import type { RegisteredEndpoint, Registry, RegistryStatus } from '../ports.ts';
import { type Advertise, registrationOf } from './registration.ts';

const HEALTHY: RegistryStatus = { healthy: true };

/** The registry of a single control plane: what is published is there at once, and gone with the process. */
export class EmbeddedRegistry implements Registry {
  readonly kind = 'embedded';
  readonly #instance: string;
  readonly #advertise: Advertise;
  readonly #listeners = new Set<() => void>();
  #registered: ReadonlyMap<string, Entry> = new Map();
  #published: ReadonlySet<string> = new Set();
  /** All that it was told of, with or without an address to hand out. */
  #told: ReadonlySet<string> = new Set();
  #closed = false;

  constructor(options: { instance: string; advertise?: Advertise }) {
    this.#instance = options.instance;
    this.#advertise = options.advertise ?? 'network';
  }

  publish(endpoints: readonly Endpoint[]): void {
    if (this.#closed) return;
    const registered = new Map<string, Entry>();
    for (const endpoint of endpoints) {
      const entry = registrationOf(endpoint, this.#instance, this.#advertise);
      if (entry) registered.set(endpoint.replicaId, { service: endpoint.service, entry });
    }
    this.#replace(registered, new Set(endpoints.map(e => e.replicaId)));
  }

  /** It takes and lets go at once. */
  standing(replicaId: string): RegistryStanding {
    return {
      announced: this.#told.has(replicaId),
      withdrawable: true,
      letGoAt: this.#published.has(replicaId) ? null : Number.NEGATIVE_INFINITY,
    };
  }

  published(): ReadonlySet<string> {
    return this.#published;
  }

  async read(service: ServiceKey, signal: AbortSignal): Promise<readonly RegisteredEndpoint[]> {
    signal.throwIfAborted();
    return [...this.#registered.values()].filter(e => e.service === service).map(e => e.entry);
  }

  status(): RegistryStatus {
    return HEALTHY;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(options: { withdraw: boolean }): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (options.withdraw) this.#replace(new Map(), new Set());
    this.#listeners.clear();
  }

  #replace(registered: ReadonlyMap<string, Entry>, told: ReadonlySet<string>): void {
    const before = [this.#published, this.#told] as const;
    this.#registered = registered;
    this.#published = new Set(registered.keys());
    this.#told = told;
    if (areSame(before[0], this.#published) && areSame(before[1], told)) return;
    for (const listener of this.#listeners) listener();
  }
}

function areSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every(id => b.has(id));
}

interface Entry {
  readonly service: string;
  readonly entry: RegisteredEndpoint;
}
