import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import type { Clock } from '../../control-plane/ports.ts';
import type { Behaviour } from '../fakes/engine-behaviour.ts';
import { type FakeContainer, FakeNode } from '../fakes/engine-node.ts';
import { setupId } from './device-names.ts';

/** One run of one container, from its start to its end. */
export interface Run {
  readonly containerId: string;
  readonly startedAt: number;
  endedAt: number | null;
}

/**
 * A machine that remembers when the containers of each replica began and ended, whoever ended them, and whose devices
 * fill and empty as containers come and go: memory is given back a while after the end, as drivers do.
 */
export class SimulatedMachine extends FakeNode {
  readonly runs = new Map<string, Run[]>();
  /** Bytes that nobody here accounts for, by device: a process beside the containers. `since`: when that last changed. */
  readonly #strangers = new Map<string, { readonly bytes: number; readonly since: number }>();
  readonly #time: Clock;
  /** Container id to what it has of each of its devices, until that was given back. */
  readonly #taken = new Map<string, ReadonlyMap<string, number>>();

  constructor(clock: Clock, name: string) {
    super(clock, name);
    this.#time = clock;
  }

  override setDevices(devices: readonly ObservedDevice[]): void {
    super.setDevices(devices);
    this.#measureAll();
  }

  override start(container: FakeContainer, behaviour: Behaviour): void {
    const { replicaId, spec, placement } = container.request;
    const run: Run = { containerId: container.id, startedAt: this.#time.now(), endedAt: null };
    this.runs.set(replicaId, [...(this.runs.get(replicaId) ?? []), run]);
    const bytes = spec.resources.gpu?.memoryBytes ?? 0;
    this.#taken.set(container.id, new Map(placement.devices.map(device => [setupId(device), bytes])));
    this.#measureAll();
    super.start(container, behaviour);
  }

  override exit(id: string, exit: { code: number; oomKilled?: boolean; error?: string }): void {
    this.#ended(id);
    super.exit(id, exit);
  }

  override vanish(id: string): void {
    this.#ended(id);
    super.vanish(id);
  }

  /** The power goes: every container ends, and nothing answers. */
  losePower(): void {
    for (const { id, state } of this.containers.values()) if (state === 'running') this.exit(id, { code: 137 });
    this.setDaemon('down');
  }

  /** Somebody else's process takes so much of a device, or gives it back. */
  occupy(device: string, bytes: number): void {
    this.#strangers.set(setupId(device), { bytes, since: this.#time.now() });
    this.#measureAll();
  }

  /** Until when a stranger's use of the device may not have been noticed. */
  strangerSince(device: string): number {
    return this.#strangers.get(setupId(device))?.since ?? 0;
  }

  #ended(id: string): void {
    const runs = this.runs.get(this.containers.get(id)?.request.replicaId ?? '');
    const run = runs?.findLast(r => r.containerId === id);
    if (!run || run.endedAt !== null) return;
    run.endedAt = this.#time.now();
    const taken = this.#taken.get(id);
    void this.#time.sleep(GIVEN_BACK_AFTER_MS, new AbortController().signal).then(() => {
      // A start that lay in a hung engine's queue may have begun the same container again.
      if (this.#taken.get(id) === taken) this.#taken.delete(id);
      this.#measureAll();
    });
  }

  #measureAll(): void {
    for (const { id, memoryBytes } of this.devices) {
      if (memoryBytes === undefined) continue;
      const ours = [...this.#taken.values()].reduce((sum, taken) => sum + (taken.get(setupId(id)) ?? 0), 0);
      this.usedBytes.set(id, ours + (this.#strangers.get(setupId(id))?.bytes ?? 0));
    }
  }
}

const GIVEN_BACK_AFTER_MS = 2_000;
