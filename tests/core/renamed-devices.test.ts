import test from 'ava';
import { currentId, isSameDevice } from '../../control-plane/core/node.ts';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import { placementOf, type Replica } from '../../control-plane/core/replica.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { describeNodes } from '../../control-plane/views/describe-nodes.ts';
import { ModelWorld, turnsIn } from './model-world.ts';
import { apply, aSpec } from './specs.ts';

const GIB = 2 ** 30;
const cdi = (n: number): ObservedDevice => ({
  id: `nvidia.com/gpu=${n}`,
  driver: 'cdi',
  index: `${n}`,
  uuid: `GPU-${n}`,
  memoryBytes: 80 * GIB,
});
const byUuid = (n: number): ObservedDevice => ({ ...cdi(n), id: `GPU-${n}`, driver: 'nvidia' });
const having = (...devices: ObservedDevice[]) => ({ cpus: 64, memoryBytes: 2 ** 40, devices });

const whole = (name: string) => aSpec({ name, image: `${name}:1`, resources: { gpu: {} } });
const share = (name: string, gib: number, given: Partial<ServiceSpecInput> = {}) =>
  aSpec({ name, image: `${name}:1`, resources: { gpu: { memoryBytes: gib * GIB, exclusive: false } }, ...given });

const of = (world: ModelWorld, name: string): Replica =>
  [...world.state.replicas.values()].find(r => r.service === `ns/${name}`)!;
const phase = (world: ModelWorld, name: string) => of(world, name).phase.kind;
const devicesOf = (world: ModelWorld, name: string) => placementOf(of(world, name))?.devices;

function list(world: ModelWorld, ...devices: ObservedDevice[]): void {
  world.setNode('a', having(...devices));
  world.list();
  world.settle();
}

for (const [from, to] of [
  [cdi, byUuid],
  [byUuid, cdi],
] as const) {
  test(`a device that was ${from(0).id} and is ${to(0).id} now is held by who held it`, t => {
    const world = new ModelWorld({ a: having(from(0)) });
    apply(world, whole('one'));
    world.settle();
    list(world, to(0));
    apply(world, whole('two'));
    world.settle();
    t.is(phase(world, 'two'), 'pending');
    t.is(world.running().length, 1);
    const [device] = describeNodes(world.state, world.observed(), world.policy)[0]!.devices;
    t.like(device, { id: to(0).id, state: 'held', holders: [{ service: 'one' }] });
    world.exit(world.running()[0]!.id);
    world.list();
    world.settle();
    world.advance(12_000);
    world.settle();
    t.deepEqual(devicesOf(world, 'one'), [to(0).id], 'its next container is given it as it is called now');
  });
}

test('what shares a device shares it under any of its ids', t => {
  const world = new ModelWorld({ a: having(cdi(0)) });
  apply(world, share('one', 50));
  world.settle();
  list(world, byUuid(0));
  apply(world, share('two', 50), share('three', 20));
  world.settle();
  t.is(phase(world, 'two'), 'pending');
  t.is(phase(world, 'three'), 'ready');
});

test('a start waits for its turn beside one that was placed by another id', t => {
  const world = new ModelWorld({ a: having(cdi(0)) });
  world.loading.add('one:1');
  apply(world, share('one', 20));
  world.settle();
  list(world, byUuid(0));
  apply(world, share('two', 20));
  world.settle();
  t.is(phase(world, 'two'), 'creating');
  t.true(turnsIn(world).waiting.has(of(world, 'two').id));
});

test('a device in quarantine stays there under another id, and leaves it once', t => {
  const world = new ModelWorld({ a: having(cdi(0)) });
  apply(world, aSpec({ name: 'one', resources: { gpu: {} }, restart: { startAttempts: null } }));
  world.settle();
  world.blind.add(world.running()[0]!.id);
  world.settle();
  list(world, byUuid(0));
  world.advance(60_000);
  world.settle();
  t.is(phase(world, 'one'), 'pending');
  world.advance(world.policy.quarantineMs);
  world.settle();
  t.is(phase(world, 'one'), 'ready');
  t.is(world.state.nodes.size, 0);
});

test('a holder of a device that is not listed at all takes from no other', t => {
  const world = new ModelWorld({ a: having(cdi(0)) });
  apply(world, whole('one'));
  world.settle();
  list(world, cdi(1));
  apply(world, whole('two'));
  world.settle();
  t.deepEqual(devicesOf(world, 'two'), ['nvidia.com/gpu=1']);
  t.is(phase(world, 'one'), 'ready');
});

test('an id is taken for its device by number and UUID, of slices too; what vanished is no other device', t => {
  const slice: ObservedDevice = { id: 'MIG-1', driver: 'nvidia', index: '0:1', uuid: 'MIG-1' };
  for (const [devices, id, expected] of [
    [[byUuid(0), byUuid(1)], 'nvidia.com/gpu=1', 'GPU-1'],
    [[cdi(0), cdi(1)], 'nvidia.com/gpu=GPU-1', 'nvidia.com/gpu=1'],
    [[byUuid(0), slice], 'nvidia.com/mig=0:1', 'MIG-1'],
    [[byUuid(0), slice], 'nvidia.com/gpu=mig0:1', 'MIG-1'],
    [[byUuid(0)], 'amd.com/gpu=0', 'amd.com/gpu=0'],
    [[byUuid(0)], 'GPU-5', 'GPU-5'],
  ] as const)
    t.is(currentId({ devices, vanished: [] }, id), expected, id);
  const renumbered = { ...cdi(1), index: '0' };
  t.is(currentId({ devices: [renumbered], vanished: [cdi(0)] }, 'nvidia.com/gpu=0'), 'nvidia.com/gpu=0');
  t.false(isSameDevice(cdi(0), renumbered));
  t.true(isSameDevice(cdi(0), byUuid(0)));
});

test('without UUIDs in the listing, what a replica holds by UUID may be any of the devices, and none is given', t => {
  const world = new ModelWorld({ a: having(cdi(0), cdi(1)) });
  apply(world, aSpec({ name: 'one', image: 'one:1', resources: { gpu: { deviceIds: ['1'] } } }));
  world.settle();
  // The first went away and the second took its number; then the driver fails, and nobody says which is which.
  const { uuid: _, memoryBytes: __, ...unread } = cdi(0);
  list(world, unread, { ...unread, id: 'nvidia.com/gpu=1', index: '1' });
  apply(world, whole('two'));
  world.settle();
  t.is(phase(world, 'one'), 'ready', 'who has it keeps it');
  t.is(phase(world, 'two'), 'pending');
  const [first] = describeNodes(world.state, world.observed(), world.policy)[0]!.devices;
  t.like(first, { id: 'nvidia.com/gpu=0', state: 'held', holders: [] });
  list(world, { ...cdi(1), id: 'nvidia.com/gpu=0', index: '0' }, { ...cdi(2), id: 'nvidia.com/gpu=1', index: '1' });
  world.settle();
  t.deepEqual(devicesOf(world, 'two'), ['nvidia.com/gpu=1'], 'once they can be told apart, the free one is given');
});
