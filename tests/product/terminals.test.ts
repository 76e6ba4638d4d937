import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Docker from 'dockerode';
import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { until } from '../until.ts';
import { isAlive, OutriggerCommand } from './outrigger-command.ts';

/** One person, several terminals: each command is a process of its own, and all of them see the same. */
const docker = new Docker();

test.before(async () => {
  await ensureBusyboxImage();
});

async function terminal(t: ExecutionContext): Promise<OutriggerCommand> {
  const outrigger = await OutriggerCommand.open();
  t.teardown(() => outrigger.dispose());
  return outrigger;
}

function file(project: string, greeting: string): string {
  return `
name: ${project}
services:
  web:
    image: ${BUSYBOX_IMAGE}
    command: ["sh", "-c", "mkdir -p /tmp/www && echo $$GREETING > /tmp/www/index.html && echo serving $$GREETING && exec httpd -f -vv -p 8080 -h /tmp/www"]
    environment: {GREETING: ${greeting}}
    init: true
    expose: ["8080"]
    volumes: ["data:/data"]
    stop_grace_period: 5s
    x-outrigger: {protocol: http, replicas: {min: 1, max: 4, initial: 2}}
volumes:
  data:
`;
}

test('services are looked at, scaled, restarted, changed and taken down from other terminals', async t => {
  t.timeout(170_000);
  await forgetVolume('terminals_data');
  const outrigger = await terminal(t);
  await outrigger.write('compose.yaml', file('terminals', 'hello'));
  const up = outrigger.start('up');
  await up.says(/following the logs/);
  t.regex(up.stderr(), /ready in .*: web 2\/2/);
  await up.says(/web-\w{8} +\| serving hello/);

  const table = await outrigger.must('ps');
  t.is(table.match(/^web +\w{8} +ready /gm)?.length, 2, table);
  const first = await web(outrigger);
  t.is(first.replicas.length, 2);

  // What a replica writes is followed by whoever wants to.
  const logs = outrigger.start('logs', '-f', 'web');
  await logs.says(/serving hello/);
  const [address] = (await outrigger.must('resolve', 'web', '--plain')).trim().split('\n');
  t.is(await (await fetch(`http://${address}/`)).text(), 'hello\n');
  await logs.says(/url:\//);

  await outrigger.must('scale', 'web=3');
  t.is((await web(outrigger)).replicas.filter(isReady).length, 3);
  await outrigger.must('scale', 'web=2');
  await onlyReady(outrigger, 2);

  const before = await web(outrigger);
  const [victim, other] = before.replicas;
  await outrigger.must('restart', '--replica', victim?.id ?? '');
  await onlyReady(outrigger, 2);
  const after = await web(outrigger);
  t.false(after.replicas.some(r => r.containerId === victim?.containerId));
  t.true(
    after.replicas.some(r => r.containerId === other?.containerId),
    'the other one was left alone',
  );

  t.is((await outrigger.json<ServiceView>('inspect', 'web')).generation, 1);
  t.is((await outrigger.json<ReplicaView>('inspect', other?.id ?? '')).containerId, other?.containerId);
  t.regex(await outrigger.must('inspect', 'web'), /^ready: +2\/2$/m);
  t.regex(await outrigger.must('inspect', '--json', 'web'), /hello/);
  t.regex(await outrigger.must('nodes'), /local/);

  await outrigger.write('compose.yaml', file('terminals', 'changed'));
  await outrigger.must('up', '-d');
  await onlyReady(outrigger, 2);
  const changed = await web(outrigger);
  t.is(changed.generation, 2);
  t.false(changed.replicas.some(r => after.replicas.some(old => old.containerId === r.containerId)));
  await logs.says(/serving changed/);
  await up.says(/web-\w{8} +\| serving changed/);
  await outrigger.must('up', '-d');
  t.is((await web(outrigger)).generation, 2, 'the same file changes nothing');

  const events = await outrigger.must('events', 'web');
  for (const word of ['ready', 'draining', 'scaled']) t.regex(events, new RegExp(word, 'i'));

  const status = await outrigger.controlPlane();
  await outrigger.must('down');
  t.is((await up.ended).status, 0);
  t.regex(up.stderr(), /all services were removed/);
  t.is((await logs.ended).status, 0);
  await nothingIsLeft(t, outrigger, status?.pid ?? -1);
  t.true(await volumeExists('terminals_data'), 'data outlives down, as with Compose');

  await outrigger.must('up', '-d');
  const again = await outrigger.controlPlane();
  await outrigger.must('down', '-v');
  await nothingIsLeft(t, outrigger, again?.pid ?? -1);
  t.false(await volumeExists('terminals_data'));
});

test('Ctrl-C takes down what the command brought up, and nothing else', async t => {
  t.timeout(120_000);
  await forgetVolume('interrupted_data');
  const outrigger = await terminal(t);
  await outrigger.write('kept.yaml', file('kept', 'kept'));
  await outrigger.must('up', '-d', '-f', 'kept.yaml');
  await outrigger.write('compose.yaml', file('interrupted', 'hello'));
  const up = outrigger.start('up');
  await up.says(/following the logs/);
  up.child.kill('SIGINT');
  const { status, stderr } = await up.ended;
  t.is(status, 130);
  t.regex(stderr, /draining and removing web/);
  t.deepEqual(await outrigger.services('interrupted'), []);
  t.is((await outrigger.services('kept')).length, 1);
  const { pid = -1 } = (await outrigger.controlPlane()) ?? {};
  await outrigger.must('down', '-v', '-f', 'kept.yaml');
  t.true(await volumeExists('interrupted_data'));
  await outrigger.must('down', '-v', '-p', 'interrupted');
  t.false(await volumeExists('interrupted_data'), 'volumes that an earlier end kept go too');
  await nothingIsLeft(t, outrigger, pid);
});

test('a terminal that is killed takes nothing with it, and another one goes on from there', async t => {
  t.timeout(120_000);
  const outrigger = await terminal(t);
  await outrigger.write('compose.yaml', file('killed-terminal', 'hello'));
  const up = outrigger.start('up');
  await up.says(/following the logs/);
  const before = (await web(outrigger)).replicas.map(r => r.containerId).sort();
  up.child.kill('SIGKILL');
  await up.ended;
  const again = outrigger.start('up');
  await again.says(/web 2\/2 \(unchanged\)/);
  t.deepEqual((await web(outrigger)).replicas.map(r => r.containerId).sort(), before);
  const { pid = -1 } = (await outrigger.controlPlane()) ?? {};
  await outrigger.must('down', '-v');
  t.is((await again.ended).status, 0);
  await nothingIsLeft(t, outrigger, pid);
});

async function web(outrigger: OutriggerCommand): Promise<ServiceView> {
  return await outrigger.json<ServiceView>('inspect', 'web');
}

function isReady(replica: ReplicaView): boolean {
  return replica.phase === 'ready' && !replica.impaired;
}

async function onlyReady(outrigger: OutriggerCommand, count: number): Promise<void> {
  await until(
    async () => `${count} ready replicas and no others; ${await outrigger.must('ps')}`,
    async () => {
      const { replicas } = await web(outrigger);
      return replicas.length === count && replicas.every(isReady);
    },
    { pauseMs: 200 },
  );
}

async function nothingIsLeft(t: ExecutionContext, outrigger: OutriggerCommand, pid: number): Promise<void> {
  await outrigger.instance();
  t.deepEqual(await outrigger.left(), { containers: [], networks: [] });
  await until(
    () => `the control plane ${pid} ends by itself once nothing is left to run`,
    () => !isAlive(pid),
  );
  const state = path.join(outrigger.folder, 'state');
  const kept = /^(state\.db|control-plane\.log|bind-folders\.jsonl|nodes-in-use\.json)$/;
  const rest = async () => (await readdir(state)).filter(name => !kept.test(name));
  // Where the first had ended already, the last `down` began another one, which is on its way out.
  await until(
    async () => `of the state folder only what a next time needs is kept; there is ${await rest()}`,
    async () => (await rest()).length === 0,
  );
  t.notRegex(await readFile(path.join(state, 'control-plane.log'), 'utf8'), /"level":50/, 'no error was logged');
}

/** One that a run before this one left when it was killed: it is another instance's, and nobody else would remove it. */
async function forgetVolume(name: string): Promise<void> {
  await docker
    .getVolume(name)
    .remove()
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error;
    });
}

async function volumeExists(name: string): Promise<boolean> {
  const { Volumes: volumes } = await docker.listVolumes();
  return (volumes ?? []).some(volume => volume.Name === name);
}
