import { createSteadyClock } from '../clock.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { ServiceKey } from '../core/spec.ts';
import type { Clock } from '../ports.ts';
import { type Caller, Callers, type WatchingClient } from './callers.ts';

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
  /** It calls nobody any more. */
  close(): void;
  /** Its watch broke. A client that said who it is goes on with what it has, and is expected back; any other is closed. */
  lose(): void;
}

export interface HubOptions {
  readonly clock?: Clock;
  /** How long clients are expected back whose watch broke, or who had one in an earlier life. */
  readonly returnMs?: number;
  /** A listener that throws is a defect; the others are served all the same, then it is reported. */
  readonly onListenerError?: (error: unknown) => void;
  /** More replicas of the service left than can be remembered for a watcher that acknowledges none of it. */
  readonly onForgotten?: (service: ServiceKey) => void;
}

/** Whoever can reach the control plane is back by then: a client waits for 5 s at most, and 5 s for its connection. */
const RETURN_MS = 10_000;

/** No drain takes longer; what somebody used who went without a word is in use no more then. */
const LONGEST_DRAIN_MS = 24 * 3_600_000;

/**
 * The discovery hub: one snapshot a service, with a version. Watchers get the newest, never a queue of old ones, and
 * acknowledge what they use, so that the controller knows when nobody calls a leaving replica any more. Clients outlive
 * their watches and the hub's own life: they are waited for, and say what they use when they come back.
 */
