import test from 'ava';
import { DeviceChecks, judgeCheck, judgeNvidiaSmi } from '../../../control-plane/engine/docker/check-devices.ts';
import type { ExecResult } from '../../../control-plane/engine/docker/container-exec.ts';
import { EngineClient } from '../../../control-plane/engine/docker/engine-client.ts';
import { resolveConnection } from '../../../control-plane/engine/docker/index.ts';
import { requestOf, soon, started } from '../../contract/engine.ts';
import { dockerWorld } from '../../contract/engine-docker.ts';
import { until } from '../../until.ts';
import { MIG_LIST } from './smi-outputs.ts';

const GPU0 = 'nvidia.com/gpu=0';
const judge = (ids: readonly string[], result: ExecResult) =>
  judgeNvidiaSmi(
    ids.map(id => ({ id })),
    result,
  );
const ended = (exitCode: number, output = ''): ExecResult => ({ kind: 'ended', exitCode, output });
const LIST = 'GPU 0: NVIDIA L4 (UUID: GPU-aa)\nGPU 1: NVIDIA L4 (UUID: GPU-bb)\n';

test('a container sees its devices where nvidia-smi lists as many as it was given', t => {
  t.is(judge([GPU0], ended(0, LIST)).kind, 'sees');
  t.is(judge(['GPU-aa', 'GPU-bb'], ended(0, LIST)).kind, 'sees');
  t.is(judge(['nvidia.com/gpu=all'], ended(0, LIST)).kind, 'sees');
  t.deepEqual(judge(['GPU-aa', 'GPU-bb', 'GPU-cc'], ended(0, LIST)), {
    kind: 'lost',
    message: 'nvidia-smi lists 2 of 3 devices',
  });
  t.is(judge([GPU0], ended(0, 'No devices found.\n')).kind, 'lost');
});

test('a container that sees another device than the one that it was given has lost it', t => {
  const judged = (uuid: string) => judgeNvidiaSmi([{ id: GPU0, uuid }], ended(0, 'GPU 0: NVIDIA L4 (UUID: GPU-bb)\n'));
  t.is(judged('GPU-bb').kind, 'sees');
  t.deepEqual(judged('GPU-aa'), { kind: 'lost', message: 'it was given GPU-aa, and nvidia-smi lists GPU-bb' });
  t.is(judgeNvidiaSmi([{ id: GPU0, uuid: 'GPU-aa' }], ended(0, LIST)).kind, 'sees', 'beside others');
  const slice = { id: 'nvidia.com/gpu=0:0', uuid: 'MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f' };
  t.is(judgeNvidiaSmi([slice], ended(0, MIG_LIST)).kind, 'sees');
  t.is(judgeNvidiaSmi([{ ...slice, uuid: 'MIG-other' }], ended(0, MIG_LIST)).kind, 'lost');
});

test('a slice is counted below its GPU, and a divided GPU is no whole one', t => {
  const oneSlice = MIG_LIST.split('\n').slice(0, 2).join('\n');
  t.is(judge(['nvidia.com/gpu=0:0'], ended(0, oneSlice)).kind, 'sees');
  t.is(judge(['MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f'], ended(0, oneSlice)).kind, 'sees');
  t.is(judge(['nvidia.com/gpu=0:0', 'nvidia.com/gpu=0:1'], ended(0, oneSlice)).kind, 'lost');
  t.is(judge(['nvidia.com/gpu=0:0', GPU0], ended(0, oneSlice)).kind, 'lost');
  t.is(judge(['nvidia.com/gpu=0:0'], ended(0, LIST)).kind, 'lost');
});

