import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import type { Change } from '../../control-plane/ports.ts';
import { FakeEngine, type FakeEngineOptions } from '../fakes/engine.ts';
import type { FakeContainer } from '../fakes/engine-node.ts';
import { type Disk, FakeStore } from '../fakes/store.ts';

/** What somebody who stands beside the ports sees. Each fake tells at the very moment, before anything follows from it. */
export interface Witness {
  /** A container was told to start, on the node of this name; one that runs already may be told again. */
  readonly onStart: (container: FakeContainer, node: string) => void;
  /** Nobody waits for the answer to that any more, whatever it was. */
  readonly onStartAnswered: (container: FakeContainer) => void;
  /** A container was told to stop. */
  readonly onStop: (container: FakeContainer, node: string) => void;
  /** Something is about to be stored; throwing keeps it from being so. */
  readonly onCommit: () => void;
  /** One replica's record has changed on the disk; `disk` is what it holds after the same commit. */
  readonly onReplica: (before: Replica | null, after: Replica, disk: Stored) => void;
}

export interface Stored {
  readonly service: (key: string) => Service | null;
  readonly services: () => readonly Service[];
  readonly replicas: () => readonly Replica[];
  readonly replicasOf: (key: string) => readonly Replica[];
  readonly specOf: (key: string, generation: number) => ServiceSpec | null;
  readonly node: (name: string) => NodeRecord | null;
}

export function storedOn(disk: Disk): Stored {
  const read = <T>(text: string | undefined) => (text === undefined ? null : (JSON.parse(text) as T));
  const replicas = () => [...disk.replicas.values()].map(text => JSON.parse(text) as Replica);
  return {
    service: key => read<Service>(disk.services.get(key)),
    services: () => [...disk.services.values()].map(text => JSON.parse(text) as Service),
    specOf: (key, generation) =>
      read<{ spec: ServiceSpec }>(disk.generations.get(`${key} ${generation}`))?.spec ?? null,
    replicas,
    replicasOf: key => replicas().filter(r => r.service === key),
    node: name => read<NodeRecord>(disk.nodes.get(name)),
  };
}

export class WitnessedEngine extends FakeEngine {
  readonly #witness: Witness;

  constructor(options: FakeEngineOptions, witness: Witness) {
    super(options);
    this.#witness = witness;
  }

  override async start(containerId: string, signal: AbortSignal): Promise<void> {
    const container = this.machine.containers.get(containerId);
    if (container) this.#witness.onStart(container, this.node);
    try {
      await super.start(containerId, signal);
    } finally {
      if (container) this.#witness.onStartAnswered(container);
    }
  }

  override async stop(containerId: string, options: { graceMs: number }, signal: AbortSignal): Promise<void> {
    const container = this.machine.containers.get(containerId);
    if (container) this.#witness.onStop(container, this.node);
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
    this.#witness.onCommit();
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
