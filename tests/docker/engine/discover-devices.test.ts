import test from 'ava';
import fc from 'fast-check';
import type { ObservedDevice } from '../../../control-plane/core/observed.ts';
import { describeStated, discoverDevices } from '../../../control-plane/engine/docker/discover-devices.ts';
import { parseSmi } from '../../../control-plane/engine/docker/nvidia-smi.ts';
import { MIG_LIST, MIG_QUERY, MIG_TABLE } from './smi-outputs.ts';

const MIB = 1024 ** 2;
const AT = 1_800_000_000_000;
const ended = (stdout: string) => ({ stdout, exitCode: 0 });
const SMI = {
  at: AT,
  numbered: true,
  ...parseSmi({
    query: ended(
      '0, GPU-aa, NVIDIA H100 80GB HBM3, 81559, 559, 81000, Disabled\n1, GPU-bb, NVIDIA A100-SXM4-40GB, 40960, 960, 40000, Disabled\n',
    ),
  }),
};
const MIG = {
  at: AT,
  numbered: true,
  ...parseSmi({ query: ended(MIG_QUERY), list: ended(MIG_LIST), table: ended(MIG_TABLE) }),
};

function cdi(names: readonly string[], reading: typeof SMI | null = null): readonly ObservedDevice[] {
  const engine = { DiscoveredDevices: names.map(ID => ({ Source: 'cdi', ID })) };
  return discoverDevices(engine, reading, { handsOverNvidia: false });
}
const ids = (devices: readonly ObservedDevice[]) => devices.map(d => d.id);

test('a device that CDI names by index, by type and by UUID is one device, and `all` is none', t => {
  const names = ['all', '10', '2', 'gpu2', 'gpu10', 'GPU-aa', 'GPU-bb'].map(name => `nvidia.com/gpu=${name}`);
  t.deepEqual(ids(cdi(names)), ['nvidia.com/gpu=2', 'nvidia.com/gpu=10']);
});

