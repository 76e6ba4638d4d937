import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { OutriggerError } from '../../../control-plane/core/errors.ts';
import type { ServiceSpecInput } from '../../../control-plane/core/spec.ts';
import type { DockerEngineOptions } from '../../../control-plane/engine/docker/index.ts';
import { collect, eventually, requestOf, soon, started } from '../../contract/engine.ts';
import { type DockerWorld, dockerWorld } from '../../contract/engine-docker.ts';

const run = promisify(execFile);

async function world(t: ExecutionContext, options: Partial<DockerEngineOptions> = {}): Promise<DockerWorld> {
  const w = await dockerWorld(t.title, options);
  t.teardown(w.close);
  return w;
}

/** What a container printed until it ended. */
async function output(
  w: DockerWorld,
  part: Partial<ServiceSpecInput>,
): Promise<{ lines: string[]; code: number; error: string }> {
  const id = await started(w, part);
  const { exit } = await eventually(w, c => c.id === id && c.state === 'exited');
  const lines = (await collect(w.engine.logs(id, {}, soon()))).map(line => line.text);
  return { lines, code: exit?.code ?? -1, error: exit?.error ?? '' };
}

const sh = (script: string, ...rest: string[]) => ({ command: ['sh', '-c', script, 'sh', ...rest] });

async function failure(t: ExecutionContext, promise: Promise<unknown>): Promise<OutriggerError> {
  return (await t.throwsAsync(promise, { instanceOf: OutriggerError })) as OutriggerError;
}

test('a process inside has no capability, and cannot get one', async t => {
  const { lines } = await output(await world(t), sh('grep -E "Cap(Eff|Prm|Bnd)|NoNewPrivs" /proc/self/status'));
  t.deepEqual(
    lines.map(line => line.replace(/\s+/g, ' ')),
    ['CapPrm: 0000000000000000', 'CapEff: 0000000000000000', 'CapBnd: 0000000000000000', 'NoNewPrivs: 1'],
  );
});

test('capabilities that are added back are there; without them the error says which could help', async t => {
  const chown = sh('touch /tmp/x && chown nobody /tmp/x && stat -c %U /tmp/x');
  const without = await output(await world(t), chown);
  t.not(without.code, 0);
  t.regex(without.error, /cap_add: \[CHOWN, SETGID, SETUID\]/);
  t.deepEqual(await output(await world(t), { ...chown, capAdd: ['CHOWN'] }), { lines: ['nobody'], code: 0, error: '' });
});

test('limits of processes, memory and log are set, and Docker itself restarts nothing', async t => {
  const w = await world(t);
  const id = await started(w, { ...w.programs.serves, resources: { pids: 77 }, logging: { maxSizeBytes: 1_000_000 } });
  const { HostConfig: host } = await w.docker.getContainer(id).inspect();
  const { memoryBytes } = await w.engine.observe(soon());
  t.is(host.PidsLimit, 77);
  t.true((host.Memory ?? 0) > 0 && (host.Memory ?? 0) < memoryBytes);
  t.deepEqual(host.LogConfig, { Type: 'json-file', Config: { 'max-file': '3', 'max-size': '1000000' } });
  t.is(host.RestartPolicy?.Name, 'no');
});

test('a replica is called directly, by its own address', async t => {
  const w = await world(t);
  await started(w, {
    ...sh('mkdir /www && echo hello > /www/index.html && exec httpd -f -p 8080 -h /www'),
    port: 8080,
  });
  const container = await eventually(w, c => c.state === 'running');
  t.is(await body(`http://${container.addresses[0]?.ip}:8080/`), 'hello\n');
});

test('where container addresses cannot be reached, the service port is published', async t => {
  const w = await world(t, { publishOn: '127.0.0.1' });
  await started(w, {
    ...sh('mkdir /www && echo hello > /www/index.html && exec httpd -f -p 8080 -h /www'),
    port: 8080,
  });
  const container = await eventually(w, c => c.state === 'running');
  const [published] = container.publishedPorts;
  t.like(published, { containerPort: 8080, hostIp: '127.0.0.1', protocol: 'tcp' });
  t.is(await body(`http://127.0.0.1:${published?.hostPort}/`), 'hello\n');
});

test('after a restart from outside, the new start time and the new port are seen', async t => {
  const w = await world(t);
  const id = await started(w, { ...w.programs.serves, ports: [{ containerPort: 8080 }] });
  const before = await eventually(w, c => c.state === 'running');
  await w.docker.getContainer(id).restart({ t: 0 });
  const after = await eventually(w, c => c.state === 'running' && c.startedAt !== before.startedAt);
  t.is(after.id, before.id);
  t.true((after.startedAt ?? 0) > (before.startedAt ?? 0));
  t.true((after.publishedPorts[0]?.hostPort ?? 0) > 0);
});

