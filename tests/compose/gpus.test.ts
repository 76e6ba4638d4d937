import path from 'node:path';
import test from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { compiles, refusedService } from './one-service.ts';
import { load, projectFolder, shown } from './project-folder.ts';

type Gpu = NonNullable<NonNullable<ServiceSpecInput['resources']>['gpu']>;

const gpu = (request: Gpu): Partial<ServiceSpecInput> => ({ resources: { gpu: request } });
const reserving = (...devices: string[]) =>
  `deploy: {resources: {reservations: {devices: [${devices.map(d => `{capabilities: [gpu], ${d}}`).join(', ')}]}}}`;
const GIB = 2 ** 30;

// Compose's forms
test('all GPUs', compiles, 'gpus: all', gpu({ count: -1 }));
test('gpus without a count is all', compiles, 'gpus: [{driver: nvidia}]', gpu({ count: -1, driver: 'nvidia' }));
test('a number of GPUs', compiles, 'gpus: [{count: 2}]', gpu({ count: 2 }));
test('a number from a variable', compiles, `gpus: [{count: "\${NOPE:-2}"}]`, gpu({ count: 2 }));
test('gpus needs no capability "gpu"', compiles, 'gpus: [{count: 1, capabilities: [compute]}]', {
  resources: { gpu: { count: 1, capabilities: ['gpu', 'compute'] } },
});
test('GPUs by number', compiles, 'gpus: [{device_ids: ["0", "3"]}]', gpu({ count: 2, deviceIds: ['0', '3'] }));
test('GPUs by CDI name', compiles, 'gpus: [{driver: cdi, device_ids: [nvidia.com/gpu=0, nvidia.com/gpu=1]}]', {
  resources: { gpu: { count: 2, deviceIds: ['nvidia.com/gpu=0', 'nvidia.com/gpu=1'], driver: 'cdi' } },
});
test('a GPU of another make by its CDI name', compiles, 'gpus: [{device_ids: [amd.com/gpu=0]}]', {
  resources: { gpu: { count: 1, deviceIds: ['amd.com/gpu=0'] } },
});
test('all of a CDI kind', compiles, 'gpus: [{driver: cdi, device_ids: [amd.com/gpu=all]}]', {
  resources: { gpu: { count: -1, kind: 'amd.com/gpu', driver: 'cdi' } },
});
test('the device id all', compiles, 'gpus: [{device_ids: [all]}]', gpu({ count: -1 }));
test('no GPU, as a variable may say', compiles, `gpus: [{count: "\${NOPE:-0}"}]`, {});
test(
  'a reservation under deploy',
  compiles,
  reserving('driver: nvidia, count: 1'),
  gpu({ count: 1, driver: 'nvidia' }),
);
test('a reservation of all', compiles, reserving('count: all'), gpu({ count: -1 }));
test('a reservation without a count is of all', compiles, reserving('driver: cdi'), gpu({ count: -1, driver: 'cdi' }));
test(
  'a reservation by UUID',
  compiles,
  reserving('device_ids: [GPU-5f0b]'),
  gpu({ count: 1, deviceIds: ['GPU-5f0b'] }),
);
test('a reservation of none', compiles, reserving('count: 0'), {});

// the older form: the runtime is left out, and so is its variable, because the engine gives what was scheduled
const older = (devices: string) => `runtime: nvidia\nenvironment: {A: 1, NVIDIA_VISIBLE_DEVICES: "${devices}"}`;
test('the older form for all', compiles, older('all'), {
  ...gpu({ count: -1, driver: 'nvidia' }),
  environment: { A: '1' },
});
test('the older form for some', compiles, older('0,GPU-5f0b'), {
  ...gpu({ count: 2, deviceIds: ['0', 'GPU-5f0b'], driver: 'nvidia' }),
  environment: { A: '1' },
});
test('the older form for none', compiles, older('none'), { environment: { A: '1' } });
test('the older form without a variable', compiles, 'runtime: nvidia', gpu({ count: -1, driver: 'nvidia' }));
test('the older form beside a reservation', compiles, `${older('all')}\ngpus: [{count: 1}]`, {
  ...gpu({ count: 1 }),
  environment: { A: '1' },
});
test('the older form, refined', compiles, 'runtime: nvidia\nx-outrigger: {gpu: {models: [T4]}}', {
  ...gpu({ count: 1, driver: 'nvidia', models: ['T4'] }),
});

