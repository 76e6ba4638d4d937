import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import anyTest, { type TestFn } from 'ava';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import {
  createDockerEngine,
  type DockerEngineOptions,
  describeConnection,
  resolveConnection,
} from '../../control-plane/engine/docker/index.ts';
import { configureNode } from '../../control-plane/nodes/configure-node.ts';
import { nodesFile } from '../../control-plane/nodes/nodes-file.ts';
import { requestOf } from '../contract/engine.ts';
import { dockerWorld } from '../contract/engine-docker.ts';
import { until } from '../until.ts';
import { SshServer } from './ssh-server.ts';

// One after the other: several of them change what the one server and its user are like.
const test = anyTest.serial as unknown as TestFn;
let server: SshServer;
anyTest.before(async () => {
  server = await SshServer.start();
});
anyTest.after.always(() => server?.dispose());

function soon(): AbortSignal {
  return AbortSignal.timeout(30_000);
}

async function engineAt(address: string, options: Partial<DockerEngineOptions> = {}) {
  const connection = await resolveConnection({ environment: { ...server.environment, DOCKER_HOST: address } });
  return createDockerEngine({ node: 'far', instance: 'ssh-test', connection, ...options });
}

async function failure(address: string): Promise<OutriggerError> {
  const engine = await engineAt(address);
  try {
    await engine.observe(soon());
  } catch (error) {
    return error as OutriggerError;
  } finally {
    engine.close();
  }
  throw new Error(`${address} answered`);
}

test('a user who is not let in is told so, once, and again only after a while', async t => {
  await server.offer('stranger');
  t.teardown(() => server.offer('key'));
  const before = await runs();
  const engine = await engineAt(`ssh://${server.destination}`);
  t.teardown(() => engine.close());
  const errors = (await Promise.all(
    Array.from({ length: 6 }, () => engine.observe(soon()).catch((error: unknown) => error)),
  )) as OutriggerError[];
  for (const error of errors) {
    t.is(error.code, 'unavailable');
    t.false(error.retryable);
    t.regex(error.message, /ssh:\/\/root@[\d.]+ does not let us in: .*Permission denied/);
    t.regex(error.next ?? '', /ssh -o BatchMode=yes root@[\d.]+ true/);
  }
  t.is((await runs()).length - before.length, 1, 'a machine that is asked again and again shuts out who asks');
});

test('a host key that is not known, or is another one than before, is refused', async t => {
  t.teardown(() => server.trust());
  await server.distrust();
  const unknown = await failure(`ssh://${server.destination}`);
  t.regex(unknown.message, /the host key of ssh:\/\/root@[\d.]+ is not known here/);
  t.regex(unknown.next ?? '', /compare the fingerprint/);
  const { stranger } = { stranger: await readFile(path.join(server.folder, 'stranger.pub'), 'utf8') };
  await writeFile(path.join(server.folder, 'known_hosts'), `${server.address} ${stranger}`);
  const changed = await failure(`ssh://${server.destination}`);
  t.regex(changed.message, /the host key of ssh:\/\/root@[\d.]+ is not the one that is known/);
});

test('a host that is unknown or has no sshd, one without docker, and one whose engine is away are told apart', async t => {
  t.regex((await failure('ssh://no-such-host.invalid')).message, /host of ssh:\/\/no-such-host\.invalid is not known/);
  t.regex((await failure(`ssh://${server.destination}:1`)).message, /:1 cannot be reached: .*Connection refused/);
  t.regex(
    (await failure(`ssh://${server.destination}/no/such.sock`)).message,
    /Docker is not running at ssh:\/\/root@[\d.]+\/no\/such\.sock/,
  );
  await server.run('mv /usr/bin/docker /usr/bin/docker-away');
  t.teardown(() => server.run('test -x /usr/bin/docker || mv /usr/bin/docker-away /usr/bin/docker'));
  const without = await failure(`ssh://${server.destination}`);
  t.regex(without.message, /there is no docker command at ssh:\/\/root@[\d.]+/);
  t.regex(without.next ?? '', /Install Docker/);
});

