import test from 'ava';
import fc from 'fast-check';
import { type GivenDevice, givenDevice } from '../../control-plane/core/node.ts';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import { occupancyOf } from '../../control-plane/core/placement/choose-devices.ts';
import { NodeLedger } from '../../control-plane/core/placement/cluster-node.ts';
import { placementOf, type Replica } from '../../control-plane/core/replica.ts';
import { describeNodes } from '../../control-plane/views/describe-nodes.ts';
import { ModelWorld } from './model-world.ts';
import { aNode } from './replicas.ts';
import { apply, aSpec } from './specs.ts';

const GIB = 2 ** 30;
const gpu = (n: number, of = n): ObservedDevice => ({
  id: `nvidia.com/gpu=${n}`,
  driver: 'cdi',
  index: `${n}`,
  uuid: `GPU-${of}`,
  memoryBytes: 80 * GIB,
});
const slice = (n: number): ObservedDevice => ({
  id: `nvidia.com/mig=0:${n}`,
  driver: 'cdi',
  index: `0:${n}`,
  uuid: `MIG-${n}`,
  memoryBytes: 40 * GIB,
  slice: { of: 'nvidia.com/gpu=0', profile: '3g.40gb' },
});
const byUuid = (device: ObservedDevice): ObservedDevice => ({ ...device, id: device.uuid!, driver: 'nvidia' });
const having = (...devices: ObservedDevice[]) => ({ cpus: 64, memoryBytes: 2 ** 40, devices });
const whole = (name: string) =>
  aSpec({ name, image: `${name}:1`, resources: { gpu: {} }, restart: { startAttempts: null } });

const of = (world: ModelWorld, name: string): Replica =>
  [...world.state.replicas.values()].find(r => r.service === `ns/${name}`)!;
const phase = (world: ModelWorld, name: string) => of(world, name).phase.kind;
const devicesOf = (world: ModelWorld, name: string) => placementOf(of(world, name))?.devices;
const replicaIdOf = (world: ModelWorld, name: string) => of(world, name).id;

function start(world: ModelWorld, ...names: string[]): void {
  for (const name of names) {
    apply(world, whole(name));
    world.settle();
  }
}

function list(world: ModelWorld, ...devices: ObservedDevice[]): void {
  world.setNode('a', having(...devices));
  world.list();
  world.settle();
}

function end(world: ModelWorld, name: string): void {
  const replica = of(world, name);
  world.state = world.state.with([
    { kind: 'put_service', service: { ...world.state.services.get(replica.service)!, replicas: 0 } },
  ]);
  world.settle();
}

test('a device that the driver numbers anew is held by who was given it, and its number is another one now', t => {
  const world = new ModelWorld({ a: having(gpu(0), gpu(1)) });
  start(world, 'one', 'two');
  // The first GPU is gone; the second has its number. Nothing remembers the listing before, as after a restart.
  list(world, gpu(0, 1));
  end(world, 'one');
  start(world, 'three');
  t.is(phase(world, 'two'), 'ready');
  t.is(phase(world, 'three'), 'pending');
  t.like(describeNodes(world.state, world.observed(), world.policy)[0]!.devices[0], {
    uuid: 'GPU-1',
    state: 'held',
    holders: [{ service: 'two' }],
  });
  end(world, 'two');
  t.deepEqual(devicesOf(world, 'three'), ['nvidia.com/gpu=0']);
});

test('what is to be begun on a number that another device has now is placed anew', t => {
  const world = new ModelWorld({ a: having(gpu(0), gpu(1)) });
  start(world, 'one', 'two');
  world.exit(world.running().find(c => c.replicaId === replicaIdOf(world, 'one'))!.id);
  list(world, gpu(0, 1));
  world.advance(60_000);
  world.settle();
  t.is(phase(world, 'one'), 'pending');
  t.is(phase(world, 'two'), 'ready');
  list(world, gpu(0, 1), gpu(2, 0));
  t.deepEqual(devicesOf(world, 'one'), ['nvidia.com/gpu=2']);
});

