import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { Change } from '../../control-plane/ports.ts';
import { SCHEMA_VERSION } from '../../control-plane/store/schema.ts';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';
import { anyReplica } from '../fakes/records.ts';
import { until } from '../until.ts';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function replica(id: string): Change {
  return { kind: 'put_replica', replica: { ...fc.sample(anyReplica, { numRuns: 1, seed: 1 })[0]!, id } };
}

/** A file that a store has written and closed. */
async function written(t: ExecutionContext, count = 1): Promise<string> {
  const file = path.join(await folderFor(t), 'state.db');
  const store = await openSqliteStore(file);
  await store.commit(Array.from({ length: count }, (_, i) => replica(`r${i}`)));
  await store.close();
  return file;
}

async function fingerprint(file: string): Promise<string> {
  const folder = path.dirname(file);
  const hash = createHash('sha256');
  for (const name of (await readdir(folder)).sort()) hash.update(name).update(await readFile(path.join(folder, name)));
  return hash.digest('hex');
}

function commitInChild(file: string, from: number): { child: ChildProcess; acknowledged: () => number } {
  const program = path.join(import.meta.dirname, 'committing-process.ts');
  const child = spawn(process.execPath, [program, file, String(from)], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout?.on('data', chunk => {
    output += String(chunk);
  });
  const acknowledged = () => {
    const complete = output.slice(0, output.lastIndexOf('\n') + 1).trim();
    return complete === '' ? from - 1 : Number(complete.split('\n').at(-1));
  };
  return { child, acknowledged };
}

async function killed(child: ChildProcess): Promise<void> {
  const closed = new Promise(resolve => child.once('close', resolve));
  child.kill('SIGKILL');
  await closed;
}

test('every acknowledged commit survives kill -9, whole, and the file can be used at once', async t => {
  const file = path.join(await folderFor(t), 'state.db');
  let from = 1;
  for (let round = 0; round < 5; round++) {
    const { child, acknowledged } = commitInChild(file, from);
    const first = from;
    await until('some commits', () => acknowledged() >= first + 15 * round + 1);
    await killed(child);
    const last = acknowledged();
    const store = await openSqliteStore(file);
    const { replicas } = await store.load();
    const [generation] = new Set(replicas.map(r => r.generation));
    t.is(replicas.length, 10);
    t.true(
      replicas.every(r => r.generation === generation),
      'a commit is there as a whole or not at all',
    );
    t.true(generation === last || generation === last + 1, `acknowledged ${last}, found ${generation}`);
    const [event] = await store.events({ limit: 1 });
    t.is(event?.message, `commit ${generation}`);
    await store.close();
    from = generation! + 1;
  }
});

test('a second process is refused with the pid of the first, and a killed first leaves nothing to clean up', async t => {
  const file = path.join(await folderFor(t), 'state.db');
  const { child, acknowledged } = commitInChild(file, 1);
  await until('it runs', () => acknowledged() >= 1);
  const error = await t.throwsAsync(openSqliteStore(file, { lockWaitMs: 100 }), { code: 'conflict' } as never);
  t.is(error?.message, `the state file ${file} is in use by process ${child.pid}`);
  await killed(child);
  const store = await openSqliteStore(file, { lockWaitMs: 0 });
  await store.close();
});

test('a second store in the same process is refused too, and the first keeps its hold', async t => {
  const file = path.join(await folderFor(t), 'state.db');
  const store = await openSqliteStore(file);
  await t.throwsAsync(openSqliteStore(file, { lockWaitMs: 0 }), { code: 'conflict' } as never);
  const { child } = commitInChild(file, 1);
  const ended = new Promise(resolve => child.once('exit', resolve));
  t.not(await ended, 0, 'the refused attempt did not drop the lock');
  await store.commit([replica('r')]);
  await store.close();
});

test('of several that open a new file at once one gets it, the others are refused', async t => {
  const file = path.join(await folderFor(t), 'new', 'state.db');
  const all = await Promise.allSettled(Array.from({ length: 4 }, () => openSqliteStore(file, { lockWaitMs: 0 })));
  const opened = all.filter(r => r.status === 'fulfilled');
  t.is(opened.length, 1);
  for (const refused of all) if (refused.status === 'rejected') t.is(refused.reason.code, 'conflict');
  await opened[0]?.value.close();
});

test('ten replicas and their events are one transaction in the log', async t => {
  const file = path.join(await folderFor(t), 'state.db');
  const store = await openSqliteStore(file);
  const before = committedTransactions(await readFile(`${file}-wal`));
  await store.commit([
    ...Array.from({ length: 10 }, (_, i) => replica(`r${i}`)),
    { kind: 'event', event: { at: 1, service: 'a/b', type: 'service.applied', message: 'ten' } },
  ]);
  t.is(committedTransactions(await readFile(`${file}-wal`)), before + 1);
  await store.commit([]);
  t.is(committedTransactions(await readFile(`${file}-wal`)), before + 1, 'nothing to write is nothing written');
  await store.close();
});

/** Frames of the log that end a transaction; each cost one fsync (https://www.sqlite.org/fileformat2.html#walformat). */
function committedTransactions(log: Buffer): number {
  // Right after a checkpoint the log is empty.
  if (log.length < 32) return 0;
  const pageBytes = log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let count = 0;
  for (let at = 32; at + 24 + pageBytes <= log.length; at += 24 + pageBytes) {
    if (!log.subarray(at + 8, at + 16).equals(salt)) break;
    if (log.readUInt32BE(at + 4) > 0) count += 1;
  }
  return count;
}

test('a state file without its log is still known as ours, with its instance', async t => {
  const file = path.join(await folderFor(t), 'state.db');
  const { child, acknowledged } = commitInChild(file, 1);
  await until('it runs', () => acknowledged() >= 1);
  await killed(child);
  const whole = await openSqliteStore(file);
  const { instance } = whole;
  await whole.close();
  const second = commitInChild(file, 2);
  await until('it runs', () => second.acknowledged() >= 2);
  await killed(second.child);
  await rm(`${file}-wal`);
  const alone = await openSqliteStore(file);
  t.is(alone.instance, instance);
  await alone.close();
});

test('a process that is just ending is waited for', async t => {
  const file = path.join(await folderFor(t), 'state.db');
  const first = await openSqliteStore(file);
  const opening = openSqliteStore(file, { lockWaitMs: 30_000 });
  await first.close();
  const second = await opening;
  await second.close();
  t.pass();
});

test('the file is for its owner alone, also one that was not; a folder that was made is too', async t => {
  const folder = path.join(await folderFor(t), 'state', 'outrigger');
  const file = path.join(folder, 'state.db');
  const store = await openSqliteStore(file);
  t.is((await stat(folder)).mode & 0o777, 0o700);
  await store.commit([replica('r')]);
  for (const name of await readdir(folder)) t.is((await stat(path.join(folder, name))).mode & 0o777, 0o600, name);
  await store.close();
  await chmod(file, 0o644);
  await (await openSqliteStore(file)).close();
  t.is((await stat(file)).mode & 0o777, 0o600);
});

const damages: Record<string, (file: string) => Promise<unknown>> = {
  'text instead of SQLite': file => writeFile(file, 'once upon a time\n'.repeat(1_000)),
  'a short text': file => writeFile(file, '{}'),
  'zeroes instead of the header': async file => {
    const content = await readFile(file);
    await writeFile(file, content.fill(0, 0, 100));
  },
  'a file cut in half': async file => truncate(file, Math.floor((await stat(file)).size / 2)),
  'random bytes in every page but the first': async file => {
    const content = await readFile(file);
    let x = 12_345;
    for (let i = 4_096; i < content.length; i++) {
      x = (x * 1_103_515_245 + 12_345) % 2_147_483_648;
      content[i] = x >> 16;
    }
    await writeFile(file, content);
  },
  'a SQLite file of another program': async file => {
    await rm(file);
    const database = new DatabaseSync(file);
    database.exec('CREATE TABLE notes (text TEXT)');
    database.close();
  },
  'a newer schema': async file => {
    const database = new DatabaseSync(file);
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    database.close();
  },
  'an empty file beside a log with changes': async file => {
    await truncate(file, 0);
    await writeFile(`${file}-wal`, 'frames');
  },
};

for (const [what, damage] of Object.entries(damages)) {
  test(`${what}: refused as corrupt with a way out, and nothing is overwritten`, async t => {
    const file = await written(t, 200);
    await damage(file);
    const before = await fingerprint(file);
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = await t.throwsAsync(openSqliteStore(file), { code: 'state_corrupt' } as never);
      t.true(error?.message.includes(file));
      const { next } = error as unknown as { next: string };
      for (const words of ['Nothing was written', `mv ${file} ${file}.aside`, 'Running containers are left alone']) {
        t.true(next.includes(words), words);
      }
    }
    t.is(await fingerprint(file), before);
    // The way out works.
    await cp(file, `${file}.aside`);
    await rm(file);
    await rm(`${file}-wal`, { force: true });
    await (await openSqliteStore(file)).close();
  });
}

