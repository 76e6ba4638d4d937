import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import Docker from 'dockerode';
import { OutriggerError } from '../../../control-plane/core/errors.ts';
import { EngineClient } from '../../../control-plane/engine/docker/engine-client.ts';
import { GpuProbe } from '../../../control-plane/engine/docker/gpu-probe.ts';
import { createDockerEngine, resolveConnection } from '../../../control-plane/engine/docker/index.ts';
import { PROBE_LABEL } from '../../../control-plane/engine/docker/labels.ts';
import { requestOf, soon } from '../../contract/engine.ts';
import { dockerWorld } from '../../contract/engine-docker.ts';
import { NestedEngine } from '../../engines/nested-engine.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../../images/busybox.ts';
import { until } from '../../until.ts';

test.before(() => ensureBusyboxImage().then(() => {}));

const GPUS = [
  { model: 'SIM-A 24GB', memoryMib: 24_576 },
  { model: 'SIM-B 80GB', memoryMib: 81_920 },
];
const CDI_ALL = { DiscoveredDevices: [{ Source: 'cdi', ID: 'nvidia.com/gpu=all' }] };

async function nested(t: ExecutionContext, options: { gpus: boolean }): Promise<NestedEngine> {
  t.timeout(10 * 60_000);
  const engine = await NestedEngine.start({ images: [BUSYBOX_IMAGE], ...(options.gpus && { gpus: GPUS }) });
  t.teardown(() => engine.dispose());
  return engine;
}

async function probeOf(
  t: ExecutionContext,
  docker: Docker,
  options: { host?: string; image?: string; deadlineMs?: number },
) {
  const environment = options.host === undefined ? {} : { environment: {}, host: options.host };
  const client = new EngineClient(await resolveConnection(environment));
  t.teardown(() => client.close());
  const instance = `test-${randomBytes(4).toString('hex')}`;
  const pulls: string[] = [];
  const pull = async ({ image }: { image: string }) => {
    pulls.push(image);
    throw new OutriggerError('image_unavailable', `no registry has ${image}`);
  };
  const { image = BUSYBOX_IMAGE, deadlineMs = 60_000 } = options;
  const probe = new GpuProbe(client, { node: 'n', image, instance, pull, deadlineMs });
  const filters = JSON.stringify({ label: [`${PROBE_LABEL}=${instance}`] });
  return { probe, instance, pulls, containers: () => docker.listContainers({ all: true, filters }) };
}

async function failure(t: ExecutionContext, promise: Promise<unknown>): Promise<OutriggerError> {
  return (await t.throwsAsync(promise, { instanceOf: OutriggerError })) as OutriggerError;
}

test('the GPUs of another machine are read in a container, which is gone afterwards', async t => {
  const engine = await nested(t, { gpus: true });
  await engine.gpus.use(1, 1_000);
  const { probe, containers } = await probeOf(t, engine.docker, { host: engine.host });
  const { gpus } = await probe.read(CDI_ALL, soon());
  const MIB = 1024 ** 2;
  t.deepEqual(
    gpus.map(({ index, uuid, model, memory }) => [index, uuid, model, memory?.usedBytes, memory?.totalBytes]),
    [
      [0, engine.gpus.all[0]?.uuid, 'SIM-A 24GB', 0, 24_576 * MIB],
      [1, engine.gpus.all[1]?.uuid, 'SIM-B 80GB', 1_000 * MIB, 81_920 * MIB],
    ],
  );
  await until('the probe is removed', async () => (await containers()).length === 0);
});

test('a driver that hangs there ends with its container at the deadline', async t => {
  const engine = await nested(t, { gpus: true });
  await engine.gpus.failWith('hangs');
  const { probe, containers } = await probeOf(t, engine.docker, { host: engine.host, deadlineMs: 3_000 });
  t.regex((await failure(t, probe.read(CDI_ALL, soon()))).code, /^(unavailable|timeout)$/);
  t.deepEqual(await containers(), []);
  await engine.gpus.answerAgain();
  const again = await probeOf(t, engine.docker, { host: engine.host });
  t.is((await again.probe.read(CDI_ALL, soon())).gpus.length, 2);
});

