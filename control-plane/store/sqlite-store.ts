import { statSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { z } from 'zod';
import { OutriggerError } from '../core/errors.ts';
import type { ServiceKey } from '../core/spec.ts';
import type { Change, Event, Store, StoredEvent, StoredState } from '../ports.ts';
import { generationRecord, nodeRecord, replicaRecord, serviceRecord } from './records.ts';
import { stateCorrupt, translate } from './sqlite-errors.ts';

/** Longest event message that is kept, in characters. */
export const MAX_EVENT_MESSAGE = 8_192;

interface Options {
  readonly path: string;
  readonly instance: string;
  readonly maxEvents: number;
  /** Tells the file that was opened from another one that now has its name. */
  readonly inode: bigint;
  readonly onClosed: () => Promise<void>;
}

/**
 * The Store on an open, locked and migrated database. A commit is one transaction and, with `synchronous = FULL`, one
 * fsync of the log; it runs on the calling thread, which for the few kilobytes of a pass takes less than a hand-over.
 */
export class SqliteStore implements Store {
  readonly instance: string;
  readonly #database: DatabaseSync;
  readonly #options: Options;
  readonly #statements: ReturnType<typeof prepare>;
  #closed = false;

  constructor(database: DatabaseSync, options: Options) {
    this.#database = database;
    this.#options = options;
    this.instance = options.instance;
    this.#statements = prepare(database);
  }

  load(): Promise<StoredState> {
    return this.#do('reading', () => ({
      services: this.#read('services', 'key', serviceRecord),
      replicas: this.#read('replicas', 'id', replicaRecord),
      nodes: this.#read('nodes', 'name', nodeRecord),
      generations: this.#read('generations', "service || ' ' || generation", generationRecord),
    }));
  }

  commit(changes: readonly Change[]): Promise<void> {
    return this.#do('writing', () => {
      if (changes.length === 0) return;
      this.#mustBeInPlace();
      this.#database.exec('BEGIN IMMEDIATE');
      try {
        let events = false;
        for (const change of changes) {
          this.#apply(change);
          if (change.kind === 'event') events = true;
        }
        if (events) this.#statements.trimEvents.run(this.#options.maxEvents);
        this.#database.exec('COMMIT');
      } catch (error) {
        // Some errors, such as a full disk, have already rolled back by themselves.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  /** With `afterSequence` the oldest `limit` of what came after it, so that a reader can page on; without, the newest. */
  events(query: { service?: ServiceKey; limit: number; afterSequence?: number }): Promise<readonly StoredEvent[]> {
    return this.#do('reading', () => {
      const { service, limit, afterSequence } = query;
      const from = afterSequence ?? -1;
      const { eventsAfter, serviceEventsAfter, eventsNewest, serviceEventsNewest } = this.#statements;
      const rows =
        afterSequence === undefined
          ? (service === undefined ? eventsNewest.all(limit) : serviceEventsNewest.all(service, limit)).reverse()
          : service === undefined
            ? eventsAfter.all(from, limit)
            : serviceEventsAfter.all(service, from, limit);
      return rows.map(toEvent);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#database.close();
    } catch (error) {
      throw translate(error, this.#options.path, 'closing the state file');
    }
    await this.#options.onClosed();
  }

  /** A file that was deleted or moved away still takes writes, and they would be lost: they are not acknowledged. */
  #mustBeInPlace(): void {
    const { path, inode } = this.#options;
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (found?.ino === inode) return;
    throw new OutriggerError('unavailable', `the state file ${path} was moved or deleted while it was in use`, {
      next: 'Put it back, or restart the control plane, which then begins with the file that is there. Nothing was stored.',
      details: { path },
    });
  }

  #apply(change: Change): void {
    const s = this.#statements;
    switch (change.kind) {
      case 'put_service':
        s.putService.run(change.service.key, this.#document(change.service, serviceRecord));
        return;
      case 'delete_service':
        s.deleteService.run(change.key);
        // Generations mean nothing without their service.
        s.deleteGenerations.run(change.key);
        return;
      case 'put_generation': {
        const { service, generation, spec } = change;
        s.putGeneration.run(service, generation, this.#document({ service, generation, spec }, generationRecord));
        return;
      }
      case 'delete_generation':
        s.deleteGeneration.run(change.service, change.generation);
        return;
      case 'put_replica':
        s.putReplica.run(change.replica.id, this.#document(change.replica, replicaRecord));
        return;
      case 'delete_replica':
        s.deleteReplica.run(change.id);
        return;
      case 'put_node':
        s.putNode.run(change.node.name, this.#document(change.node, nodeRecord));
        return;
      case 'delete_node':
        s.deleteNode.run(change.name);
        return;
      case 'event':
        s.putEvent.run(...toRow(change.event));
        return;
      default:
        change satisfies never;
    }
  }

  #document(value: unknown, schema: z.ZodType): string {
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      throw new OutriggerError(
        'internal',
        `refusing to store what could not be read back: ${firstIssue(parsed.error)}`,
        {
          next: 'This is a defect of Outrigger; please report it with this message. Nothing was changed.',
        },
      );
    }
    return JSON.stringify(value);
  }

  #read<T>(table: string, id: string, schema: z.ZodType<T>): T[] {
    const rows = this.#database.prepare(`SELECT ${id} AS id, document FROM ${table} ORDER BY 1`).all();
    return rows.map(row => {
      let value: unknown;
      try {
        value = JSON.parse(String(row['document']));
      } catch (error) {
        throw stateCorrupt(this.#options.path, `record ${String(row['id'])} of ${table} is not JSON`, error);
      }
      const parsed = schema.safeParse(value);
      if (parsed.success) return parsed.data;
      throw stateCorrupt(
        this.#options.path,
        `record ${String(row['id'])} of ${table} is not as expected: ${firstIssue(parsed.error)}`,
        parsed.error,
      );
    });
  }

  /** Always asynchronous to the caller, also where it fails. */
  async #do<T>(doing: string, work: () => T): Promise<T> {
    const { path } = this.#options;
    if (this.#closed) {
      throw new OutriggerError('unavailable', `the state file ${path} is closed: the control plane is shutting down`, {
        retryable: false,
      });
    }
    try {
      return work();
    } catch (error) {
      throw translate(error, path, `${doing} the state file`);
    }
  }
}

