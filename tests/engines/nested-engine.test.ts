import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Docker from 'dockerode';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { until } from '../until.ts';
import type { TlsPaths } from './engine-certificates.ts';
import { NestedEngine, type NestedEngineOptions } from './nested-engine.ts';

test.before(() => ensureBusyboxImage().then(() => {}));

const GPUS = [
  { model: 'SIM-A 24GB', memoryMib: 24_576 },
  { model: 'SIM-A 24GB', memoryMib: 24_576 },
  { model: 'SIM-B 80GB', memoryMib: 81_920 },
];

async function start(t: ExecutionContext, options: Partial<NestedEngineOptions>): Promise<NestedEngine> {
  t.timeout(10 * 60_000);
  const engine = await NestedEngine.start({ images: [BUSYBOX_IMAGE], ...options });
  t.teardown(() => engine.dispose());
  return engine;
}

async function runWith(engine: NestedEngine, deviceIds: readonly string[]): Promise<Docker.Container> {
  const container = await engine.docker.createContainer({
    Image: BUSYBOX_IMAGE,
    Cmd: ['sleep', '3600'],
    HostConfig: { Init: true, DeviceRequests: [{ Driver: 'cdi', DeviceIDs: [...deviceIds] }] },
  });
  await container.start();
  return container;
}

const smi = async (engine: NestedEngine, container: Docker.Container, ...args: string[]) =>
  await engine.exec(container.id, ['nvidia-smi', ...args]);

async function discovered(engine: NestedEngine): Promise<string[]> {
  const info = (await engine.docker.info()) as { DiscoveredDevices?: { ID: string }[] };
  return (info.DiscoveredDevices ?? []).map(({ ID }) => ID).sort();
}

test('containers of an engine with simulated GPUs have those that they were given, and nvidia-smi speaks of them', async t => {
  const engine = await start(t, { gpus: GPUS });
  const [a, b, c] = engine.gpus.all;
  const names = engine.gpus.all.flatMap(({ id, uuid }) => [id, `nvidia.com/gpu=${uuid}`]);
  t.deepEqual(await discovered(engine), [...names, 'nvidia.com/gpu=all'].sort());

  const one = await runWith(engine, ['nvidia.com/gpu=2']);
  t.is((await engine.exec(one.id, ['sh', '-c', 'echo /dev/nvidia*'])).output, '/dev/nvidia2\n');
  t.regex((await engine.exec(one.id, ['cat', '/proc/1/environ'])).output, new RegExp(`SIMULATED_GPU_2=${c?.uuid}`));
  const query = ['--query-gpu=index,uuid,name,memory.total,memory.used,memory.free', '--format=csv,noheader,nounits'];
  t.deepEqual(await smi(engine, one, ...query), {
    exitCode: 0,
    output: `0, ${c?.uuid}, SIM-B 80GB, 81920, 0, 81920\n`,
  });
  const two = await runWith(engine, [`nvidia.com/gpu=${a?.uuid}`, 'nvidia.com/gpu=1']);
  await engine.gpus.use(1, 4_000);
  t.deepEqual(await smi(engine, two, '-L'), {
    exitCode: 0,
    output: `GPU 0: SIM-A 24GB (UUID: ${a?.uuid})\nGPU 1: SIM-A 24GB (UUID: ${b?.uuid})\n`,
  });
  t.is(
    (await smi(engine, two, '--query-gpu=memory.used,memory.free', '--format=csv')).output,
    'memory.used, memory.free\n0 MiB, 24576 MiB\n4000 MiB, 20576 MiB\n',
  );
  t.deepEqual(await smi(engine, two, '--query-gpu=index,colour', '--format=csv,noheader'), {
    exitCode: 2,
    output: 'Field "colour" is not a valid field to query.\n',
  });
});

test('a simulated GPU vanishes and comes back, a container loses its own, a driver fails', async t => {
  const engine = await start(t, { gpus: GPUS });
  const container = await runWith(engine, ['nvidia.com/gpu=1']);
  await engine.gpus.hide(1);
  const listed = (present: boolean) =>
    until(
      () => `nvidia.com/gpu=1 is ${present ? '' : 'not '}listed`,
      async () => (await discovered(engine)).includes('nvidia.com/gpu=1') === present,
    );
  await listed(false);
  t.is((await smi(engine, container, '-L')).exitCode, 0, 'what has it keeps it');
  await engine.gpus.show(1);
  await listed(true);

  await engine.gpus.failWith({ message: 'NVIDIA-SMI has failed' });
  t.deepEqual(await smi(engine, container, '-L'), { exitCode: 255, output: 'NVIDIA-SMI has failed\n' });
  await engine.gpus.answerAgain();
  t.is((await smi(engine, container, '-L')).exitCode, 0);

  await engine.takeDevicesFrom(container.id);
  t.deepEqual(await smi(engine, container, '-L'), {
    exitCode: 255,
    output: 'Failed to initialize NVML: Unknown Error\n',
  });
});

test('a node that is cut off or frozen answers nothing over the network, and goes on where it was', async t => {
  const engine = await start(t, { listen: 'tcp' });
  const url = new URL(engine.url);
  const remote = new Docker({ host: url.hostname, port: Number(url.port), protocol: 'http' });
  const answers = () =>
    remote.listContainers({ abortSignal: AbortSignal.timeout(1_000) }).then(
      () => true,
      () => false,
    );
  const container = await engine.docker.createContainer({
    Image: BUSYBOX_IMAGE,
    Cmd: ['httpd', '-f', '-p', '80'],
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { Init: true, PortBindings: { '80/tcp': [{ HostPort: '8080' }] } },
  });
  await container.start();
  const serves = () =>
    fetch(`http://${engine.address}:8080/`, { signal: AbortSignal.timeout(1_000) }).then(
      ({ status }) => status === 404,
      () => false,
    );
  t.true(await answers());
  await until('its container serves', serves);

  for (const [stop, goOn] of [
    [() => engine.cutOff(), () => engine.reconnect()],
    [() => engine.freeze(), () => engine.thaw()],
  ] as const) {
    await stop();
    t.false(await answers());
    t.false(await serves());
    await goOn();
    await until('it answers again', answers);
    await until('its container serves again', serves);
  }
  t.is((await container.inspect()).RestartCount, 0);
});

test('an engine that listens with TLS speaks to its own clients only', async t => {
  const engine = await start(t, { listen: 'tls' });
  const { client, stranger } = engine.certificates ?? {};
  const url = new URL(engine.url);
  const remote = async (tls: TlsPaths | undefined) =>
    new Docker({
      protocol: 'https',
      host: url.hostname,
      port: Number(url.port),
      ca: await readFile(client?.ca ?? ''),
      ...(tls && { cert: await readFile(tls.cert), key: await readFile(tls.key) }),
    });
  t.is((await (await remote(client)).listImages()).length, 1);
  await t.throwsAsync((await remote(stranger)).listImages());
  await t.throwsAsync((await remote(undefined)).listImages());
});

test('the engines of a test process that is killed go with it', async t => {
  t.timeout(10 * 60_000);
  const module = path.join(import.meta.dirname, 'nested-engine.ts');
  const program = `
    const { NestedEngine } = await import(${JSON.stringify(module)});
    await NestedEngine.start({ images: [] });
    console.log('started');
    setInterval(() => {}, 1_000_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const ofChild = () => new Docker().listContainers({ filters: { label: [`outrigger-test.engine-of=${child.pid}`] } });
  t.is((await ofChild()).length, 1);
  child.kill('SIGKILL');
  await until('no engine is left', async () => (await ofChild()).length === 0);
});
