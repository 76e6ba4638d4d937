import type { Endpoint } from '../core/endpoint.ts';
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
    this.#replace(registered);
  }

  mayHold(replicaId: string): boolean {
    return this.#published.has(replicaId);
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
    if (options.withdraw) this.#replace(new Map());
    this.#listeners.clear();
  }

  #replace(registered: ReadonlyMap<string, Entry>): void {
    const before = this.#published;
    this.#registered = registered;
    this.#published = new Set(registered.keys());
    if (before.size === registered.size && [...before].every(id => registered.has(id))) return;
    for (const listener of this.#listeners) listener();
  }
}

interface Entry {
  readonly service: string;
  readonly entry: RegisteredEndpoint;
}
