import type { Endpoint } from '../core/endpoint.ts';
import type { ServiceKey } from '../core/spec.ts';

/** All endpoints of one service at one moment. Immutable. */
export interface Snapshot {
  readonly service: ServiceKey;
  /** Grows with each change; comparable within one epoch. */
  readonly version: number;
  readonly epoch: string;
  /** A service of this name exists, though perhaps without a ready replica. */
  readonly known: boolean;
  readonly endpoints: readonly Endpoint[];
}

/** One watcher's hold on a service: the newest snapshot, and what it has put to use. */
export interface Watcher {
  /** The version that this watcher's clients now use. Older than an earlier call: ignored. */
  acknowledge(version: number): void;
  close(): void;
}

/**
 * The discovery hub: one snapshot a service, with a version. Watchers get the newest, never a queue of old ones, and
 * acknowledge what they use, so that the controller knows when nobody calls a leaving replica any more.
 */
export class DiscoveryHub {
  readonly #epoch: string;
  readonly #services = new Map<ServiceKey, Channel>();
  readonly #listeners = new Set<() => void>();
  /** One counter for all services: a service that goes and comes back never repeats a version. */
  #version = 0;

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  /** Replaces everything at once: which services exist, and all their endpoints. Only changed services notify watchers. */
  publish(known: ReadonlySet<ServiceKey>, endpoints: readonly Endpoint[]): void {
    const byService = new Map<ServiceKey, Endpoint[]>();
    for (const key of known) byService.set(key, []);
    for (const endpoint of endpoints) {
      const key = endpoint.service as ServiceKey;
      const list = byService.get(key);
      if (list) list.push(endpoint);
      else byService.set(key, [endpoint]);
    }
    for (const [key, list] of byService) this.#put(key, known.has(key), list);
    for (const [key, channel] of this.#services) {
      if (byService.has(key)) continue;
      if (channel.snapshot.known || channel.snapshot.endpoints.length > 0) this.#put(key, false, []);
      if (channel.watchers.size === 0) this.#services.delete(key);
    }
  }

  snapshot(service: ServiceKey): Snapshot {
    return this.#services.get(service)?.snapshot ?? this.#empty(service);
  }

  services(): readonly ServiceKey[] {
    return [...this.#services].filter(([, c]) => c.snapshot.known).map(([key]) => key);
  }

  /**
   * Calls `listener` at once with the present snapshot and again with each newer one. The listener must not block: a
   * slow consumer keeps the newest it was given and sends that when it can.
   */
  watch(service: ServiceKey, listener: (snapshot: Snapshot) => void): Watcher {
    const channel = this.#channel(service);
    const entry: WatchEntry = { listener, acknowledged: 0, since: channel.snapshot.version };
    channel.watchers.add(entry);
    listener(channel.snapshot);
    return {
      acknowledge: version => {
        if (version <= entry.acknowledged) return;
        entry.acknowledged = version;
        this.#notify();
      },
      close: () => {
        channel.watchers.delete(entry);
        if (channel.watchers.size === 0 && !channel.snapshot.known) this.#services.delete(service);
        this.#notify();
      },
    };
  }

  /** Every watcher of the service has acknowledged a version without this replica, or came after it had left. */
  withdrawalConfirmed(service: ServiceKey, replicaId: string): boolean {
    const channel = this.#services.get(service);
    if (!channel) return true;
    if (channel.snapshot.endpoints.some(e => e.replicaId === replicaId)) return false;
    const left = channel.leftIn.get(replicaId);
    if (left === undefined) return true;
    return [...channel.watchers].every(w => w.acknowledged >= left || w.since >= left);
  }

  watcherCount(): number {
    let count = 0;
    for (const channel of this.#services.values()) count += channel.watchers.size;
    return count;
  }

  /** Called when an acknowledgement or a leaving watcher may have confirmed a withdrawal. */
  onAcknowledged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #put(service: ServiceKey, known: boolean, endpoints: readonly Endpoint[]): void {
    const channel = this.#channel(service);
    const sorted = [...endpoints].sort((a, b) => (a.replicaId < b.replicaId ? -1 : 1));
    if (channel.snapshot.known === known && sameEndpoints(channel.snapshot.endpoints, sorted)) return;
    const version = ++this.#version;
    const present = new Set(sorted.map(e => e.replicaId));
    for (const gone of channel.snapshot.endpoints) {
      if (!present.has(gone.replicaId)) channel.leftIn.set(gone.replicaId, version);
    }
    for (const id of present) channel.leftIn.delete(id);
    for (const old of [...channel.leftIn.keys()].slice(0, -MAX_REMEMBERED_LEAVERS)) channel.leftIn.delete(old);
    channel.snapshot = Object.freeze({ service, version, epoch: this.#epoch, known, endpoints: Object.freeze(sorted) });
    for (const watcher of channel.watchers) watcher.listener(channel.snapshot);
    this.#notify();
  }

  #channel(service: ServiceKey): Channel {
    let channel = this.#services.get(service);
    if (!channel) {
      channel = { snapshot: this.#empty(service), watchers: new Set(), leftIn: new Map() };
      this.#services.set(service, channel);
    }
    return channel;
  }

  #empty(service: ServiceKey): Snapshot {
    return { service, version: 0, epoch: this.#epoch, known: false, endpoints: [] };
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

const MAX_REMEMBERED_LEAVERS = 10_000;

interface WatchEntry {
  readonly listener: (snapshot: Snapshot) => void;
  acknowledged: number;
  /** The version that was newest when it came. */
  readonly since: number;
}

interface Channel {
  snapshot: Snapshot;
  readonly watchers: Set<WatchEntry>;
  /** The version in which a replica had left. */
  readonly leftIn: Map<string, number>;
}

function sameEndpoints(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return a.length === b.length && a.every((endpoint, i) => JSON.stringify(endpoint) === JSON.stringify(b[i]));
}