// several reservations
test(
  'gpus and a reservation that say the same',
  compiles,
  `gpus: [{count: 2}]\n${reserving('count: 2, driver: cdi')}`,
  {
    ...gpu({ count: 2, driver: 'cdi' }),
  },
);
test('two lists of ids are one', compiles, reserving('device_ids: ["0"]', 'device_ids: ["1", "0"], driver: nvidia'), {
  ...gpu({ count: 2, deviceIds: ['0', '1'], driver: 'nvidia' }),
});

// refined by x-outrigger
test('every refinement', compiles, 'gpus: [{count: 2}]\nx-outrigger: {gpu: {memory: 10GiB, models: [H100, A100]}}', {
  ...gpu({ count: 2, memoryBytes: 10 * GIB, models: ['H100', 'A100'], exclusive: false }),
});
test('memory of a device of one’s own', compiles, 'x-outrigger: {gpu: {memory: 10GiB, exclusive: true}}', {
  ...gpu({ count: 1, memoryBytes: 10 * GIB, exclusive: true }),
});
test('memory alone asks for a share of one device', compiles, 'x-outrigger: {gpu: {memory: 10GiB}}', {
  ...gpu({ count: 1, memoryBytes: 10 * GIB, exclusive: false }),
});
test('x-outrigger alone asks for one device', compiles, 'x-outrigger: {gpu: }', gpu({ count: 1 }));
test('x-outrigger alone with a count', compiles, 'x-outrigger: {gpu: {count: "3"}}', gpu({ count: 3 }));
test('x-outrigger alone for all', compiles, 'x-outrigger: {gpu: {count: all, kind: amd.com/gpu}}', {
  ...gpu({ count: -1, kind: 'amd.com/gpu' }),
});
test('a number narrows all', compiles, 'gpus: all\nx-outrigger: {gpu: {count: 2}}', gpu({ count: 2 }));
test('a number that was given twice alike', compiles, 'gpus: [{count: 2}]\nx-outrigger: {gpu: {count: 2}}', {
  ...gpu({ count: 2 }),
});
test(
  'memory of listed devices',
  compiles,
  'gpus: [{device_ids: ["0", "1"]}]\nx-outrigger: {gpu: {memory: 4g, count: 2}}',
  {
    ...gpu({ count: 2, deviceIds: ['0', '1'], memoryBytes: 4 * GIB, exclusive: false }),
  },
);
test(
  'a kind beside ids of that kind',
  compiles,
  'gpus: [{device_ids: [amd.com/gpu=0]}]\nx-outrigger: {gpu: {kind: amd.com/gpu}}',
  {
    ...gpu({ count: 1, deviceIds: ['amd.com/gpu=0'], kind: 'amd.com/gpu' }),
  },
);
test('a check as a list', compiles, 'x-outrigger: {gpu: {check: [rocm-smi, -i]}}', {
  ...gpu({ count: 1, check: ['rocm-smi', '-i'] }),
});
test('a check as a line for a shell', compiles, 'x-outrigger: {gpu: {check: "test -e /dev/kfd"}}', {
  ...gpu({ count: 1, check: ['/bin/sh', '-c', 'test -e /dev/kfd'] }),
});