test('what a crash left behind is removed first, and what is not ours stays', async t => {
  const docker = new Docker();
  const { probe, instance, containers } = await probeOf(t, docker, {});
  const leave = async (label: string, name: string) => {
    const container = await docker.createContainer({
      name,
      Image: BUSYBOX_IMAGE,
      Cmd: ['sleep', '3600'],
      Labels: { [PROBE_LABEL]: label },
      HostConfig: { Init: true },
    });
    await container.start();
    t.teardown(() => container.remove({ force: true }).catch(() => {}));
    return container;
  };
  await leave(instance, `outrigger-gpu-probe-${instance}-0123abcd`);
  const theirs = [
    await leave(`${instance}-other`, `outrigger-gpu-probe-${instance}-other-0123abcd`),
    await leave(instance, `somebodys-${instance}`),
    await leave(instance, `outrigger-gpu-probe-${instance}-0123abcd-not`),
  ];
  // This machine's engine has no GPU to give.
  const error = await failure(t, probe.read({}, soon()));
  t.regex(error.message, /could not select device driver|nvidia/i);
  const left = (await containers()).map(c => c.Id).sort();
  const labelled = theirs.slice(1).map(c => c.id);
  t.deepEqual(left, labelled.sort(), 'the label alone makes nothing ours');
  for (const container of theirs) t.true((await container.inspect()).State.Running);
});

test('an image that is not there is pulled beside everything else, and not again at once', async t => {
  const docker = new Docker();
  const image = `outrigger-test/none-${randomBytes(4).toString('hex')}:1`;
  const { probe, pulls } = await probeOf(t, docker, { image });
  const first = await failure(t, probe.read({}, soon()));
  t.is(first.message, `the image of the GPU probe, ${image}, is being pulled`);
  const second = await failure(t, probe.read({}, soon()));
  t.is(second.message, `the image of the GPU probe, ${image}, could not be had: no registry has ${image}`);
  await failure(t, probe.read({}, soon()));
  t.deepEqual(pulls, [image]);
});

test('a probe is never taken for a replica, and its node is read though no probe can run', async t => {
  const w = await dockerWorld(undefined, {
    gpuProbeImage: BUSYBOX_IMAGE,
    devices: [{ id: 'GPU-aa', driver: 'nvidia' }],
  });
  t.teardown(w.close);
  const { devices, containers } = await w.engine.observe(soon());
  t.deepEqual(containers, []);
  t.deepEqual(devices, [{ id: 'GPU-aa', driver: 'nvidia' }]);
  await w.engine.measure(soon());
  t.regex(w.engine.driverTrouble ?? '', /running the GPU probe of node local: .*device driver/);
});

test('an engine without CDI hands over devices by UUID, as its NVIDIA hook is told', async t => {
  const engine = await nested(t, { gpus: false });
  const hook = '/usr/bin/nvidia-container-runtime-hook';
  await engine.run(`printf '#!/bin/sh\\nexit 0\\n' >${hook} && chmod +x ${hook}`);
  await engine.endDaemon('TERM');
  await engine.startDaemon({ liveRestore: false });
  const connection = await resolveConnection({ environment: {}, host: engine.host });
  const instance = `test-${randomBytes(4).toString('hex')}`;
  const devices = ['GPU-aa', 'GPU-bb'].map(id => ({ id, driver: 'nvidia' as const }));
  const adapter = createDockerEngine({ node: 'n', instance, connection, devices });
  t.teardown(() => adapter.close());
  const spec = { command: ['sleep', '3600'], init: true, resources: { gpu: { count: 2 } } };
  const request = requestOf({ engine: adapter, namespace: 'ortest-gpu', image: BUSYBOX_IMAGE }, spec);
  const placement = { node: 'n', devices: ['GPU-bb', 'GPU-aa'] };
  const { containerId } = await adapter.create({ ...request, placement }, soon());
  await adapter.start(containerId, soon());
  const { output } = await engine.exec(containerId, ['cat', '/proc/1/environ']);
  t.regex(output, /NVIDIA_VISIBLE_DEVICES=GPU-bb,GPU-aa\0/);
});
