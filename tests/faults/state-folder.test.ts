import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import Docker from 'dockerode';
import { close } from '../../client/index.ts';
import { asRoot, isRoot } from '../as-root.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { type CommandResult, OutriggerCommand, startCommand } from '../product/outrigger-command.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { until } from '../until.ts';
import { EndpointLog } from './endpoint-log.ts';
import { livesOf, SERVE, web } from './services.ts';

const OUTRIGGER = path.join(import.meta.dirname, '../../bin/outrigger');
/** Root may write what is read-only: it is made to do without that right. */
const WITHOUT_OVERRIDE = ['--inh-caps=-all', '--bounding-set=-dac_override,-dac_read_search'];
const run = promisify(execFile);

test.before(() => ensureBusyboxImage().then(() => {}));
test.after.always(() => close());

async function serve(folder: string): Promise<CommandResult> {
  const args = ['serve', '--state', folder];
  if (!isRoot) return await startCommand(OUTRIGGER, args).ended;
  return await startCommand('setpriv', [...WITHOUT_OVERRIDE, OUTRIGGER, ...args]).ended;
}

test('a state file that cannot be used is refused with a way out, and what runs is left alone', async t => {
  t.timeout(2 * 60_000);
  const controlPlane = await RunningControlPlane.start();
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(web({ namespace: 'kept', replicas: 2 }));
  await controlPlane.ready('kept');
  const lives = livesOf(await controlPlane.containers(), 'web');
  await controlPlane.kill('SIGTERM');
  const database = path.join(controlPlane.folder, 'state.db');
  const copy = path.join(controlPlane.folder, 'copy.db');
  await copyFile(database, copy);

  const damages: Record<string, { make: () => Promise<void>; says: RegExp; next: RegExp }> = {
    garbage: {
      make: () => writeFile(database, 'no database at all, but longer than a header of one would be '.repeat(100)),
      says: /cannot use the state file .*state\.db/,
      next: /move it aside .* Running containers are left alone/,
    },
    'of a newer version': {
      make: async () => {
        const opened = new DatabaseSync(database);
        opened.exec('PRAGMA user_version = 999');
        opened.close();
      },
      says: /written by a newer Outrigger \(schema 999/,
      next: /with the version of outrigger that wrote it/,
    },
    'read-only': {
      make: () => chmod(database, 0o400),
      says: /opening the state file .*state\.db: .*permission denied/,
      next: /Make the file and its folder writable/,
    },
  };
  for (const [damage, { make, says, next }] of Object.entries(damages)) {
    await make();
    const { status, stderr } = await serve(controlPlane.folder);
    t.is(status, 1, damage);
    t.regex(stderr, says, damage);
    t.regex(stderr, new RegExp(`next:.*${next.source}`), damage);
    t.deepEqual(livesOf(await controlPlane.containers(), 'web'), lives, `${damage}: a container was touched`);
    await rm(database, { force: true });
    await copyFile(copy, database);
  }

  await controlPlane.launch();
  await controlPlane.ready('kept');
  t.deepEqual(livesOf(await controlPlane.containers(), 'web'), lives, 'with the copy, they are taken up again');
});

test('of two control planes on one state folder the second refuses, until the first was killed', async t => {
  t.timeout(2 * 60_000);
  const first = await RunningControlPlane.start();
  t.teardown(() => first.dispose());
  await first.apply(web({ namespace: 'single', replicas: 2 }));
  await first.ready('single');
  const lives = livesOf(await first.containers(), 'web');

  const { status, stderr } = await startCommand(OUTRIGGER, ['serve', '--state', first.folder]).ended;
  t.is(status, 1);
  t.regex(stderr, new RegExp(`state\\.db is in use by process ${first.pid}`));
  t.regex(stderr, /next:.*use it, stop it, or give this one another with --state/);
  const [service] = await first.services('single');
  t.is(service?.state, 'ready', 'the first serves on');

  await first.kill('SIGKILL');
  await first.launch();
  await first.ready('single');
  t.deepEqual(livesOf(await first.containers(), 'web'), lives);
});

/** A disk of its own, small enough to fill. */
async function smallDisk(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=0700', 'tmpfs', folder]);
  t.teardown(async () => {
    await run('umount', ['--lazy', folder]);
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

async function fill(folder: string): Promise<string> {
  const file = path.join(folder, 'fill');
  await run('dd', ['if=/dev/zero', `of=${file}`, 'bs=1024']).catch(() => {});
  return file;
}

// Mounting takes root.
asRoot('a full disk: changes are refused, what runs goes on, and all is well again with room', async t => {
  t.timeout(2 * 60_000);
  const folder = await smallDisk(t);
  const state = path.join(folder, 'state');
  const controlPlane = await RunningControlPlane.start({ folder: state });
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(web({ namespace: 'full', replicas: 2 }));
  const [service] = await controlPlane.ready('full');
  const [fallen, other] = service?.replicas ?? [];
  const clients = new EndpointLog(controlPlane.socket, 'full/web');
  t.teardown(() => clients.close());
  await clients.shows([fallen?.id ?? '', other?.id ?? '']);

  const filler = await fill(folder);
  const refused = await t.throwsAsync(controlPlane.apply(web({ namespace: 'full', name: 'another' })));
  t.regex(refused?.message ?? '', /out_of_resources.*database or disk is full.*Free some space on that disk/);
  t.is((await controlPlane.services('full')).length, 1, 'a refused service does not exist');

  // A replica that dies now cannot be put on record; its clients hear of it all the same, and nothing else happens.
  const containers = await controlPlane.containers();
  const lives = livesOf(containers, 'web');
  const victim = lives.find(life => life.replica === fallen?.id);
  process.kill(victim?.pid ?? 0, 'SIGKILL');
  await clients.shows([other?.id ?? '']);
  t.is((await controlPlane.get<{ pid: number }>('/v1/status')).pid, controlPlane.pid, 'it lives, and answers');

  await rm(filler);
  const fell = await until('the fall is on record once there is room', async () =>
    (await controlPlane.service('full', 'web')).replicas.find(r => r.phase === 'backoff'),
  );
  t.is(fell.id, fallen?.id ?? '');
  await controlPlane.apply(web({ namespace: 'full', name: 'another' }));
  await controlPlane.ready('full');
  const survivor = lives.find(life => life.replica === other?.id);
  t.deepEqual(
    livesOf(await controlPlane.containers(), 'web').find(life => life.replica === other?.id),
    survivor,
  );
  const complaints = controlPlane.output.split('\n').filter(line => line.includes('a pass of the loop failed'));
  t.is(complaints.length, 1, 'it complains once, not in a loop');
});

asRoot('a disk that was full from the start is named', async t => {
  const folder = await smallDisk(t);
  await fill(folder);
  const { status, stderr } = await startCommand(OUTRIGGER, ['serve', '--state', path.join(folder, 'state')]).ended;
  t.is(status, 1);
  t.regex(stderr, /no space left on device|disk is full/i);
  t.regex(stderr, /next:.*Free some space on that disk/);
});

asRoot('a log that lies on the full disk too takes no control plane down', async t => {
  t.timeout(2 * 60_000);
  const folder = await smallDisk(t);
  // As most people run it: in the background, with its log in the state folder.
  const command = await OutriggerCommand.open({ environment: { OUTRIGGER_STATE: path.join(folder, 'state') } });
  t.teardown(() => command.dispose());
  await command.write('compose.yaml', SERVICE_FILE);
  await command.must('up', '-d', '-p', 'logged');
  const before = await command.controlPlane();
  const filler = await fill(folder);
  const [service] = await command.services('logged');
  await new Docker().getContainer(service?.replicas[0]?.containerId ?? '').kill();
  await until(
    'nobody is sent to the dead replica',
    async () => (await command.run('resolve', '-p', 'logged', 'web')).status !== 0,
  );
  const refused = await command.run('scale', '-p', 'logged', 'web=2');
  t.is(refused.status, 1);
  t.regex(refused.stderr, /Free some space on that disk/);
  t.is((await command.controlPlane())?.pid, before?.pid, 'it is the same process');
  await rm(filler);
  await until(
    'it goes on once there is room',
    async () => (await command.services('logged'))[0]?.replicas[0]?.phase === 'backoff',
  );
  await command.must('down', '-p', 'logged');
});

const SERVICE_FILE = `
services:
  web:
    image: ${BUSYBOX_IMAGE}
    command: ["sh", "-c", "${SERVE}"]
    init: true
    x-outrigger: {protocol: http, port: 8080}
`;