test('a paused container counts as running', async t => {
  const w = await world(t);
  const id = await started(w, w.programs.serves);
  await w.docker.getContainer(id).pause();
  t.is((await w.engine.observe(soon())).containers[0]?.state, 'running');
  await w.docker.getContainer(id).unpause();
});

test('a container that somebody else stops and starts again wakes both times', async t => {
  const w = await world(t);
  const id = await started(w, w.programs.serves);
  const before = await eventually(w, c => c.state === 'running');
  const container = w.docker.getContainer(id);
  const stopping = container.stop({ t: 0 });
  await eventually(w, c => c.state === 'exited');
  await stopping;
  const starting = container.start();
  const after = await eventually(w, c => c.state === 'running' && c.startedAt !== undefined);
  await starting;
  t.true(after.startedAt! > before.startedAt!);
});

test("Docker's own health is seen, and its changes wake", async t => {
  const w = await world(t);
  const healthcheck = { test: ['CMD-SHELL', 'test -e /tmp/ok'], intervalMs: 200, timeoutMs: 2_000, retries: 1 };
  const id = await started(w, { ...w.programs.serves, healthcheck });
  await eventually(w, c => c.health === 'unhealthy');
  await run('docker', ['exec', id, 'touch', '/tmp/ok']);
  t.is((await eventually(w, c => c.health === 'healthy')).state, 'running');
});

test('secrets are there before the start, with owner and mode, and folders on the way', async t => {
  const files = [
    {
      target: '/run/secrets/token',
      contentBase64: Buffer.from('s3cret').toString('base64'),
      uid: 65_534,
      gid: 7,
      mode: 0o400,
    },
    { target: '/deep/er/config.json', contentBase64: Buffer.from('{}').toString('base64'), mode: 0o644 },
  ];
  const show =
    'stat -c "%u %g %a" /run/secrets/token /deep/er/config.json; cat /deep/er/config.json; echo; stat -c %a /run /etc';
  const { lines } = await output(await world(t), { ...sh(show), files });
  t.deepEqual(lines, ['65534 7 400', '0 0 644', '{}', '755', '755']);
});

test('secrets cannot be written into a read-only container, and the error says what to do', async t => {
  const w = await world(t);
  const files = [{ target: '/run/secrets/token', contentBase64: 'eA==' }];
  const error = await failure(t, w.engine.create(requestOf(w, { readOnly: true, files }), soon()));
  t.is(error.code, 'container_rejected');
  t.regex(error.next ?? '', /read_only/);
});

test('a named volume keeps what is in it, and goes only when asked', async t => {
  const w = await world(t);
  const name = `${w.namespace}_models`;
  const mounts = [{ kind: 'volume' as const, name, target: '/models' }];
  const id = await started(w, { ...sh('echo weights > /models/w'), mounts });
  await eventually(w, c => c.state === 'exited');
  await w.engine.remove(id, soon());
  t.deepEqual((await output(w, { ...sh('cat /models/w'), mounts })).lines, ['weights']);
  const [container] = (await w.engine.observe(soon())).containers;
  await w.engine.remove(container?.id ?? '', soon());

  await w.engine.cleanNamespace(w.namespace, { volumes: false }, soon());
  t.is((await w.docker.getVolume(name).inspect()).Labels['com.docker.compose.volume'], 'models');
  await w.engine.cleanNamespace(w.namespace, { volumes: true }, soon());
  await t.throwsAsync(w.docker.getVolume(name).inspect(), { message: /no such volume/i });
});

test('anonymous volumes go with their container', async t => {
  const w = await world(t);
  const id = await started(w, { ...sh('true'), mounts: [{ kind: 'volume', target: '/scratch' }] });
  await eventually(w, c => c.state === 'exited');
  const [mount] = (await w.docker.getContainer(id).inspect()).Mounts;
  t.truthy(mount?.Name);
  await w.engine.remove(id, soon());
  await t.throwsAsync(w.docker.getVolume(mount?.Name ?? '').inspect(), { message: /no such volume/i });
});

test('a replica joins every network of its spec', async t => {
  const w = await world(t);
  const networks = ['front', 'back'].map(key => ({ name: `${w.namespace}_${key}`, key, aliases: [`${key}-alias`] }));
  await started(w, { ...w.programs.serves, networks });
  const container = await eventually(w, c => c.state === 'running');
  t.deepEqual(container.addresses.map(({ network }) => network).sort(), networks.map(({ name }) => name).sort());
  await w.engine.create(requestOf(w, { ...w.programs.serves, networks }), soon());
});

