import test from 'ava';
import fc from 'fast-check';
import { OutriggerError } from '../../../control-plane/core/errors.ts';
import { parseSliceMemory, parseSlices, parseSmi } from '../../../control-plane/engine/docker/nvidia-smi.ts';
import { MIG_LIST, MIG_QUERY, MIG_TABLE } from './smi-outputs.ts';

const MIB = 1024 ** 2;
const ended = (stdout: string, exitCode = 0) => ({ stdout, exitCode });

test('nvidia-smi speaks in MiB, and what is not a device is passed over', t => {
  const { gpus } = parseSmi({
    query: ended(
      'warning: something\n0, GPU-aa, NVIDIA H100 80GB HBM3, 81559, 1024, 80000, Disabled\n1, GPU-bb, NVIDIA A100-SXM4-40GB, 40960, 4, 40000, Disabled\n',
    ),
  });
  t.deepEqual(gpus[0], {
    index: 0,
    uuid: 'GPU-aa',
    model: 'NVIDIA H100 80GB HBM3',
    divided: false,
    memory: { totalBytes: 81_559 * MIB, usedBytes: 1_024 * MIB, freeBytes: 80_000 * MIB },
  });
  t.is(gpus.length, 2);
});

test('a GPU without memory of its own is a GPU', t => {
  const { gpus } = parseSmi({ query: ended('0, GPU-aa, NVIDIA GB10, [N/A], [N/A], [N/A], [N/A]\n') });
  t.deepEqual(gpus, [{ index: 0, uuid: 'GPU-aa', model: 'NVIDIA GB10', divided: false }]);
});

test('memory that cannot be measured leaves the size', t => {
  const line = '0, GPU-aa, NVIDIA L4, 23034, [Insufficient Permissions], [Insufficient Permissions], [N/A]';
  t.deepEqual(parseSmi({ query: ended(line) }).gpus[0]?.memory, { totalBytes: 23_034 * MIB });
});

test('no devices is a reading, and everything else without a device is a failure that says what was printed', t => {
  t.deepEqual(parseSmi({ query: ended('No devices were found\n', 6) }), { gpus: [], slices: [] });
  const failures = [
    ended("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that…\n", 9),
    ended('Failed to initialize NVML: Driver/library version mismatch\n', 18),
    ended('Field "mig.mode.current" is not a valid field to query.\n', 2),
    ended('', 0),
  ];
  for (const query of failures) {
    const error = t.throws(() => parseSmi({ query }), { instanceOf: OutriggerError });
    t.is((error as OutriggerError).code, 'unavailable');
    t.true(error?.message.includes(query.stdout.trim().slice(0, 40) || 'nothing'), error?.message);
  }
});

test('beside one GPU that fell off the bus, the others are read', t => {
  const query = ended(
    'Unable to determine the device handle for GPU0000:3B:00.0: GPU is lost.  Reboot the system to recover this GPU\n1, GPU-bb, NVIDIA L4, 23034, 1, 22000, [N/A]\n',
    15,
  );
  t.deepEqual(
    parseSmi({ query }).gpus.map(gpu => gpu.uuid),
    ['GPU-bb'],
  );
});

test('slices have the number of their GPU, their own, a profile and a UUID', t => {
  t.deepEqual(parseSlices(MIG_LIST), [
    { gpuIndex: 0, index: 0, uuid: 'MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f', profile: '3g.20gb' },
    { gpuIndex: 0, index: 1, uuid: 'MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb', profile: '1g.5gb' },
  ]);
  t.deepEqual(
    parseSlices('GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aa)\n  MIG 1g.5gb Device 0: (UUID: MIG-GPU-aa/7/0)'),
    [{ gpuIndex: 0, index: 0, uuid: 'MIG-GPU-aa/7/0', profile: '1g.5gb' }],
  );
  t.deepEqual(parseSlices('GPU 0: NVIDIA L4 (UUID: GPU-aa)\n'), []);
});

test('the memory of slices stands in the table', t => {
  const memory = parseSliceMemory(MIG_TABLE);
  t.deepEqual(Object.fromEntries(memory), {
    '0:0': { totalBytes: 20_096 * MIB, usedBytes: 11 * MIB, freeBytes: 20_085 * MIB },
    '0:1': { totalBytes: 4_864 * MIB, usedBytes: 3 * MIB, freeBytes: 4_861 * MIB },
  });
});

test('a GPU in MIG mode is divided, with slices or before it has any', t => {
  const reading = parseSmi({ query: ended(MIG_QUERY), list: ended(MIG_LIST), table: ended(MIG_TABLE) });
  t.deepEqual(
    reading.gpus.map(gpu => [gpu.index, gpu.divided]),
    [
      [0, true],
      [1, false],
      [2, true],
    ],
  );
  t.is(reading.slices[1]?.memory?.totalBytes, 4_864 * MIB);
  const withoutTable = parseSmi({ query: ended(MIG_QUERY), list: ended(MIG_LIST) });
  t.is(withoutTable.slices.length, 2);
  t.is(withoutTable.slices[0]?.memory, undefined);
});

test('whatever is printed is a reading or a failure, never a crash', t => {
  const field = fc.oneof(fc.constantFrom('0', 'GPU-aa', '[N/A]', 'Enabled', '99999999999999999999'), fc.string());
  const line = fc.oneof(
    fc.array(field, { maxLength: 9 }).map(fields => fields.join(', ')),
    fc.constantFrom(...`${MIG_QUERY}${MIG_LIST}${MIG_TABLE}`.split('\n')),
  );
  const output = fc.record({
    stdout: fc.array(line, { maxLength: 12 }).map(lines => lines.join('\n')),
    exitCode: fc.integer({ min: -1, max: 255 }),
  });
  fc.assert(
    fc.property(output, output, output, (query, list, table) => {
      try {
        const { gpus, slices } = parseSmi({ query, list, table });
        for (const { memory } of [...gpus, ...slices]) t.true((memory?.totalBytes ?? 0) >= 0);
      } catch (error) {
        t.true(error instanceof OutriggerError);
      }
    }),
  );
});
