import { closeSync, fsyncSync, openSync } from 'node:fs';
import { access, chmod, constants, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { OutriggerError } from '../core/errors.ts';
import { randomWord } from '../ids.ts';
import type { Store } from '../ports.ts';
import { APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION } from './schema.ts';
import { stateCorrupt, translate } from './sqlite-errors.ts';
import { SqliteStore } from './sqlite-store.ts';

export interface SqliteOptions {
  /** How long to wait for a process that is just ending to let go of the file. */
  readonly lockWaitMs?: number;
  /** How many of the newest events are kept. */
  readonly maxEvents?: number;
}

/**
 * Opens the state in `path`, making folder (0700) and file (0600) where they are missing, and holds it alone until
 * `close`. The kernel's file lock is the hold: it ends with the process, however that ends, and works between
 * containers that share the folder. Rejects with `conflict` (another process has it; says which), `state_corrupt`
 * (damaged, another program's, or of a newer Outrigger; the file is left as it was), `denied`, `out_of_resources`.
 */
export async function openSqliteStore(path: string, options: SqliteOptions = {}): Promise<Store> {
  const { lockWaitMs = 2_000, maxEvents = 10_000 } = options;
  try {
    await prepareFile(path);
    const database = await lock(path, lockWaitMs);
    try {
      const instance = migrate(database, path);
      // The file alone says from now on whose it is, even if somebody copies it without its log.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 100');
      const { ino: inode } = await stat(path, { bigint: true });
      // Only a hint for whoever is refused; the lock itself needs no cleaning up.
      await writeFile(holderFile(path), `${process.pid} ${hostname()}\n`, { mode: 0o600 }).catch(() => {});
      return new SqliteStore(database, {
        path,
        instance,
        maxEvents,
        inode,
        onClosed: () => rm(holderFile(path), { force: true }),
      });
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw translate(error, path, 'opening the state file');
  }
}

/**
 * The file is never opened other than through SQLite once it exists: closing any descriptor of it would drop this
 * process's locks on it (POSIX), and with them the hold.
 */
async function prepareFile(path: string): Promise<void> {
  await makeFolder(dirname(path));
  try {
    closeSync(openSync(path, 'wx', 0o600));
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = await stat(path);
  if (!found.isFile()) {
    throw new OutriggerError('invalid_argument', `the state file ${path} is not a regular file`, {
      next: 'Choose another state folder with --state or OUTRIGGER_STATE.',
    });
  }
  if (found.size === 0) {
    // SQLite would delete the log of an empty file and begin anew, and the containers of before would be nobody's.
    const log = await stat(`${path}-wal`).catch(() => null);
    if (log && log.size > 0) throw stateCorrupt(path, `it is empty, but ${path}-wal still holds changes`);
  }
  // SQLite would open it read-only without a word, and fail later and less clearly.
  await access(path, constants.R_OK | constants.W_OK);
  if ((found.mode & 0o077) !== 0) await chmod(path, 0o600);
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Node says so where the file system is read-only; the nearest folder that is there knows why.
    let above = dirname(folder);
    while (!(await stat(above).catch(() => null)) && above !== dirname(above)) above = dirname(above);
    await access(above, constants.W_OK);
    throw error;
  }
}

/** Waits beside the event loop rather than in SQLite's own busy handler, which would block it. */
async function lock(path: string, waitMs: number): Promise<DatabaseSync> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      // Before anything reads the file: so the write-ahead log is indexed in memory of our own, and nobody else gets in.
      database.exec('PRAGMA locking_mode = EXCLUSIVE');
      database.exec('BEGIN EXCLUSIVE; COMMIT');
      return database;
    } catch (error) {
      database.close();
      if (((error as { errcode?: number }).errcode ?? 0) % 256 !== SQLITE_BUSY) throw error;
      if (performance.now() >= deadline) throw await inUse(path, error);
      await delay(50);
    }
  }
}

const SQLITE_BUSY = 5;

async function inUse(path: string, cause: unknown): Promise<OutriggerError> {
  const written = await readFile(holderFile(path), 'utf8').catch(() => '');
  const [pid, host] = written.trim().split(' ');
  const who = pid ? `process ${pid}${host && host !== hostname() ? ` on ${host}` : ''}` : 'another process';
  return new OutriggerError('conflict', `the state file ${path} is in use by ${who}`, {
    next: 'A control plane already runs on this state folder: use it, stop it, or give this one another with --state.',
    details: { path, ...(pid ? { pid: Number(pid), host } : {}) },
    cause,
  });
}

function holderFile(path: string): string {
  return `${path}.holder`;
}

/** Refuses what is not ours before the first write; returns the instance. */
function migrate(database: DatabaseSync, path: string): string {
  const number = (sql: string) => Number(Object.values(database.prepare(sql).get() ?? {})[0]);
  const version = number('PRAGMA user_version');
  const application = number('PRAGMA application_id');
  const isNew = version === 0 && application === 0 && number('SELECT count(*) FROM sqlite_schema') === 0;
  if (!isNew && application !== APPLICATION_ID) {
    throw stateCorrupt(path, 'it is a SQLite file, but of another program');
  }
  if (version > SCHEMA_VERSION) {
    throw stateCorrupt(
      path,
      `it was written by a newer Outrigger (schema ${version}; this one knows up to ${SCHEMA_VERSION})`,
    );
  }
  const damage = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (damage !== 'ok') throw stateCorrupt(path, `SQLite finds it damaged: ${String(damage)}`);

  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  // The log is cut back to this once its content has moved into the file.
  database.exec('PRAGMA journal_size_limit = 4194304');
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    if (isNew) {
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      database.prepare('INSERT INTO identity (instance) VALUES (?)').run(randomWord(12));
    }
    if (version !== SCHEMA_VERSION) database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
  const instance = database.prepare('SELECT instance FROM identity').get()?.['instance'];
  if (typeof instance !== 'string') throw stateCorrupt(path, 'it names no instance');
  return instance;
}