for (const [what, before, after] of [
  ['a GPU that is parted into slices', [gpu(0)], [slice(0), slice(1)]],
  ['a GPU that is parted into slices, by UUIDs', [byUuid(gpu(0))], [slice(0), slice(1)].map(byUuid)],
  ['a slice that is listed as a whole GPU again', [slice(0), slice(1)], [gpu(0)]],
  ['a slice that is listed as a whole GPU again, by its UUID', [slice(0), slice(1)], [byUuid(gpu(0))]],
] as const)
  test(`${what} while it is held is given to nobody in any form`, t => {
    const world = new ModelWorld({ a: having(...before) });
    start(world, 'one');
    list(world, ...after);
    start(world, 'two');
    t.is(phase(world, 'two'), 'pending');
    t.is(phase(world, 'one'), 'ready');
    end(world, 'one');
    t.is(phase(world, 'two'), 'ready');
  });

test('slices of another GPU than the one that is held are given', t => {
  const world = new ModelWorld({ a: having(gpu(1)) });
  start(world, 'one');
  list(world, slice(0));
  start(world, 'two');
  t.is(phase(world, 'two'), 'ready');
});

test('where nothing tells which device somebody holds, it may be any that is listed', t => {
  const stated = (id: string): ObservedDevice => ({ id: `nvidia.com/gpu=${id}`, driver: 'cdi' });
  const world = new ModelWorld({ a: having(stated('0')) });
  start(world, 'one');
  list(world, stated('GPU-a'), { id: 'amd.com/gpu=0', driver: 'cdi' });
  const nvidia = aSpec({ name: 'two', image: 'two:1', resources: { gpu: { driver: 'nvidia' } } });
  apply(world, nvidia);
  world.settle();
  t.is(phase(world, 'two'), 'pending');
  t.like(describeNodes(world.state, world.observed(), world.policy)[0]!.devices[0], {
    state: 'held',
    message:
      'ns/one holds what was nvidia.com/gpu=0 when it was given, and the node does not tell which device that is now: it may be this one',
  });
  apply(world, aSpec({ name: 'three', image: 'three:1', resources: { gpu: { kind: 'amd.com/gpu' } } }));
  world.settle();
  t.is(phase(world, 'three'), 'ready', 'of another vendor it is none');
  end(world, 'one');
  t.is(phase(world, 'two'), 'ready');
});

test('what was placed before its UUID was known is known by it afterwards', t => {
  const { uuid: _, ...unread } = gpu(0);
  const world = new ModelWorld({ a: having(unread) });
  start(world, 'one');
  list(world, gpu(0));
  list(world, gpu(0, 1), gpu(1, 2));
  start(world, 'two', 'three');
  t.deepEqual([phase(world, 'two'), phase(world, 'three')], ['ready', 'ready'], 'the held one is none of these');
  list(world, gpu(0, 1), gpu(1, 2), gpu(7, 0));
  start(world, 'four');
  t.is(phase(world, 'four'), 'pending');
});

for (const [before, now] of [
  [slice(0), byUuid(slice(0))],
  [byUuid(slice(0)), slice(0)],
  [{ ...slice(0), id: 'nvidia.com/mig=mig0:0' }, slice(0)],
  [{ id: 'nvidia.com/gpu=gpu0', driver: 'cdi' }, gpu(0)],
  [
    { id: 'nvidia.com/gpu=0', driver: 'cdi' },
    { id: 'nvidia.com/gpu=gpu0', driver: 'cdi' },
  ],
] as const)
  test(`quarantined as ${before.id} and listed as ${now.id}, it is given to nobody, and the loop rests`, t => {
    const world = new ModelWorld({ a: having(before) });
    start(world, 'one');
    world.blind.add(world.running()[0]!.id);
    world.settle();
    world.advance(60_000);
    world.settle();
    t.is(phase(world, 'one'), 'pending');
    list(world, now);
    t.is(phase(world, 'one'), 'pending');
    t.is(describeNodes(world.state, world.observed(), world.policy)[0]!.devices[0]!.state, 'quarantined');
    world.advance(world.policy.quarantineMs);
    world.settle();
    t.is(phase(world, 'one'), 'ready');
  });

test('a container is never created on a device that somebody else holds, however it came to that place', t => {
  const world = new ModelWorld({ a: having(gpu(0), gpu(1)) });
  start(world, 'one', 'two');
  world.exit(world.running().find(c => c.replicaId === replicaIdOf(world, 'two'))!.id);
  world.list();
  world.settle();
  const two = of(world, 'two');
  t.is(two.phase.kind, 'backoff');
  if (two.phase.kind !== 'backoff') return;
  const { placement } = of(world, 'one').phase as { placement: NonNullable<ReturnType<typeof placementOf>> };
  world.commit([{ kind: 'put_replica', replica: { ...two, phase: { ...two.phase, placement } } }]);
  world.advance(60_000);
  world.settle();
  t.deepEqual(devicesOf(world, 'one'), ['nvidia.com/gpu=0']);
  t.deepEqual(devicesOf(world, 'two'), ['nvidia.com/gpu=1'], 'there is another one');
  t.is(phase(world, 'two'), 'ready');
});