for (const [table, statement] of Object.entries({
  replicas: `UPDATE replicas SET document = json_set(document, '$.phase.kind', 'asleep')`,
  'replicas that are not JSON': `UPDATE replicas SET document = 'oops'`,
  services: `INSERT INTO services (key, document) VALUES ('a/b', '{}')`,
  generations: `INSERT INTO generations (service, generation, document) VALUES ('a/b', 1, '{}')`,
})) {
  test(`a record of ${table} that does not fit its schema is refused by name when it is loaded`, async t => {
    const file = await written(t);
    const database = new DatabaseSync(file);
    database.exec(statement);
    database.close();
    const store = await openSqliteStore(file);
    await t.throwsAsync(store.load(), { code: 'state_corrupt', message: /record (r0|a\/b|a\/b 1) of/ } as never);
    await store.close();
  });
}

test('a folder in the place of the file, and a file in the place of the folder, are refused', async t => {
  const folder = await folderFor(t);
  await mkdir(path.join(folder, 'state.db'));
  await t.throwsAsync(openSqliteStore(path.join(folder, 'state.db')), { code: 'invalid_argument' } as never);
  await writeFile(path.join(folder, 'file'), '');
  await t.throwsAsync(openSqliteStore(path.join(folder, 'file', 'state.db')), { code: 'invalid_argument' } as never);
});