// what cannot be meant
test('two counts', refusedService, reserving('count: 1', 'count: 1'), [
  '4:84: services.a.deploy.resources.reservations.devices[1]: expected one GPU reservation, found another that asks for 1 beside 1; write one with the count that a replica needs in all',
]);
test('two drivers', refusedService, `gpus: [{count: 1, driver: cdi}]\n${reserving('count: 1, driver: nvidia')}`, [
  '4:12: services.a.gpus[0]: expected one GPU reservation, found another that asks for 1 (driver cdi) beside 1 (driver nvidia); write one with the count that a replica needs in all',
]);
test('a count and ids', refusedService, `gpus: [{count: 1}]\n${reserving('device_ids: ["0"]')}`, [
  '4:12: services.a.gpus[0]: expected one GPU reservation, found another that asks for 1 beside 0; write one with the count that a replica needs in all',
]);
test('a count and ids in one, which Compose refuses', refusedService, 'gpus: [{count: 1, device_ids: ["0"]}]', [
  '4:5: services.a.gpus: "count" and "device_ids" attributes are exclusive',
]);
test('another count', refusedService, 'gpus: [{count: 2}]\nx-outrigger: {gpu: {count: 3}}', [
  '5:25: services.a.x-outrigger.gpu.count: expected what the reservation says, the count is 2; found 3',
]);
test('all, where it is a number', refusedService, 'gpus: [{count: 2}]\nx-outrigger: {gpu: {count: all}}', [
  '5:25: services.a.x-outrigger.gpu.count: expected what the reservation says, the count is 2; found all',
]);
test('another count than ids', refusedService, 'gpus: [{device_ids: ["0", "1"]}]\nx-outrigger: {gpu: {count: 1}}', [
  '5:25: services.a.x-outrigger.gpu.count: expected what the reservation says, device_ids lists 2; found 1',
]);
test('ids and models', refusedService, 'gpus: [{device_ids: ["0"]}]\nx-outrigger: {gpu: {models: [T4]}}', [
  '5:25: services.a.x-outrigger.gpu.models: expected no models beside device_ids, which name the devices already',
]);
test('a share of unknown size', refusedService, 'x-outrigger: {gpu: {exclusive: false}}', [
  '4:25: services.a.x-outrigger.gpu.exclusive: expected memory beside exclusive: false; others get the rest of a device, and what is left has to be known',
]);
test(
  'ids of another kind',
  refusedService,
  'gpus: [{device_ids: [amd.com/gpu=0]}]\nx-outrigger: {gpu: {kind: intel.com/gpu}}',
  [
    '5:25: services.a.x-outrigger.gpu.kind: expected the kind of the reserved devices, amd.com/gpu; found "intel.com/gpu"',
  ],
);
test(
  'a kind that the driver has not',
  refusedService,
  'gpus: [{driver: nvidia}]\nx-outrigger: {gpu: {kind: amd.com/gpu}}',
  [
    `5:25: services.a.x-outrigger.gpu.kind: expected a kind of NVIDIA's beside driver: nvidia, found "amd.com/gpu"; write driver: cdi`,
  ],
);
test('an id that the driver has not', refusedService, 'gpus: [{driver: nvidia, device_ids: [amd.com/gpu=0]}]', [
  `4:42: services.a.gpus[0].device_ids[0]: "amd.com/gpu=0" is none of NVIDIA's, and the driver is nvidia; write driver: cdi`,
]);
test('an id twice', refusedService, 'gpus: [{device_ids: ["0", "0"]}]', [
  '4:5: services.a.gpus.0.device_ids: items at 0 and 1 are equal',
]);
test('an id that is nothing', refusedService, 'gpus: [{device_ids: [""]}]', [
  '4:26: services.a.gpus[0].device_ids[0]: expected a CDI name, a UUID or a number of a device, found nothing',
]);
test('all beside others', refusedService, 'gpus: [{device_ids: [nvidia.com/gpu=all, nvidia.com/gpu=1]}]', [
  '4:26: services.a.gpus[0].device_ids[0]: "nvidia.com/gpu=all" stands for all devices; expected no other beside it',
]);
test('a negative count', refusedService, 'gpus: [{count: -2}]', [
  '4:13: services.a.gpus[0].count: expected a number of GPUs up to 1024, or all; found -2',
]);
test('a count of none in x-outrigger', refusedService, 'x-outrigger: {gpu: {count: 0}}', [
  '4:25: services.a.x-outrigger.gpu.count: expected a whole number from 1 to 1024, or all, found 0',
]);
test(
  'a device that is no GPU',
  refusedService,
  'deploy: {resources: {reservations: {devices: [{capabilities: [tpu]}]}}}',
  [
    '4:52: services.a.deploy.resources.reservations.devices[0].capabilities: expected the capability "gpu", found tpu; Outrigger schedules GPUs only',
  ],
);
test('a driver of another make', refusedService, 'gpus: [{driver: amd, count: 1}]', [
  '4:13: services.a.gpus[0].driver: expected nvidia or cdi, found "amd"; for GPUs of another make write driver: cdi, and their CDI kind, such as amd.com/gpu, under x-outrigger.gpu.kind',
]);
test('driver options', refusedService, 'gpus: [{count: 1, options: {a: b}}]', [
  '4:23: services.a.gpus[0].options: Outrigger has no driver options; remove it',
]);
test('a kind that is none', refusedService, 'x-outrigger: {gpu: {kind: amd}}', [
  '4:25: services.a.x-outrigger.gpu.kind: expected a CDI kind, such as "amd.com/gpu" or "nvidia.com/mig", found "amd"',
]);
test('a check that is none', refusedService, 'x-outrigger: {gpu: {check: []}}', [
  '4:25: services.a.x-outrigger.gpu.check: expected a command that ends with 0 while the devices are seen: a list of words, or a line for a shell, found an empty list',
]);
test('a key that is none', refusedService, 'x-outrigger: {gpu: {memmory: 1g}}', [
  '4:25: services.a.x-outrigger.gpu.memmory: unknown key "memmory", expected one of count, memory, models, exclusive, kind, check; did you mean "memory"?',
]);
test('a priority out of range', refusedService, 'x-outrigger: {priority: -1001}', [
  '4:19: services.a.x-outrigger.priority: expected a whole number from -1000 to 1000, found -1001',
]);
test('priorities', compiles, 'x-outrigger: {priority: "-5"}', { priority: -5 });