test('a container that was given up and is started by hand is ended, and its node gives nothing before', t => {
  const world = new ModelWorld({ a: having(gpu(0), gpu(1)) });
  world.crashing.add('one:1');
  apply(world, aSpec({ ...whole('one'), restart: { startAttempts: 1 } }));
  world.settle();
  t.is(phase(world, 'one'), 'failed');
  const [left] = [...world.containers.values()];
  world.containers.set(left!.id, { ...left!, state: 'running' });
  world.list();
  apply(world, whole('two'));
  const plan = world.step();
  t.true(plan.actions.some(a => a.kind === 'stop' && a.containerId === left!.id));
  t.is(phase(world, 'two'), 'pending');
  world.settle();
  t.is(world.containers.get(left!.id)?.state, 'exited', 'it stays for its logs');
  t.is(phase(world, 'two'), 'ready');
});

const UUID = /^(GPU|MIG)-/;
const word = fc.constantFrom('0', '1', 'gpu0', 'gpu1', '0:0', 'mig0:0', 'GPU-a', 'GPU-b', 'MIG-a');
const device: fc.Arbitrary<ObservedDevice> = fc
  .record({
    kind: fc.constantFrom('nvidia.com/gpu=', 'nvidia.com/mig=', 'amd.com/gpu=', ''),
    word,
    uuid: fc.option(fc.constantFrom('GPU-a', 'GPU-b', 'MIG-a'), { nil: undefined }),
    index: fc.option(fc.constantFrom('0', '1', '0:0'), { nil: undefined }),
    of: fc.option(fc.constantFrom('GPU-a', 'nvidia.com/gpu=0'), { nil: undefined }),
  })
  .map(d => ({
    id: `${d.kind}${d.word}`,
    driver: 'cdi',
    // An id that is a UUID is its own.
    ...(d.uuid && { uuid: UUID.test(d.word) ? d.word : d.uuid }),
    ...(d.index && { index: d.index }),
    ...(d.of && { slice: { of: d.of, profile: '1g' } }),
  }));
const devices = fc.uniqueArray(device, { selector: d => d.id, maxLength: 4 });

test('whatever a node lists, what is given of it is that, and is given once', t => {
  fc.assert(
    fc.property(devices, devices, (listed, vanished) => {
      const node = aNode({ devices: listed, vanished });
      const spec = aSpec({ resources: { gpu: {} } });
      for (const one of listed) {
        const ledger = new NodeLedger(node, undefined, 0);
        const given = givenDevice(one);
        if (ledger.ledgerOf(given)?.device !== one) return false;
        const placement = { node: node.name, devices: [one.id], given: [given] };
        ledger.hold({ replicaId: 'r', service: 'ns/svc', spec, placement });
        if (occupancyOf(ledger.ledgerOf(given)!, null) === null) return false;
      }
      return true;
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});

test('whatever a node lists later, the device of one that has a UUID is given to nobody else', t => {
  fc.assert(
    fc.property(devices, devices, (before, listed) => {
      const uuids = listed.map(d => d.uuid ?? /(GPU|MIG)-.*/.exec(d.id)?.[0]);
      const after = listed.filter((_, i) => uuids[i] === undefined || uuids.indexOf(uuids[i]) === i);
      const spec = aSpec({ resources: { gpu: {} } });
      for (const one of before.filter(d => d.uuid !== undefined)) {
        const node = aNode({ devices: after, vanished: [] });
        const ledger = new NodeLedger(node, undefined, 0);
        const given: GivenDevice = givenDevice(one);
        ledger.hold({
          replicaId: 'r',
          service: 'ns/svc',
          spec,
          placement: { node: 'local', devices: [one.id], given: [given] },
        });
        const free = ledger.devices.filter(l => occupancyOf(l, null) === null);
        if (free.some(l => l.device.uuid === one.uuid && l.device.id.split('/')[0] === one.id.split('/')[0]))
          return false;
      }
      return true;
    }),
    { numRuns: 1_000 },
  );
  t.pass();
});
