import { randomUUID } from 'node:crypto';
import { DiscoveryError } from './client-error.ts';
import { type ControlAddress, formatControlAddress } from './control-address.ts';
import { credentialsOf } from './credentials.ts';
import { DiscoveryStream, type WatchEnd } from './discovery-stream.ts';
import { ReplicasInUse } from './replicas-in-use.ts';
import type { ServiceRef } from './service-ref.ts';
import type { Snapshot } from './snapshot.ts';

/** What is known of a service now. */
export interface WatchState {
  /** The last good one; null before the first. Kept while the control plane is away. */
  readonly snapshot: Snapshot | null;
  readonly connection:
    | { readonly kind: 'idle' }
    /** Asked, no answer yet. */
    | { readonly kind: 'connecting' }
    /** `snapshot` is what the control plane says now. */
    | { readonly kind: 'current' }
    /** The control plane is away, and why. It is tried again by itself. */
    | { readonly kind: 'lost'; readonly error: DiscoveryError };
}

export interface WatchTiming {
  readonly firstRetryMs: number;
  readonly longestRetryMs: number;
  /** How long a restarted control plane may not know a service before that is believed. */
  readonly unknownGraceMs: number;
}

const WATCH_TIMING: WatchTiming = { firstRetryMs: 100, longestRetryMs: 5_000, unknownGraceMs: 5_000 };

/** What Node's timers take at most. */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

/** A promise means: until it settles, replicas that have left are still in use here. */
type Listener = (state: WatchState) => unknown;

/**
 * The one watch that a process has on a service of a control plane, shared by all that want it. It is open while
 * somebody listens, and comes back by itself. What it says of the replicas that are in use here is for `ReplicasInUse` to
 * know.
 */
export class ServiceWatch {
  readonly address: ControlAddress;
  readonly service: ServiceRef;
  readonly #timing: WatchTiming;
  readonly #listeners = new Set<Listener>();
  /** By which the control plane knows it again. */
  readonly #id = randomUUID();
  readonly #inUse = new ReplicasInUse<Snapshot>(snapshot => this.#put({ snapshot, connection: { kind: 'current' } }));
  #state: WatchState = { snapshot: null, connection: { kind: 'idle' } };
  #stream: DiscoveryStream | null = null;
  #retry: NodeJS.Timeout | null = null;
  #attempts = 0;
  #held: NodeJS.Timeout | null = null;
  readonly #holds = new Set<NodeJS.Timeout>();

  constructor(address: ControlAddress, service: ServiceRef, timing: WatchTiming = WATCH_TIMING) {
    this.address = address;
    this.service = service;
    this.#timing = timing;
  }

  get state(): WatchState {
    return this.#state;
  }

  /** True while somebody listens. */
  get wanted(): boolean {
    return this.#listeners.size > 0;
  }

  /** The listener is not called before this returns; read `state` first. Returns what ends it. */
  subscribe(listener: Listener): () => void {
    const entry: Listener = state => listener(state);
    this.#listeners.add(entry);
    if (this.#listeners.size === 1) this.#open();
    return () => {
      if (this.#listeners.delete(entry) && this.#listeners.size === 0) this.close();
    };
  }

  /** Keeps the process from ending until the returned function is called, or the watch is closed for everybody. */
  hold(): () => void {
    const timer = setInterval(() => {}, LONGEST_INTERVAL_MS);
    this.#holds.add(timer);
    return () => {
      clearInterval(timer);
      this.#holds.delete(timer);
    };
  }

  /** Tries now what would be tried a little later: somebody waits for it. */
  hurry(): void {
    if (!this.#retry || this.#attempts < 2) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), this.#timing.firstRetryMs).unref();
    this.#attempts = 1;
  }

  /** Ends the watch for everybody. The last good snapshot is remembered. */
  close(): void {
    this.#listeners.clear();
    this.#stream?.close();
    this.#stream = null;
    this.#dropTimers();
    for (const timer of this.#holds) clearInterval(timer);
    this.#holds.clear();
    this.#attempts = 0;
    this.#inUse.ended();
    this.#state = { ...this.#state, connection: { kind: 'idle' } };
  }

  #open(): void {
    this.#retry = null;
    if (this.#state.connection.kind === 'idle') this.#state = { ...this.#state, connection: { kind: 'connecting' } };
    try {
      const stream: DiscoveryStream = new DiscoveryStream({
        address: this.address,
        credentials: credentialsOf(process.env),
        subscription: {
          ...this.service,
          clientId: this.#id,
          replicasInUse: this.#inUse.opened(version => stream.acknowledge(version)),
        },
        onSnapshot: snapshot => this.#receive(snapshot),
        onEnd: end => this.#lose(this.#explain(end)),
      });
      this.#stream = stream;
    } catch (error) {
      // Never in the caller's own turn: whoever subscribes has not got its subscription yet.
      const problem = (error as Error).message;
      const lost = error instanceof DiscoveryError ? error : this.#explain({ kind: 'failed', problem });
      queueMicrotask(() => this.wanted && this.#lose(lost));
    }
  }

  #receive(snapshot: Snapshot): void {
    this.#attempts = 0;
    if (this.#held) clearTimeout(this.#held);
    this.#held = null;
    if (this.#inUse.given(snapshot) === 'doubted')
      this.#held = setTimeout(() => this.#inUse.believe(), this.#timing.unknownGraceMs).unref();
  }

  #lose(error: DiscoveryError): void {
    this.#stream = null;
    this.#inUse.lost();
    if (this.#held) clearTimeout(this.#held);
    this.#held = null;
    const limitMs = Math.min(this.#timing.firstRetryMs * 2 ** this.#attempts++, this.#timing.longestRetryMs);
    // Half of it is chance, so that the clients of a restarted control plane do not all come at once.
    const delayMs = limitMs * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => this.#open(), delayMs).unref();
    this.#put({ snapshot: this.#state.snapshot, connection: { kind: 'lost', error } });
  }

  #explain({ kind, problem }: WatchEnd): DiscoveryError {
    const address = formatControlAddress(this.address);
    if (kind === 'ended') {
      return unavailable(`The control plane at ${address} ended the watch: ${problem.replace(/\.$/, '')}.`);
    }
    const next =
      this.address.kind === 'unix'
        ? 'Start one with `outrigger serve`, or set OUTRIGGER_ADDRESS.'
        : 'Check the address and that the control plane runs there.';
    return unavailable(`No control plane at ${address}: ${inWords(problem).replace(/\.$/, '')}.`, next);
  }

  /** Returns what the listeners still do with replicas that are not in it. */
  #put(state: WatchState): readonly Promise<unknown>[] {
    this.#state = state;
    const uses: Promise<unknown>[] = [];
    for (const listener of [...this.#listeners]) {
      try {
        const use = listener(state);
        if (use instanceof Promise) uses.push(use);
      } catch (error) {
        // A listener's own mistake is neither the other listeners' nor the watch's; it surfaces as uncaught.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    return uses;
  }

  #dropTimers(): void {
    if (this.#retry) clearTimeout(this.#retry);
    if (this.#held) clearTimeout(this.#held);
    this.#retry = null;
    this.#held = null;
  }
}

function unavailable(problem: string, next?: string): DiscoveryError {
  return new DiscoveryError('unavailable', problem, next === undefined ? {} : { next });
}

function inWords(problem: string): string {
  if (/ENOENT/.test(problem)) return 'nothing is there';
  if (/ECONNREFUSED/.test(problem)) return 'the connection was refused';
  if (/EACCES|EPERM/.test(problem)) return 'this user may not open it';
  return problem;
}