test('a machine without ssh says so', async t => {
  const connection = await resolveConnection({ environment: { DOCKER_HOST: 'ssh://far', PATH: '/nonexistent' } });
  const engine = createDockerEngine({ node: 'far', instance: 'ssh-test', connection });
  t.teardown(() => engine.close());
  const error = (await t.throwsAsync(engine.observe(soon()))) as unknown as OutriggerError;
  t.regex(error.message, /ssh:\/\/far cannot be reached: there is no ssh on this machine's PATH/);
  t.regex(error.next ?? '', /openssh-client/);
});

test('once what kept us out is mended the same engine is reached again', async t => {
  await server.run('mv /usr/bin/docker /usr/bin/docker-away');
  t.teardown(() => server.run('test -x /usr/bin/docker || mv /usr/bin/docker-away /usr/bin/docker'));
  const engine = await engineAt(`ssh://${server.destination}`);
  t.teardown(() => engine.close());
  await t.throwsAsync(engine.observe(soon()));
  await server.run('mv /usr/bin/docker-away /usr/bin/docker');
  const listing = await until('it is asked again', () => engine.observe(soon()).catch(() => null));
  t.true(listing.cpus > 0);
});

test('connections that are killed in their midst are made anew: a log goes on, events come, calls are answered', async t => {
  const connection = await resolveConnection({
    environment: { ...server.environment, DOCKER_HOST: `ssh://${server.destination}` },
  });
  const world = await dockerWorld(t.title, { connection });
  t.teardown(world.close);
  let wakes = 0;
  const watching = new AbortController();
  const watched = world.engine.watch(() => (wakes += 1), watching.signal);
  t.teardown(async () => {
    watching.abort();
    await watched;
  });
  const says = { command: ['sh', '-c', 'i=0; while sleep 0.1; do i=$((i+1)); echo line $i; done'], init: true };
  const { containerId } = await world.engine.create(requestOf(world, says), soon());
  await world.engine.start(containerId, soon());
  await until('events come', () => wakes > 0);

  const lines: string[] = [];
  const reading = (async () => {
    for await (const line of world.engine.logs(containerId, { follow: true }, soon())) lines.push(line.text);
  })().catch((error: unknown) => error as OutriggerError);
  await until('the log is followed', () => lines.length > 2);
  await killConnections();
  const broken = await reading;
  t.is(broken?.code, 'unavailable', 'a stream that broke off is no end of the log');

  const before = wakes;
  const { containers } = await world.engine.observe(soon());
  t.is(containers[0]?.state, 'running');
  await until('the watch has connected again', () => wakes > before);
  await world.engine.stop(containerId, { graceMs: 5_000 }, soon());
  t.is((await world.engine.observe(soon())).containers[0]?.state, 'exited');
});

test('closing an engine ends every ssh that it started', async t => {
  const engine = await engineAt(`ssh://${server.destination}`);
  const others = new Set((await processes()).map(String));
  const stop = new AbortController();
  const watching = engine.watch(() => {}, stop.signal);
  await Promise.all(Array.from({ length: 20 }, () => engine.observe(soon())));
  const own = (await processes()).filter(pid => !others.has(String(pid)));
  t.true(own.length > 1);
  t.true(own.length <= 8 + 2, `bounded in number: ${own.length}`);
  stop.abort();
  engine.close();
  await watching;
  await until('they are gone', async () => !(await processes()).some(pid => own.includes(pid)));
});

test('connections that the user shares work, more of them than sshd allows on one as well', async t => {
  const config = path.join(server.folder, 'config');
  const before = await readFile(config, 'utf8');
  const shared = ['ControlMaster auto', `ControlPath ${server.folder}/%C`, 'ControlPersist 60'];
  await writeFile(config, [...shared, before].join('\n'));
  const engine = await engineAt(`ssh://${server.destination}`);
  const stop = new AbortController();
  const others = Array.from({ length: 15 }, () => engine.watch(() => {}, stop.signal));
  t.teardown(async () => {
    stop.abort();
    engine.close();
    await Promise.all(others);
    await writeFile(config, before);
    await promisify(execFile)('ssh', [
      '-F',
      config,
      '-o',
      shared[1]!.replace(' ', '='),
      '-O',
      'exit',
      server.destination,
    ]);
  });
  const listings = await Promise.all(Array.from({ length: 15 }, () => engine.observe(soon())));
  for (const listing of listings) t.true(listing.cpus > 0);
});

test('a name that only the ssh configuration knows works, and the node is reached at the host behind it', async t => {
  const content = nodesFile.parse({ nodes: { far: { engine: 'ssh://gpu-lab' } } });
  const around = { folder: '/', environment: server.environment };
  const result = await configureNode('far', content.nodes['far']!, around);
  if (result.kind !== 'configured') return t.fail(result.problem.message);
  t.like(result.node.profile, { address: server.address, reach: 'published', connection: 'ssh://gpu-lab' });
  t.is(result.node.engine.publishOn, server.address);
  t.is(describeConnection(result.node.engine.connection), 'ssh://gpu-lab');
  const engine = createDockerEngine({ node: 'far', instance: 'ssh-test', ...result.node.engine });
  t.teardown(() => engine.close());
  t.true((await engine.observe(soon())).cpus > 0);
});

/** What the user's ssh was run with, a line each: the process, and its arguments. */
async function runs(): Promise<readonly string[]> {
  const text = await readFile(path.join(server.folder, 'runs'), 'utf8').catch(() => '');
  return text.split('\n').filter(line => line.includes('dial-stdio'));
}

/** Those that live. */
async function processes(): Promise<readonly number[]> {
  return (await runs()).map(line => Number(line.split(' ')[0])).filter(isAlive);
}

async function killConnections(): Promise<void> {
  const found = await processes();
  if (found.length === 0) throw new Error('there is no connection to kill');
  for (const pid of found) process.kill(pid, 'SIGKILL');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