test('after its file was moved away nothing is acknowledged any more, until it is back', async t => {
  const file = await written(t);
  const store = await openSqliteStore(file);
  await rename(file, `${file}.aside`);
  const error = await t.throwsAsync(store.commit([replica('lost')]), { code: 'unavailable' } as never);
  t.is(error?.message, `the state file ${file} was moved or deleted while it was in use`);
  await writeFile(file, '');
  await t.throwsAsync(store.commit([replica('lost')]), { code: 'unavailable' } as never);
  await rename(`${file}.aside`, file);
  await store.commit([replica('kept')]);
  t.deepEqual(
    (await store.load()).replicas.map(r => r.id),
    ['kept', 'r0'],
  );
  await store.close();
});

test('a link to the file is followed', async t => {
  const file = await written(t);
  const link = `${file}.link`;
  await symlink(file, link);
  const store = await openSqliteStore(link);
  t.is((await store.load()).replicas.length, 1);
  await store.close();
});

/** A tmpfs of this size, mounted for one test; null where mounting is not allowed. */
async function mountTmpfs(t: ExecutionContext, sizeKiB: number): Promise<string | null> {
  const folder = await folderFor(t);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeKiB}k`, 'outrigger-test', folder]);
  if (mounted.status !== 0) {
    t.log(`skipped: a tmpfs cannot be mounted here (${mounted.error?.message ?? mounted.stderr.toString().trim()})`);
    t.pass();
    return null;
  }
  t.teardown(() => spawnSync('umount', [folder]));
  return folder;
}

test('a full disk: the commit is refused and changes nothing, and works again once there is room', async t => {
  const folder = await mountTmpfs(t, 512);
  if (!folder) return;
  const file = path.join(folder, 'state.db');
  const store = await openSqliteStore(file);
  await store.commit([replica('first')]);
  const free = Number(spawnSync('df', ['--output=avail', '-k', folder]).stdout.toString().split('\n')[1]);
  await writeFile(path.join(folder, 'ballast'), Buffer.alloc(Math.max(0, free - 8) * 1024));
  const many = Array.from({ length: 200 }, (_, i) => replica(`more${i}`));
  const error = await t.throwsAsync(store.commit([{ kind: 'delete_replica', id: 'first' }, ...many]), {
    code: 'out_of_resources',
  } as never);
  t.regex((error as unknown as { next: string }).next, /Free some space/);
  t.deepEqual(
    (await store.load()).replicas.map(r => r.id),
    ['first'],
  );
  await rm(path.join(folder, 'ballast'));
  await store.commit(many.slice(0, 20));
  await store.close();
  const again = await openSqliteStore(file);
  t.is((await again.load()).replicas.length, 21);
  await again.close();
});

test('no room for a new state file at all: out of resources, and the next attempt with room begins afresh', async t => {
  const folder = await mountTmpfs(t, 64);
  if (!folder) return;
  await writeFile(path.join(folder, 'ballast'), Buffer.alloc(64 * 1024));
  const file = path.join(folder, 'state.db');
  await t.throwsAsync(openSqliteStore(file), { code: 'out_of_resources' } as never);
  spawnSync('mount', ['-o', 'remount,size=1024k', folder]);
  const store = await openSqliteStore(file);
  await store.commit([replica('r')]);
  await store.close();
});

test('a read-only file system: denied, with what to do, for a new file and for one that is there', async t => {
  const folder = await mountTmpfs(t, 1_024);
  if (!folder) return;
  const file = path.join(folder, 'state.db');
  await (await openSqliteStore(file)).close();
  spawnSync('mount', ['-o', 'remount,ro', folder]);
  for (const tried of [file, path.join(folder, 'other.db'), path.join(folder, 'new', 'state.db')]) {
    const error = await t.throwsAsync(openSqliteStore(tried), { code: 'denied' } as never, tried);
    t.regex((error as unknown as { next: string }).next, /writable for this user/);
  }
});