test('what the driver says of the device is a loss', t => {
  const losses: [number, string][] = [
    [255, 'Failed to initialize NVML: Unknown Error'],
    [9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."],
    [6, 'No devices were found'],
    [15, 'Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost.'],
    [1, 'anything else'],
  ];
  for (const [exitCode, words] of losses) {
    t.deepEqual(judge([GPU0], ended(exitCode, `${words}\n`)), {
      kind: 'lost',
      message: `nvidia-smi ended with ${exitCode}: ${words}`,
    });
  }
});

test('what speaks of the asking alone says nothing of the device', t => {
  const undecided: ExecResult[] = [
    ended(4, 'Failed to initialize NVML: Insufficient Permissions'),
    ended(255, 'Failed to initialize NVML: Insufficient Permissions'),
    ended(18, 'Failed to initialize NVML: Driver/library version mismatch'),
    ended(12, "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system."),
    ended(126),
    ended(127),
    ended(137),
    ended(-1, ''),
    { kind: 'no_container', message: 'Container 1f is not running' },
    { kind: 'hangs', execId: 'e' },
  ];
  for (const result of undecided) t.is(judge([GPU0], result).kind, 'unknown', JSON.stringify(result));
  for (const result of undecided.slice(4)) t.is(judgeCheck(['see'], result).kind, 'unknown', JSON.stringify(result));
});

test("a service's own check says yes by ending with 0", t => {
  t.is(judgeCheck(['see'], ended(0)).kind, 'sees');
  t.deepEqual(judgeCheck(['see'], ended(3, 'one\nno CUDA device\n\n')), {
    kind: 'lost',
    message: 'see ended with 3: no CUDA device',
  });
});

test('a check is run in the container, as its user', async t => {
  const w = await dockerWorld();
  t.teardown(w.close);
  const id = await started(w, { ...w.programs.serves, user: '1234:1234' });
  const ask = (...check: string[]) => w.engine.checkDevices(id, { devices: [{ id: GPU0 }], check }, soon());
  t.deepEqual(await ask('sh', '-c', 'test "$(id -u)" = 1234'), { kind: 'sees', message: '' });
  t.deepEqual(await ask('sh', '-c', 'echo no CUDA device >&2; exit 3'), {
    kind: 'lost',
    message: 'sh ended with 3: no CUDA device',
  });
  t.is((await ask('/no/such/program')).kind, 'unknown');
  t.is((await ask('/etc/passwd')).kind, 'unknown');
  t.is((await ask('sh', '-c', 'kill -9 $$')).kind, 'unknown');
});

test('without a check nvidia-smi is asked, and an image without it says nothing', async t => {
  const w = await dockerWorld();
  t.teardown(w.close);
  const bare = await started(w, w.programs.serves);
  t.is((await w.engine.checkDevices(bare, { devices: [{ id: GPU0 }] }, soon())).kind, 'unknown');
  t.deepEqual(await w.engine.checkDevices(bare, { devices: [{ id: 'amd.com/gpu=0' }] }, soon()), {
    kind: 'unknown',
    message: 'nothing is known to ask for these devices with; give the service x-outrigger.gpu.check',
  });

  const script = `#!/bin/sh\n[ -e /tmp/lost ] && { echo 'Failed to initialize NVML: Unknown Error'; exit 255; }\necho 'GPU 0: NVIDIA L4 (UUID: GPU-aa)'\n`;
  const files = [{ target: '/usr/bin/nvidia-smi', contentBase64: Buffer.from(script).toString('base64'), mode: 0o755 }];
  const id = await started(w, { ...w.programs.serves, files }, { replicaId: 'bbbb0001' });
  t.is((await w.engine.checkDevices(id, { devices: [{ id: GPU0 }] }, soon())).kind, 'sees');
  const lose = { devices: [{ id: GPU0 }], check: ['touch', '/tmp/lost'] };
  t.is((await w.engine.checkDevices(id, lose, soon())).kind, 'sees');
  t.deepEqual(await w.engine.checkDevices(id, { devices: [{ id: GPU0 }] }, soon()), {
    kind: 'lost',
    message: 'nvidia-smi ended with 255: Failed to initialize NVML: Unknown Error',
  });
});

test('a container that is not there, has ended or is paused says nothing', async t => {
  const w = await dockerWorld();
  t.teardown(w.close);
  const request = { devices: [{ id: GPU0 }], check: ['true'] };
  t.is((await w.engine.checkDevices('0'.repeat(64), request, soon())).kind, 'unknown');
  const { containerId } = await w.engine.create(requestOf(w, w.programs.serves), soon());
  t.is((await w.engine.checkDevices(containerId, request, soon())).kind, 'unknown');
  await w.engine.start(containerId, soon());
  t.is((await w.engine.checkDevices(containerId, request, soon())).kind, 'sees');
  await w.docker.getContainer(containerId).pause();
  t.is((await w.engine.checkDevices(containerId, request, soon())).kind, 'unknown');
  await w.docker.getContainer(containerId).unpause();
});

test('a check that hangs says nothing, and no second one is put beside it until it is gone', async t => {
  const w = await dockerWorld();
  t.teardown(w.close);
  const client = new EngineClient(await resolveConnection());
  t.teardown(() => client.close());
  const checks = new DeviceChecks(client, { deadlineMs: 500 });
  const id = await started(w, w.programs.serves);
  const hangs = { devices: [{ id: GPU0 }], check: ['sh', '-c', 'until [ -e /tmp/go ]; do sleep 0.1; done'] };
  t.deepEqual(await checks.ask(id, hangs, soon()), { kind: 'unknown', message: 'sh does not end' });
  const sees = { devices: [{ id: GPU0 }], check: ['true'] };
  t.deepEqual(await checks.ask(id, sees, soon()), {
    kind: 'unknown',
    message: 'the check before this one still hangs',
  });
  await w.engine.checkDevices(id, { devices: [], check: ['touch', '/tmp/go'] }, soon());
  await until('the container is asked again', async () => (await checks.ask(id, sees, soon())).kind === 'sees');
  t.pass();
});
