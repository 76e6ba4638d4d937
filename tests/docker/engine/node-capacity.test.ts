import test from 'ava';
import { healthOf, stateOf } from '../../../control-plane/engine/docker/container-listing.ts';
import { discoverDevices } from '../../../control-plane/engine/docker/node-capacity.ts';
import { parseSmi } from '../../../control-plane/engine/docker/nvidia-smi.ts';

const NODE = { NCPU: 8, MemTotal: 1 };
const cdi = (...names: string[]) => ({
  ...NODE,
  DiscoveredDevices: names.map(ID => ({ Source: 'cdi', ID })),
});
const SMI = parseSmi('0, GPU-aa, NVIDIA H100 80GB HBM3, 81559\n1, GPU-bb, NVIDIA A100-SXM4-40GB, 40960\n');

test('nvidia-smi speaks in MiB, and what is not a device is passed over', t => {
  t.deepEqual(SMI[0], { index: 0, uuid: 'GPU-aa', model: 'NVIDIA H100 80GB HBM3', memoryBytes: 81_559 * 1024 ** 2 });
  t.is(SMI.length, 2);
  t.deepEqual(parseSmi('No devices were found\n'), []);
  t.deepEqual(parseSmi('0, GPU-aa, NVIDIA GB10, [N/A]\n'), []);
});

test('a device that CDI names by index and by UUID is one device, and `all` is none', t => {
  const info = cdi(
    'nvidia.com/gpu=all',
    'nvidia.com/gpu=10',
    'nvidia.com/gpu=2',
    'nvidia.com/gpu=GPU-aa',
    'nvidia.com/gpu=GPU-bb',
  );
  t.deepEqual(
    discoverDevices(info, []).map(({ id }) => id),
    ['nvidia.com/gpu=2', 'nvidia.com/gpu=10'],
  );
});

test('where CDI names devices by UUID alone, those are taken; MIG slices have an index of their own', t => {
  t.deepEqual(
    discoverDevices(cdi('nvidia.com/gpu=GPU-aa', 'nvidia.com/gpu=all'), []).map(({ id }) => id),
    ['nvidia.com/gpu=GPU-aa'],
  );
  t.deepEqual(
    discoverDevices(cdi('nvidia.com/gpu=0:0', 'nvidia.com/gpu=0:1', 'nvidia.com/gpu=all'), []).map(({ id }) => id),
    ['nvidia.com/gpu=0:0', 'nvidia.com/gpu=0:1'],
  );
});

test('model and memory come from the driver, by index or UUID', t => {
  t.deepEqual(discoverDevices(cdi('nvidia.com/gpu=1'), SMI), [
    { id: 'nvidia.com/gpu=1', driver: 'cdi', model: 'NVIDIA A100-SXM4-40GB', memoryBytes: 40_960 * 1024 ** 2 },
  ]);
  t.like(discoverDevices(cdi('nvidia.com/gpu=GPU-aa'), SMI)[0], { model: 'NVIDIA H100 80GB HBM3' });
});

test('without CDI the NVIDIA runtime gives devices by UUID; without either there are none', t => {
  t.deepEqual(
    discoverDevices({ ...NODE, Runtimes: { nvidia: {}, runc: {} } }, SMI).map(({ id, driver }) => [id, driver]),
    [
      ['GPU-aa', 'nvidia'],
      ['GPU-bb', 'nvidia'],
    ],
  );
  t.deepEqual(discoverDevices({ ...NODE, Runtimes: { runc: {} } }, SMI), []);
});

test('CDI devices that are no GPUs are not GPUs', t => {
  t.deepEqual(discoverDevices(cdi('vendor.com/nic=0', 'amd.com/gpu=0'), []), [{ id: 'amd.com/gpu=0', driver: 'cdi' }]);
});

test('the words of a listing', t => {
  t.is(healthOf('Up 3 seconds (health: starting)'), 'starting');
  t.is(healthOf('Up 2 hours (healthy)'), 'healthy');
  t.is(healthOf('Up 2 hours (unhealthy)'), 'unhealthy');
  t.is(healthOf('Up 2 hours'), undefined);
  t.is(healthOf('Up 2 hours (Paused)'), undefined);
  t.deepEqual(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'].map(stateOf), [
    'created',
    'running',
    'running',
    'running',
    'exited',
    'exited',
    'exited',
  ]);
});