function prepare(database: DatabaseSync) {
  const statement = (sql: string): StatementSync => database.prepare(sql);
  const events = 'SELECT sequence, at, service, replica_id, node, type, message FROM events';
  return {
    putService: statement(
      'INSERT INTO services (key, document) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document',
    ),
    deleteService: statement('DELETE FROM services WHERE key = ?'),
    deleteGenerations: statement('DELETE FROM generations WHERE service = ?'),
    putGeneration: statement(
      'INSERT INTO generations (service, generation, document) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET document = excluded.document',
    ),
    deleteGeneration: statement('DELETE FROM generations WHERE service = ? AND generation = ?'),
    putReplica: statement(
      'INSERT INTO replicas (id, document) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document',
    ),
    deleteReplica: statement('DELETE FROM replicas WHERE id = ?'),
    putNode: statement(
      'INSERT INTO nodes (name, document) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document',
    ),
    deleteNode: statement('DELETE FROM nodes WHERE name = ?'),
    putEvent: statement('INSERT INTO events (at, service, replica_id, node, type, message) VALUES (?, ?, ?, ?, ?, ?)'),
    trimEvents: statement('DELETE FROM events WHERE sequence <= (SELECT max(sequence) FROM events) - ?'),
    eventsAfter: statement(`${events} WHERE sequence > ? ORDER BY sequence LIMIT ?`),
    serviceEventsAfter: statement(`${events} WHERE service = ? AND sequence > ? ORDER BY sequence LIMIT ?`),
    eventsNewest: statement(`${events} ORDER BY sequence DESC LIMIT ?`),
    serviceEventsNewest: statement(`${events} WHERE service = ? ORDER BY sequence DESC LIMIT ?`),
  };
}

function toRow(event: Event): [number, string, string | null, string | null, string, string] {
  const message =
    event.message.length > MAX_EVENT_MESSAGE ? `${event.message.slice(0, MAX_EVENT_MESSAGE - 1)}…` : event.message;
  return [event.at, event.service ?? '', event.replicaId ?? null, event.node ?? null, event.type, message];
}

function toEvent(row: Record<string, unknown>): StoredEvent {
  return {
    sequence: row['sequence'] as number,
    at: row['at'] as number,
    ...(row['service'] === '' ? {} : { service: row['service'] as ServiceKey }),
    ...(row['replica_id'] === null ? {} : { replicaId: row['replica_id'] as string }),
    ...(row['node'] === null ? {} : { node: row['node'] as string }),
    type: row['type'] as string,
    message: row['message'] as string,
  };
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join('.') || '(whole)'}: ${issue.message}` : 'no reason given';
}
