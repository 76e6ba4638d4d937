import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import type { Change, Store, StoredEvent, StoredState } from '../../control-plane/ports.ts';
import { nodeRecord, replicaRecord, serviceRecord } from '../../control-plane/store/records.ts';

/**
 * A Store in memory that can do what a disk was seen to do: be full, and lose the answer to a commit that was made.
 * What survives a crash is in `Disk`; a new FakeStore on the same Disk is the next life.
 */
export class FakeStore implements Store {
  readonly instance: string;
  readonly #disk: Disk;
  readonly #maxEvents: number;
  #closed = false;

  constructor(disk: Disk = new Disk(), options: { maxEvents?: number } = {}) {
    this.#disk = disk;
    this.instance = disk.instance;
    this.#maxEvents = options.maxEvents ?? 10_000;
  }

  async load(): Promise<StoredState> {
    this.#mustBeOpen();
    const byKey = <T>(map: ReadonlyMap<string, string>) =>
      [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => JSON.parse(text) as T);
    return {
      services: byKey(this.#disk.services),
      replicas: byKey(this.#disk.replicas),
      nodes: byKey(this.#disk.nodes),
      generations: byKey(this.#disk.generations),
    };
  }

  async commit(changes: readonly Change[]): Promise<void> {
    this.#mustBeOpen();
    const fault = this.#disk.faults.shift();
    if (fault === 'full')
      throw new OutriggerError('out_of_resources', 'the disk is full', { next: 'Free some space.' });
    for (const change of changes) mustBeReadable(change);
    for (const change of changes) this.#disk.apply(change);
    this.#disk.trimEvents(this.#maxEvents);
    if (fault === 'lost_answer') throw new OutriggerError('unavailable', 'the disk failed after the write');
  }

  async events(query: {
    service?: ServiceKey;
    limit: number;
    afterSequence?: number;
  }): Promise<readonly StoredEvent[]> {
    this.#mustBeOpen();
    const { service, limit, afterSequence } = query;
    const found = this.#disk.events
      .filter(e => (service === undefined || e.service === service) && e.sequence > (afterSequence ?? -1))
      .map(e => structuredClone(e));
    if (limit === 0) return [];
    return afterSequence === undefined ? found.slice(-limit) : found.slice(0, limit);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new OutriggerError('unavailable', 'the store is closed', { retryable: false });
  }
}

/** As the real one: a record that could not be read back is refused. */
function mustBeReadable(change: Change): void {
  const parsed =
    change.kind === 'put_service'
      ? serviceRecord.safeParse(change.service)
      : change.kind === 'put_replica'
        ? replicaRecord.safeParse(change.replica)
        : change.kind === 'put_node'
          ? nodeRecord.safeParse(change.node)
          : null;
  if (parsed && !parsed.success) {
    throw new OutriggerError('internal', `refusing to store what could not be read back: ${parsed.error.message}`);
  }
}

/** What outlives a process. Documents are kept as text, so that nobody shares objects with it. */
export class Disk {
  readonly instance: string;
  readonly services = new Map<string, string>();
  readonly replicas = new Map<string, string>();
  readonly nodes = new Map<string, string>();
  readonly generations = new Map<string, string>();
  readonly events: StoredEvent[] = [];
  /** What the next commits meet, in order. */
  readonly faults: ('full' | 'lost_answer')[] = [];
  #sequence = 0;

  constructor(instance = 'instance1') {
    this.instance = instance;
  }

  apply(change: Change): void {
    switch (change.kind) {
      case 'put_service':
        return void this.services.set(change.service.key, JSON.stringify(change.service satisfies Service));
      case 'delete_service':
        this.services.delete(change.key);
        for (const key of this.generations.keys()) if (key.startsWith(`${change.key} `)) this.generations.delete(key);
        return;
      case 'put_generation': {
        const { service, generation, spec } = change;
        return void this.generations.set(`${service} ${generation}`, JSON.stringify({ service, generation, spec }));
      }
      case 'delete_generation':
        return void this.generations.delete(`${change.service} ${change.generation}`);
      case 'put_replica':
        return void this.replicas.set(change.replica.id, JSON.stringify(change.replica satisfies Replica));
      case 'delete_replica':
        return void this.replicas.delete(change.id);
      case 'put_node':
        return void this.nodes.set(change.node.name, JSON.stringify(change.node satisfies NodeRecord));
      case 'delete_node':
        return void this.nodes.delete(change.name);
      case 'event':
        return void this.events.push({ ...structuredClone(change.event), sequence: ++this.#sequence });
      default:
        change satisfies never;
    }
  }

  trimEvents(max: number): void {
    this.events.splice(0, Math.max(0, this.events.length - max));
  }
}
