import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import type { Change, Clock } from '../../control-plane/ports.ts';
import { FakeEngine, type FakeEngineOptions } from '../fakes/engine.ts';
import type { Behaviour } from '../fakes/engine-behaviour.ts';
import { type FakeContainer, FakeNode } from '../fakes/engine-node.ts';
import { type Disk, FakeStore } from '../fakes/store.ts';

/** What somebody who stands beside the ports sees. Each fake tells at the very moment, before anything follows from it. */
export interface Witness {
  /** A container was told to stop. */
  readonly onStop: (container: FakeContainer) => void;
  /** One replica's record has changed on the disk; `disk` is what it holds after the same commit. */
  readonly onReplica: (before: Replica | null, after: Replica, disk: Stored) => void;
}

export interface Stored {
  readonly service: (key: string) => Service | null;
  readonly replicasOf: (key: string) => readonly Replica[];
  readonly specOf: (key: string, generation: number) => ServiceSpec | null;
}

export function storedOn(disk: Disk): Stored {
  const service = (key: string) => {
    const text = disk.services.get(key);
    return text === undefined ? null : (JSON.parse(text) as Service);
  };
  const replicas = () => [...disk.replicas.values()].map(text => JSON.parse(text) as Replica);
  const specOf = (key: string, generation: number) => {
    const text = disk.generations.get(`${key} ${generation}`);
    return text === undefined ? null : (JSON.parse(text) as { spec: ServiceSpec }).spec;
  };
  return { service, specOf, replicasOf: key => replicas().filter(r => r.service === key) };
}

export class WitnessedEngine extends FakeEngine {
  readonly #witness: Witness;

  constructor(options: FakeEngineOptions, witness: Witness) {
    super(options);
    this.#witness = witness;
  }

  override async stop(containerId: string, options: { graceMs: number }, signal: AbortSignal): Promise<void> {
    const container = this.machine.containers.get(containerId);
    if (container) this.#witness.onStop(container);
    await super.stop(containerId, options, signal);
  }
}

export class WitnessedStore extends FakeStore {
  readonly #disk: Disk;
  readonly #witness: Witness;

  constructor(disk: Disk, witness: Witness) {
    super(disk);
    this.#disk = disk;
    this.#witness = witness;
  }

  override async commit(changes: readonly Change[]): Promise<void> {
    const before = new Map(this.#disk.replicas);
    try {
      await super.commit(changes);
    } finally {
      const stored = storedOn(this.#disk);
      for (const [id, text] of this.#disk.replicas) {
        const old = before.get(id);
        if (old === text) continue;
        const after = JSON.parse(text) as Replica;
        this.#witness.onReplica(old === undefined ? null : (JSON.parse(old) as Replica), after, stored);
      }
    }
  }
}

/** One run of one container, from its start to its end. */
export interface Run {
  readonly containerId: string;
  readonly startedAt: number;
  endedAt: number | null;
}

/** A node that remembers when the containers of each replica began and ended, whoever ended them. */
export class WitnessedNode extends FakeNode {
  readonly runs = new Map<string, Run[]>();
  readonly #time: Clock;

  constructor(clock: Clock) {
    super(clock);
    this.#time = clock;
  }

  override start(container: FakeContainer, behaviour: Behaviour): void {
    const { replicaId } = container.request;
    const run: Run = { containerId: container.id, startedAt: this.#time.now(), endedAt: null };
    this.runs.set(replicaId, [...(this.runs.get(replicaId) ?? []), run]);
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

  #ended(id: string): void {
    const runs = this.runs.get(this.containers.get(id)?.request.replicaId ?? '');
    const run = runs?.findLast(r => r.containerId === id);
    if (run && run.endedAt === null) run.endedAt = this.#time.now();
  }
}