export class DiscoveryHub {
  readonly #epoch: string;
  readonly #clock: Clock;
  readonly #returnMs: number;
  readonly #onListenerError: (error: unknown) => void;
  readonly #onForgotten: (service: ServiceKey) => void;
  readonly #services = new Map<ServiceKey, Channel>();
  readonly #listeners = new Set<() => void>();
  /** One counter for all services: a service that goes and comes back never repeats a version. */
  #version = 0;
  /** Since when clients can be told anything: the first publication. */
  #since: number | null = null;
  /** Services of an earlier life, whose clients may not be back yet. */
  #inherited: ReadonlySet<ServiceKey> = new Set();
  #alarm: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor(epoch: string, options: HubOptions = {}) {
    this.#epoch = epoch;
    this.#clock = options.clock ?? createSteadyClock();
    this.#returnMs = options.returnMs ?? RETURN_MS;
    this.#onListenerError = options.onListenerError ?? throwLater;
    this.#onForgotten = options.onForgotten ?? (() => {});
  }

  /** By the Clock, since when clients can know what has left: none was told before. */
  get since(): number {
    return this.#since ?? this.#clock.now();
  }

  /**
   * Replaces everything at once: which services exist, and all their endpoints. Only changed services notify watchers.
   * The first time, all that exists is taken over from an earlier life.
   */
  publish(known: ReadonlySet<ServiceKey>, endpoints: readonly Endpoint[]): void {
    if (this.#since === null) {
      this.#since = this.#clock.now();
      this.#inherited = new Set(known);
    }
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
   * @param client what it uses until it acknowledges the first version that it is given, or a later one
   */
  watch(service: ServiceKey, listener: (snapshot: Snapshot) => void, client: WatchingClient | null = null): Watcher {
    const channel = this.#channel(service);
    const { callers } = channel;
    const caller: Caller = { listener, client, acknowledged: -1, delivered: -1, since: channel.snapshot.version };
    callers.join(caller);
    this.#deliver(channel, caller);
    const gone = (isNews: boolean) => {
      if (!isNews) return;
      this.#forgetIfUnused(channel);
      this.#notify();
    };
    return {
      acknowledge: version => {
        if (version <= caller.acknowledged || !(version <= caller.delivered) || !callers.watching.has(caller)) return;
        callers.acknowledge(caller, version);
        this.#notify();
      },
      close: () => gone(callers.leave(caller)),
      lose: () => {
        const now = this.#clock.now();
        gone(callers.lose(caller, { returnsBy: now + this.#returnMs, forgottenAt: now + LONGEST_DRAIN_MS }));
      },
    };
  }

  /**
   * Every watcher of the service has acknowledged a version without this replica, or came after it had left, and so has
   * everybody who may come back.
   * @param options.expectReturns false: clients are not waited for of whom it is not known that they used it
   */
  withdrawalConfirmed(service: ServiceKey, replicaId: string, options: { expectReturns?: boolean } = {}): boolean {
    const { expectReturns = true } = options;
    const now = this.#clock.now();
    const channel = this.#services.get(service);
    if (channel?.snapshot.endpoints.some(e => e.replicaId === replicaId)) return false;
    const use = channel?.callers.useOf(replicaId, now) ?? { kind: 'none' };
    if (use.kind === 'known') return false;
    if (!expectReturns) return true;
    const isInherited = this.#since === null || this.#inherited.has(service);
    const until = Math.max(
      use.kind === 'possible' ? use.until : Number.NEGATIVE_INFINITY,
      isInherited ? this.since + this.#returnMs : Number.NEGATIVE_INFINITY,
    );
    if (until <= now) return true;
    this.#notifyAt(until);
    return false;
  }

  watcherCount(): number {
    let count = 0;
    for (const { callers } of this.#services.values()) count += callers.watching.size;
    return count;
  }

  /** Called when an acknowledgement, a leaving watcher or the end of a wait may have confirmed a withdrawal. */
  onAcknowledged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits for nobody any more. */
  close(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    this.#listeners.clear();
  }

  #put(service: ServiceKey, known: boolean, endpoints: readonly Endpoint[]): void {
    const channel = this.#channel(service);
    const { callers } = channel;
    const sorted = [...endpoints].sort((a, b) => (a.replicaId < b.replicaId ? -1 : 1));
    if (channel.snapshot.known === known && sameEndpoints(channel.snapshot.endpoints, sorted)) return;
    const version = ++this.#version;
    const present = new Set(sorted.map(e => e.replicaId));
    const before = channel.snapshot.endpoints.map(e => e.replicaId);
    callers.left(
      before.filter(id => !present.has(id)),
      version,
    );
    callers.present(present);
    channel.snapshot = Object.freeze({ service, version, epoch: this.#epoch, known, endpoints: Object.freeze(sorted) });
    callers.settle(this.#clock.now());
    for (const caller of callers.watching) this.#deliver(channel, caller);
    this.#notify();
  }

  /** Always the newest, and each version once, also when a listener publishes, watches or closes. */
  #deliver(channel: Channel, caller: Caller): void {
    if (caller.delivered >= channel.snapshot.version) return;
    caller.delivered = channel.snapshot.version;
    try {
      caller.listener(channel.snapshot);
    } catch (error) {
      this.#onListenerError(error);
    }
  }

  #forgetIfUnused({ snapshot, callers }: Channel): void {
    const { service, known, endpoints } = snapshot;
    if (known || endpoints.length > 0) return;
    callers.settle(this.#clock.now());
    if (callers.isEmpty) this.#services.delete(service);
  }

  #channel(service: ServiceKey): Channel {
    let channel = this.#services.get(service);
    if (!channel) {
      channel = { snapshot: this.#empty(service), callers: new Callers(() => this.#onForgotten(service)) };
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

  /** The earliest of what is asked for; whoever still waits then asks again. */
  #notifyAt(at: number): void {
    if (this.#alarm && this.#alarm.at <= at) return;
    this.#alarm?.cancel();
    const ring = () => {
      this.#alarm = null;
      this.#notify();
    };
    this.#alarm = { at, cancel: this.#clock.alarm(at - this.#clock.now(), ring) };
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

const NO_ENDPOINTS: readonly Endpoint[] = Object.freeze([]);

interface Channel {
  snapshot: Snapshot;
  readonly callers: Callers;
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

function sameEndpoints(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return a.length === b.length && a.every((endpoint, i) => JSON.stringify(endpoint) === JSON.stringify(b[i]));
}
