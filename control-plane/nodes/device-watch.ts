import type { GivenDevice } from '../core/node.ts';
import type { DeviceReport } from '../core/observed.ts';
import type { Clock, Engine } from '../ports.ts';
import { Slots } from '../slots.ts';
import { within } from '../within.ts';

/** A running container that was given devices. */
export interface DeviceTarget {
  readonly containerId: string;
  readonly node: string;
  readonly devices: readonly GivenDevice[];
  /** What asks for them; absent: the vendor's own tool. */
  readonly check?: readonly string[];
  /** The check found the devices in this container before it is watched. */
  readonly isProven?: boolean;
}

/**
 * Asks running containers whether they still see their devices, each every 15 s. Level-triggered: it is told the whole
 * set. `lost` is said only after two answers in a row a second apart, and then stands until the container sees its devices
 * again; an engine that does not answer changes nothing. A check of the service's own that has never passed in a container
 * is `unproven`.
 */
export class DeviceWatch {
  readonly #clock: Clock;
  readonly #engines: ReadonlyMap<string, Engine>;
  readonly #onChange: () => void;
  readonly #watched = new Map<string, Watched>();
  readonly #reports = new Map<string, DeviceReport>();
  /** By node: one whose engine hangs keeps no other waiting. Each target asks one question at a time. */
  readonly #slots = new Map<string, Slots>();

  constructor(options: {
    clock: Clock;
    engines: ReadonlyMap<string, Engine>;
    /** A report says something else than before. */
    onChange: () => void;
  }) {
    this.#clock = options.clock;
    this.#engines = options.engines;
    this.#onChange = options.onChange;
  }

  /** Replaces the whole set of containers to ask. Those that stay keep their report and their pace. */
  target(targets: readonly DeviceTarget[]): void {
    const named = new Set(targets.map(t => t.containerId));
    for (const [id, { stop }] of this.#watched) {
      if (named.has(id)) continue;
      stop.abort(LEFT);
      this.#watched.delete(id);
      this.#reports.delete(id);
    }
    for (const target of targets) {
      const known = this.#watched.get(target.containerId);
      if (known) {
        known.target = target;
        continue;
      }
      const isProven = target.check === undefined || target.isProven === true;
      const watched: Watched = { target, isProven, stop: new AbortController(), ended: Promise.resolve() };
      this.#watched.set(target.containerId, watched);
      watched.ended = this.#watch(watched);
    }
    const nodes = new Set(targets.map(t => t.node));
    for (const [node, slots] of this.#slots) if (!nodes.has(node) && slots.isIdle) this.#slots.delete(node);
  }

  /** The newest report of each target that was asked, by container id. */
  reports(): ReadonlyMap<string, DeviceReport> {
    return this.#reports;
  }

  /** Resolves once nothing is under way any more. */
  async close(): Promise<void> {
    const ended = [...this.#watched.values()].map(w => w.ended);
    this.target([]);
    await Promise.all(ended);
  }

  async #watch(watched: Watched): Promise<void> {
    const { signal } = watched.stop;
    try {
      while (!signal.aborted) {
        await this.#look(watched, signal);
        await this.#clock.sleep(EVERY_MS, signal);
      }
    } catch (thrown) {
      if (!signal.aborted) throw thrown;
    }
  }

  async #look(watched: Watched, signal: AbortSignal): Promise<void> {
    const first = await this.#ask(watched, signal);
    if (first?.kind !== 'lost') return this.#report(watched, first);
    if (this.#reports.get(watched.target.containerId)?.kind === 'lost') return this.#report(watched, first);
    // A driver that is being reset, or a tool that was killed for memory, says so once.
    await this.#clock.sleep(CONFIRM_AFTER_MS, signal);
    this.#report(watched, await this.#ask(watched, signal));
  }

  /** Null where there was no answer. */
  async #ask({ target }: Watched, signal: AbortSignal): Promise<Omit<DeviceReport, 'at'> | null> {
    const { containerId, node, devices, check } = target;
    const engine = this.#engines.get(node);
    if (!engine) return null;
    const limits = { clock: this.#clock, timeoutMs: DEADLINE_MS, signal };
    const what = `asking container ${containerId.slice(0, 12)} on node ${node} for its devices`;
    const request = { devices, ...(check && { check }) };
    const ask = () => within(limits, what, inTime => engine.checkDevices(containerId, request, inTime));
    try {
      return await this.#slotsOf(node).run(ask, signal);
    } catch {
      // That the engine is away is what its listing reports.
      signal.throwIfAborted();
      return null;
    }
  }

  #report(watched: Watched, answer: Omit<DeviceReport, 'at'> | null): void {
    const { target, stop } = watched;
    if (answer === null || stop.signal.aborted) return;
    if (answer.kind === 'sees') watched.isProven = true;
    const before = this.#reports.get(target.containerId);
    if (before?.kind === 'lost' && answer.kind === 'unknown') return;
    const unproven = answer.kind === 'lost' && !watched.isProven;
    this.#reports.set(target.containerId, { ...answer, ...(unproven && { unproven }), at: this.#clock.now() });
    if (before?.kind !== answer.kind || before.message !== answer.message) this.#onChange();
  }

  #slotsOf(node: string): Slots {
    const known = this.#slots.get(node);
    if (known) return known;
    const slots = new Slots({ clock: this.#clock, limit: AT_ONCE_PER_NODE });
    this.#slots.set(node, slots);
    return slots;
  }
}

interface Watched {
  target: DeviceTarget;
  /** What asks is NVIDIA's own, or has found the devices in this container once. */
  isProven: boolean;
  readonly stop: AbortController;
  ended: Promise<void>;
}

const EVERY_MS = 15_000;
const CONFIRM_AFTER_MS = 1_000;
/** Above the engine adapter's own deadline, which says more. */
const DEADLINE_MS = 15_000;
const AT_ONCE_PER_NODE = 4;
const LEFT = new Error('the container is not asked any more');
