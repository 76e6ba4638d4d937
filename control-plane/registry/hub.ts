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
  /** The version that this watcher's clients now use. Ignored: older than an earlier call, and one it was never given. */
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
  readonly #onListenerError: (error: unknown) => void;

  /** `onListenerError`: a listener that throws is a defect; the others are served all the same, then it is reported. */
  constructor(epoch: string, options: { onListenerError?: (error: unknown) => void } = {}) {
    this.#epoch = epoch;
    this.#onListenerError = options.onListenerError ?? throwLater;
  }

  /** Replaces everything at once: which services exist, and all their endpoints. Only changed services notify watchers. */
  publish(known: ReadonlySet<ServiceKey>, endpoints: readonly Endpoint[]): void {
    const byService = new Map<ServiceKey, Endpoint[]>();
    for (const key of known) byService.set(key, []);
    for (const endpoint of endpoints) {
      const key = endpoint.service;
      const list = byService.get(key);
      if (list) list.push(endpoint);
      else byService.set(key, [endpoint]);
    }
    for (const [key, list] of byService) this.#put(key, known.has(key), list);
    for (const [key, channel] of this.#services) {
      if (byService.has(key)) continue;
      this.#put(key, false, []);
      this.#forgetIfUnused(channel);
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
    const entry: WatchEntry = { listener, acknowledged: 0, delivered: -1, since: channel.snapshot.version };
    channel.watchers.add(entry);
    this.#deliver(channel, entry);
    return {
      acknowledge: version => {
        if (version <= entry.acknowledged || !(version <= entry.delivered) || !channel.watchers.has(entry)) return;
        entry.acknowledged = version;
        this.#notify();
      },
      close: () => {
        if (!channel.watchers.delete(entry)) return;
        this.#forgetIfUnused(channel);
        this.#notify();
      },
    };
  }

  /** Every watcher of the service has acknowledged a version without this replica, or came after it had left. */
  withdrawalConfirmed(service: ServiceKey, replicaId: string): boolean {
    const channel = this.#services.get(service);
    if (!channel) return true;
    if (channel.snapshot.endpoints.some(e => e.replicaId === replicaId)) return false;
    this.#settle(channel);
    return !channel.leftIn.has(replicaId);
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
    channel.snapshot = Object.freeze({ service, version, epoch: this.#epoch, known, endpoints: Object.freeze(sorted) });
    this.#settle(channel);
    for (const watcher of channel.watchers) this.#deliver(channel, watcher);
    this.#notify();
  }

  /** Always the newest, and each version once, also when a listener publishes, watches or closes. */
  #deliver(channel: Channel, watcher: WatchEntry): void {
    if (watcher.delivered >= channel.snapshot.version) return;
    watcher.delivered = channel.snapshot.version;
    try {
      watcher.listener(channel.snapshot);
    } catch (error) {
      this.#onListenerError(error);
    }
  }

  /**
   * Forgets the leavers that every watcher has let go; of the others, the newest ones are remembered. Done when somebody
   * asks or publishes, not at each acknowledgement: those of 10,000 watchers come in one burst.
   */
  #settle(channel: Channel): void {
    if (channel.leftIn.size === 0) return;
    let used = Number.POSITIVE_INFINITY;
    for (const watcher of channel.watchers) used = Math.min(used, Math.max(watcher.acknowledged, watcher.since));
    // In order of their versions, so that the first that is still in use ends the search.
    for (const [id, left] of channel.leftIn) {
      if (left > used && channel.leftIn.size <= MAX_REMEMBERED_LEAVERS) break;
      channel.leftIn.delete(id);
    }
  }

  #forgetIfUnused(channel: Channel): void {
    const { service, known, endpoints } = channel.snapshot;
    if (channel.watchers.size === 0 && !known && endpoints.length === 0) this.#services.delete(service);
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
    // The newest version of all: not older than what somebody saw of the service before it went.
    return Object.freeze({
      service,
      version: this.#version,
      epoch: this.#epoch,
      known: false,
      endpoints: NO_ENDPOINTS,
    });
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

const MAX_REMEMBERED_LEAVERS = 10_000;
const NO_ENDPOINTS: readonly Endpoint[] = Object.freeze([]);

interface WatchEntry {
  readonly listener: (snapshot: Snapshot) => void;
  acknowledged: number;
  /** The version it was last given. */
  delivered: number;
  /** The version that was newest when it came. */
  readonly since: number;
}

interface Channel {
  snapshot: Snapshot;
  readonly watchers: Set<WatchEntry>;
  /** The version in which a replica had left, for those that a watcher may still use; in order of the versions. */
  readonly leftIn: Map<string, number>;
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function sameEndpoints(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return a.length === b.length && a.every((endpoint, i) => JSON.stringify(endpoint) === JSON.stringify(b[i]));
}