const warned = test.macro({
  title: (_, lines: string) => `a warning for ${lines.replaceAll('\n', ', ')}`,
  async exec(t, lines: string, expected: readonly string[]) {
    const body = lines.split('\n').map(line => `    ${line}\n`);
    const folder = await projectFolder(t, { 'compose.yaml': `services:\n  a:\n    image: i\n${body.join('')}` });
    const result = await load(folder);
    t.is(result.kind, 'compiled');
    t.deepEqual(shown(result.warnings, folder), expected);
  },
});
test(warned, 'runtime: nvidia', [
  'compose.yaml:4:5: services.a.runtime: is read as gpus: all, because the file does not say which; write gpus: [{count: 1}] to leave others some',
]);
test(warned, older('all'), []);
test(warned, 'x-outrigger: {gpu: {memory: 20}}', [
  'compose.yaml:4:25: services.a.x-outrigger.gpu.memory: is 20 bytes, less than any program on a GPU takes; a unit may be missing, as in 20GiB',
]);
test(warned, 'x-outrigger: {gpu: {memory: 1g}}', []);
test(warned, 'gpus: [{count: 0}]\nx-outrigger: {gpu: {memory: 1g}}', [
  'compose.yaml:5:19: services.a.x-outrigger.gpu: has no effect, because the service asks for no GPU: its count is 0',
]);

test('the example compose/gpu.yaml: two shares and a whole device', async t => {
  const folder = path.join(import.meta.dirname, '../../compose');
  const result = await load(folder, { files: ['gpu.yaml'] });
  t.deepEqual(result.warnings, []);
  t.deepEqual(
    result.kind === 'compiled' && result.specs.map(({ name, priority, resources: { gpu } }) => [name, priority, gpu]),
    [
      ['digits', 0, whole({ memoryBytes: 2 * GIB, exclusive: false })],
      ['digits-large', -1, whole({ memoryBytes: 6 * GIB, exclusive: false })],
      ['llm', 0, whole({ memoryBytes: 8 * GIB, exclusive: true, driver: 'nvidia' })],
    ],
  );
});

function whole(request: Gpu): Gpu {
  return { count: 1, capabilities: ['gpu'], deviceIds: [], models: [], ...request };
}
