import test, { type ExecutionContext } from 'ava';
import type { GpuRequest, ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { GIB, gpuService } from './gpu-service.ts';
import type { Holding } from './holdings.ts';
import { TestCluster } from './test-cluster.ts';

/** Whole devices: a node has two of SIM-A (24 GiB: 0 and 1) and two of SIM-B (80 GiB: 2 and 3). */
let cluster: TestCluster;

test.before(async t => {
  t.timeout(10 * 60_000);
  cluster = await TestCluster.start();
});

test.after.always(async t => {
  t.timeout(60_000);
  await cluster?.dispose();
});

const SMALL = [0, 1];
const BIG = [2, 3];
let namespaces = 0;

/** Brings a service up, checks within its containers what each got, and resolves to where they are. */
async function placed(
  t: ExecutionContext,
  request: { gpu?: Partial<GpuRequest>; replicas?: number },
  more: Partial<ServiceSpecInput> = {},
): Promise<readonly Holding[]> {
  t.timeout(3 * 60_000);
  const namespace = `placement-${namespaces++}`;
  t.teardown(async () => {
    await cluster.controlPlane.remove(namespace);
    await cluster.controlPlane.gone(namespace);
  });
  await cluster.controlPlane.apply(gpuService({ namespace, ...request }, more));
  return await checkedInside(t, namespace);
}

/** Engine, container and control plane say the same of every replica. */
async function checkedInside(t: ExecutionContext, namespace: string): Promise<readonly Holding[]> {
  const { replicas } = await cluster.serviceIs(
    { namespace, name: 'model' },
    'is ready',
    ({ state, replicas: all, wantedReplicas }) => state === 'ready' && all.length === wantedReplicas,
  );
  return await Promise.all(
    replicas.map(async replica => {
      const holding = await cluster.holdingOf(replica);
      const inside = await cluster.devicesInside(holding);
      t.is(replica.node, holding.node);
      t.deepEqual(sorted(holding.devices), sorted(replica.devices.map(indexOf)));
      t.deepEqual(sorted(inside.nodes), sorted(holding.devices), 'it has these device nodes and no other');
      const uuids = holding.devices.map(index => cluster.engine(holding.node).gpus.all[index]?.uuid ?? '');
      t.deepEqual([...inside.uuids].sort(), uuids.sort(), 'its driver lists these devices and no other');
      return holding;
    }),
  );
}

test.serial('a model is asked for: the container has one device of it, and only that', async t => {
  const [holding] = await placed(t, { gpu: { models: ['sim-b'] } });
  t.is(holding?.devices.length, 1);
  t.true(BIG.includes(holding?.devices[0] ?? -1));
});

test.serial('memory is asked for: the device has it', async t => {
  const holdings = await placed(t, { gpu: { memoryBytes: 40 * GIB }, replicas: 6 });
  t.true(holdings.every(({ devices }) => devices.length === 1 && BIG.includes(devices[0] ?? -1)));
  t.is(distinct(holdings), 6, 'nobody shares');
});

test.serial('a replica without a request has no device', async t => {
  const [holding] = await placed(t, {});
  t.deepEqual(holding?.devices, []);
});

test.serial('several devices of one replica are of one node', async t => {
  const holdings = await placed(t, { gpu: { count: 2, models: ['SIM-B'] }, replicas: 3 });
  t.true(holdings.every(({ devices }) => devices.length === 2 && devices.every(d => BIG.includes(d))));
  t.is(distinct(holdings), 6);
});

test.serial('all devices of a node are asked for', async t => {
  const holdings = await placed(t, { gpu: { count: -1 }, replicas: 2 });
  t.deepEqual(
    holdings.map(({ devices }) => sorted(devices)),
    [
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ],
  );
  t.is(new Set(holdings.map(h => h.node)).size, 2);
});

test.serial('devices are asked for by index, by CDI name and by UUID', async t => {
  const [byIndex] = await placed(t, { gpu: { count: 2, deviceIds: ['1', '2'] } });
  t.deepEqual(sorted(byIndex?.devices ?? []), [1, 2]);
  const [byName] = await placed(t, { gpu: { deviceIds: ['nvidia.com/gpu=0'] } });
  t.deepEqual(byName?.devices, [0]);
  const [byUuid] = await placed(t, { gpu: { deviceIds: [cluster.engine('b').gpus.all[3]?.uuid ?? ''] } });
  t.deepEqual([byUuid?.node, byUuid?.devices], ['b', [3]]);
});

test.serial('every device of three nodes has one holder, and who comes later waits until one is free', async t => {
  const all = await placed(t, { gpu: {}, replicas: 10 });
  t.is(distinct(all), 10);
  const namespace = `placement-${namespaces - 1}`;
  const later = gpuService({ namespace, name: 'later', replicas: 3, gpu: {} });
  await cluster.controlPlane.apply(later);
  const waiting = await cluster.serviceIs(
    { namespace, name: 'later' },
    'has two replicas ready, and the third waits',
    s => s.readyReplicas === 2 && s.replicas.some(r => r.phase === 'pending'),
  );
  t.regex(waiting.replicas.find(r => r.phase === 'pending')?.message ?? '', /device|GPU/i);
  const live = await cluster.holdings.live();
  t.is(live.length, 12);
  t.is(distinct(live), 12);

  await cluster.controlPlane.request('POST', `/v1/services/${namespace}/model/scale`, { replicas: 9 });
  await cluster.serviceIs({ namespace, name: 'later' }, 'is ready', s => s.readyReplicas === 3);
  await checkedInside(t, namespace);
  t.is(distinct(await cluster.holdings.live()), 12);
});

test.serial('declared memory shares devices, and never more of it than there is', async t => {
  // Two of them on each of the six small devices.
  const gpu = { models: ['SIM-A'], memoryBytes: 10 * GIB, exclusive: false };
  await placed(t, { gpu, replicas: 10 });
  const namespace = `placement-${namespaces - 1}`;
  await cluster.controlPlane.apply(gpuService({ namespace, name: 'more', replicas: 3, gpu }));
  await cluster.serviceIs(
    { namespace, name: 'more' },
    'has two replicas ready, and the third waits',
    s => s.readyReplicas === 2 && s.replicas.some(r => r.phase === 'pending'),
  );
  const live = await cluster.holdings.live();
  t.is(live.length, 12);
  t.is(distinct(live), 6);
  const holders = Map.groupBy(live, h => `${h.node} ${h.devices[0]}`);
  t.true([...holders.values()].every(of => of.length === 2));
  t.true(live.every(({ devices }) => devices.length === 1 && SMALL.includes(devices[0] ?? -1)));
});

test.serial('a device that somebody shares is nobody’s alone', async t => {
  const shared = { count: 1, memoryBytes: GIB, exclusive: false };
  await placed(t, { gpu: { ...shared, deviceIds: [cluster.engine('c').gpus.all[1]?.uuid ?? ''] } });
  const others = await placed(t, { gpu: { count: 3 }, replicas: 3 });
  t.true(others.every(h => h.devices.length === 3));
  t.false(others.some(h => h.node === 'c' && h.devices.includes(1)));
});

test.serial('constraints choose among nodes by their labels and names', async t => {
  const constrained = (...constraints: string[]) => placed(t, { gpu: {}, replicas: 2 }, { placement: { constraints } });
  const nodesOf = (holdings: readonly Holding[]) => [...new Set(holdings.map(h => h.node))].sort();
  t.deepEqual(nodesOf(await constrained('node.labels.zone == east')), ['a']);
  t.false(nodesOf(await constrained('node.labels.zone != east')).includes('a'));
  t.deepEqual(nodesOf(await constrained('node.labels.zone == west', 'node.hostname != b')), ['c']);
});

test.serial('replicas are spread over the zones before anything else, and over nodes otherwise', async t => {
  const zoneOf = (h: Holding) => (h.node === 'a' ? 'east' : 'west');
  const byZone = await placed(t, { gpu: {}, replicas: 4 }, { placement: { spread: ['node.labels.zone'] } });
  t.is(byZone.filter(h => zoneOf(h) === 'east').length, 2);
  const byNode = await placed(t, { replicas: 3 });
  t.deepEqual(byNode.map(h => h.node).sort(), ['a', 'b', 'c']);
  const atMostOne = gpuService({ namespace: 'few', replicas: 4 }, { placement: { maxPerNode: 1 } });
  t.teardown(() => cluster.controlPlane.remove('few'));
  await cluster.controlPlane.apply(atMostOne);
  await cluster.serviceIs({ namespace: 'few', name: 'model' }, 'has three of four', s => {
    return s.readyReplicas === 3 && s.replicas.some(r => r.phase === 'pending');
  });
});

function indexOf(id: string): number {
  return Number(id.slice(id.indexOf('=') + 1));
}

function sorted(indexes: readonly number[]): number[] {
  return [...indexes].sort((a, b) => a - b);
}

/** How many devices they hold together. */
function distinct(holdings: readonly Holding[]): number {
  return new Set(holdings.flatMap(h => h.devices.map(index => `${h.node} ${index}`))).size;
}