test('where only one index and one UUID are named, they are the same device', t => {
  t.deepEqual(cdi(['nvidia.com/gpu=0', 'nvidia.com/gpu=GPU-aa', 'nvidia.com/gpu=all']), [
    { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0', uuid: 'GPU-aa' },
  ]);
});

test('where CDI names devices by UUID alone, those are taken', t => {
  t.deepEqual(cdi(['nvidia.com/gpu=GPU-bb', 'nvidia.com/gpu=all'], SMI), [
    {
      id: 'nvidia.com/gpu=GPU-bb',
      driver: 'cdi',
      index: '1',
      uuid: 'GPU-bb',
      model: 'NVIDIA A100-SXM4-40GB',
      memoryBytes: 40_960 * MIB,
      measured: { usedBytes: 960 * MIB, freeBytes: 40_000 * MIB, at: AT },
    },
  ]);
});

test('where there is nothing but `all`, that is one device; the driver describes it if there is one GPU', t => {
  t.deepEqual(cdi(['nvidia.com/gpu=all']), [{ id: 'nvidia.com/gpu=all', driver: 'cdi' }]);
  t.is(cdi(['nvidia.com/gpu=all'], { ...SMI, gpus: SMI.gpus.slice(0, 1) })[0]?.uuid, 'GPU-aa');
  t.is(cdi(['nvidia.com/gpu=all'], SMI)[0]?.model, undefined);
});

test('some of the GPUs are told by index, and all of them by their order, as a container numbers them anew', t => {
  t.is(cdi(['nvidia.com/gpu=1'], SMI)[0]?.uuid, 'GPU-bb');
  const devices = cdi(['nvidia.com/gpu=2', 'nvidia.com/gpu=3', 'nvidia.com/gpu=all'], SMI);
  t.deepEqual(
    devices.map(d => [d.id, d.index, d.uuid]),
    [
      ['nvidia.com/gpu=2', '2', 'GPU-aa'],
      ['nvidia.com/gpu=3', '3', 'GPU-bb'],
    ],
  );
});

test('slices come with their GPU, profile and memory; a GPU in MIG mode is not given as a whole', t => {
  const names = ['0:0', '0:1', 'mig0:0', '1', '2', 'MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f', 'all'];
  const devices = cdi(
    names.map(name => `nvidia.com/gpu=${name}`),
    MIG,
  );
  t.deepEqual(ids(devices), ['nvidia.com/gpu=0:0', 'nvidia.com/gpu=0:1', 'nvidia.com/gpu=1']);
  t.like(devices[1], {
    index: '0:1',
    uuid: 'MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb',
    model: 'NVIDIA A100-SXM4-40GB MIG 1g.5gb',
    memoryBytes: 4_864 * MIB,
    slice: { of: 'GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77', profile: '1g.5gb' },
    measured: { usedBytes: 3 * MIB, freeBytes: 4_861 * MIB, at: AT },
  });
  t.is(devices[2]?.slice, undefined);
});

test('without a reading slices are known to be slices by their names', t => {
  t.deepEqual(cdi(['nvidia.com/gpu=0:1']), [
    { id: 'nvidia.com/gpu=0:1', driver: 'cdi', index: '0:1', slice: { of: 'nvidia.com/gpu=0', profile: 'unknown' } },
  ]);
});

test('without CDI the driver gives devices by UUID, whole ones and slices, where the engine can hand them over', t => {
  t.deepEqual(ids(discoverDevices({}, SMI, { handsOverNvidia: true })), ['GPU-aa', 'GPU-bb']);
  t.deepEqual(ids(discoverDevices({}, MIG, { handsOverNvidia: true })), [
    'GPU-6d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a78',
    'MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f',
    'MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb',
  ]);
  t.deepEqual(discoverDevices({}, SMI, { handsOverNvidia: false }), []);
  t.deepEqual(discoverDevices({}, null, { handsOverNvidia: true }), []);
});

test('other vendors are found by their CDI kinds, beside those of NVIDIA', t => {
  const names = ['amd.com/gpu=0', 'amd.com/gpu=all', 'amd.com/gpu=0x1234', 'intel.com/gpu=card1', 'vendor.com/nic=0'];
  t.deepEqual(cdi([...names, 'nvidia.com/gpu=1'], SMI).slice(0, 2), [
    { id: 'amd.com/gpu=0', driver: 'cdi', index: '0' },
    { id: 'intel.com/gpu=card1', driver: 'cdi' },
  ]);
  const engine = { DiscoveredDevices: [{ Source: 'cdi', ID: 'amd.com/gpu=0' }] };
  t.deepEqual(ids(discoverDevices(engine, SMI, { handsOverNvidia: true })), ['amd.com/gpu=0', 'GPU-aa', 'GPU-bb']);
});

test('the kinds under which Kubernetes lists the same GPUs again are passed over', t => {
  const names = ['nvidia.com/gpu=0', 'k8s.device-plugin.nvidia.com/gpu=0', 'management.nvidia.com/gpu=all'];
  t.deepEqual(ids(cdi(names)), ['nvidia.com/gpu=0']);
});

test('what is stated stands, and is measured where the driver can be asked', t => {
  const stated: ObservedDevice[] = [
    { id: 'nvidia.com/gpu=1', driver: 'cdi', model: 'mine', memoryBytes: 1_000 },
    { id: 'GPU-aa', driver: 'nvidia' },
    { id: 'nvidia.com/gpu=7', driver: 'cdi' },
    { id: 'amd.com/gpu=0', driver: 'cdi' },
  ];
  t.deepEqual(describeStated(stated, null), stated);
  const described = describeStated(stated, SMI);
  t.like(described[0], { id: 'nvidia.com/gpu=1', model: 'mine', memoryBytes: 1_000, uuid: 'GPU-bb' });
  t.is(described[0]?.measured?.freeBytes, 40_000 * MIB);
  t.like(described[1], { id: 'GPU-aa', driver: 'nvidia', memoryBytes: 81_559 * MIB });
  t.deepEqual(described.slice(2), stated.slice(2));
});

test('of stated devices that turn out to be one GPU the first counts', t => {
  const stated: ObservedDevice[] = [
    { id: 'nvidia.com/gpu=1', driver: 'cdi', index: '1' },
    { id: 'nvidia.com/gpu=GPU-bb', driver: 'cdi', uuid: 'GPU-bb' },
    { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0' },
  ];
  t.deepEqual(ids(describeStated(stated, null)).length, 3, 'nothing says so yet');
  t.deepEqual(ids(describeStated(stated, SMI)), ['nvidia.com/gpu=1', 'nvidia.com/gpu=0']);
});

test('however CDI names GPUs and slices, and in whatever order, each is one device', t => {
  const form = fc.constantFrom('index', 'typed', 'uuid');
  const machine = fc.record({
    whole: fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 6 }),
    slices: fc.uniqueArray(fc.nat(6), { maxLength: 4 }),
    forms: fc.uniqueArray(form, { minLength: 1 }),
    shuffle: fc.infiniteStream(fc.nat()),
  });
  fc.assert(
    fc.property(machine, ({ whole, slices, forms, shuffle }) => {
      const named = (kind: string, numbers: string[]) =>
        numbers.flatMap(n => [
          ...(forms.includes('index') ? [n] : []),
          ...(forms.includes('typed') ? [`${kind.toLowerCase()}${n}`] : []),
          ...(forms.includes('uuid') ? [`${kind}-${n.replace(':', '-')}`] : []),
        ]);
      const all = [
        ...named('GPU', whole.map(String)),
        ...named(
          'MIG',
          slices.map(n => `99:${n}`),
        ),
        'all',
      ];
      const shuffled = all
        .map(name => ({ name, at: shuffle.next().value as number }))
        .sort((a, b) => a.at - b.at)
        .map(({ name }) => `nvidia.com/gpu=${name}`);
      const devices = cdi(shuffled);
      t.is(devices.length, whole.length + slices.length);
      t.is(new Set(ids(devices)).size, devices.length);
      t.true(devices.every(d => shuffled.includes(d.id)));
      t.deepEqual(ids(cdi(shuffled.toReversed())).sort(), [...ids(devices)].sort());
    }),
  );
});