test('several control planes that begin at once make one network between them', async t => {
  const w = await world(t);
  const engines = Array.from({ length: 6 }, () => w.another());
  const created = await Promise.all(
    engines.map((engine, i) => engine.create(requestOf(w, w.programs.serves, { replicaId: `r${i}` }), soon())),
  );
  for (const engine of engines) engine.close();
  const filters = JSON.stringify({ name: [`${w.namespace}_default`] });
  t.is((await w.docker.listNetworks({ filters })).length, 1);
  for (const { containerId } of created) await w.engine.start(containerId, soon());
  t.true((await w.engine.observe(soon())).containers.every(c => c.state === 'running'));
});

test('external networks and volumes must be there, and the error says how to make them', async t => {
  const w = await world(t);
  const networks = [{ name: `${w.namespace}-elsewhere`, key: 'x', external: true }];
  const noNetwork = await failure(t, w.engine.create(requestOf(w, { networks }), soon()));
  t.is(noNetwork.code, 'container_rejected');
  t.regex(noNetwork.next ?? '', /docker network create/);
  const mounts = [{ kind: 'volume' as const, name: `${w.namespace}-elsewhere`, target: '/x', external: true }];
  const noVolume = await failure(t, w.engine.create(requestOf(w, { mounts }), soon()));
  t.is(noVolume.code, 'container_rejected');
  t.regex(noVolume.next ?? '', /docker volume create/);
});

test('a folder that is not there is said, or made where the file asks for it', async t => {
  const w = await world(t);
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-bind-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const mount = { kind: 'bind' as const, source: path.join(folder, 'new'), target: '/data' };
  const error = await failure(t, w.engine.create(requestOf(w, { mounts: [mount] }), soon()));
  t.is(error.code, 'container_rejected');
  t.regex(error.next ?? '', /create_host_path/);
  t.is((await output(w, { ...sh('ls -d /data'), mounts: [{ ...mount, createHostPath: true }] })).code, 0);
});

test('a line of 100 kB is one line, and both streams are told apart', async t => {
  const w = await world(t);
  const id = await started(w, sh('yes x | head -c 200000 | tr -d "\\n"; echo; echo problem >&2'));
  await eventually(w, c => c.state === 'exited');
  const lines = await collect(w.engine.logs(id, {}, soon()));
  t.deepEqual(lines.map(({ stream, text }) => [stream, text.length]).sort(), [
    ['stderr', 7],
    ['stdout', 100_000],
  ]);
});

test('the log of a container with a terminal is read as well', async t => {
  const w = await world(t);
  const id = await started(w, { ...sh('echo one; echo two'), tty: true });
  await eventually(w, c => c.state === 'exited');
  const lines = await collect(w.engine.logs(id, {}, soon()));
  t.deepEqual(
    lines.map(({ text }) => text),
    ['one', 'two'],
  );
  t.true(lines.every(({ timestamp }) => Number.isFinite(Date.parse(timestamp))));
});

test('a bad command, a bad user and a script without an interpreter are refused with what to do', async t => {
  const w = await world(t);
  const parts: Partial<ServiceSpecInput>[] = [
    { command: ['no-such-program'] },
    { command: ['/etc/passwd'] },
    { ...sh('true'), user: 'nobody-of-that-name' },
  ];
  for (const [i, part] of parts.entries()) {
    const { containerId } = await w.engine.create(requestOf(w, part, { replicaId: `bad${i}` }), soon());
    const error = await failure(t, w.engine.start(containerId, soon()));
    t.is(error.code, 'container_rejected', error.message);
    t.false(error.retryable);
    t.truthy(error.next, error.message);
    t.notRegex(error.message, /HTTP code/);
  }
});

test('a missing GPU driver is named, with what to check', async t => {
  const w = await world(t);
  const request = { ...requestOf(w, w.programs.serves), placement: { node: 'local', devices: ['GPU-none'] } };
  const { containerId } = await w.engine.create(request, soon());
  const error = await failure(t, w.engine.start(containerId, soon()));
  t.is(error.code, 'container_rejected');
  t.regex(error.message, /could not select device driver/);
  t.regex(error.next ?? '', /Container Toolkit/);
});

test('a limit that the node does not have is refused at create', async t => {
  const w = await world(t);
  const error = await failure(t, w.engine.create(requestOf(w, { resources: { limitCpus: 4_000 } }), soon()));
  t.is(error.code, 'container_rejected');
  t.regex(error.message, /CPU/i);
});

test('only a whole container id is acted on, never a name', async t => {
  const w = await world(t);
  const request = requestOf(w, w.programs.serves);
  await w.engine.create(request, soon());
  await t.throwsAsync(w.engine.remove(request.containerName, soon()), { message: /no container id/ });
});

async function body(url: string): Promise<string> {
  const deadline = soon();
  for (;;) {
    try {
      return await (await fetch(url, { signal: deadline })).text();
    } catch (error) {
      // The server inside needs a moment to listen.
      if (deadline.aborted) throw error;
      await new Promise(resolve => setImmediate(resolve));
    }
  }
}
