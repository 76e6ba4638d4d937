import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, GIB, running, serving, sharing, smallCluster, up } from './small-cluster.ts';

const GPU = 'nvidia.com/gpu=0';
const LOW = { min: 0, max: 1, initial: 1 };
const ONE_GPU = { resources: { gpu: { count: 1 } } };
const ON_LOW = { dependsOn: [{ service: 'low', condition: 'ready' as const }] };

/** Of the first one that has no place. */
function whatWaits(world: SimulatedWorld) {
  const { replicas } = world.controlPlane.why({ namespace: NAMESPACE, name: 'high' });
  return replicas.find(r => r.waiting)!.groups[0]!;
}

function idleFromNow(world: SimulatedWorld): void {
  for (const { id } of world.running()) world.health.load.set(id, { inFlight: 0, since: world.clock.now() });
}

function whyHigh(world: SimulatedWorld) {
  const [replica] = world.controlPlane.why({ namespace: NAMESPACE, name: 'high' }).replicas;
  return replica!.groups[0]!;
}

test('nobody gives way for one that could not start, as others use the memory', async t => {
  const world = await smallCluster({ a: 1 });
  world.node('a').machine.occupy(GPU, 40 * GIB);
  await world.advance(60_000);
  await up(world, 'low', { ...sharing(30), replicas: LOW });
  idleFromNow(world);
  await world.advance(120_000);
  await up(world, 'high', { ...sharing(60), priority: 5, replicas: exactly(1) }, 600_000);
  t.is(running(world, 'low').length, 1);
  t.like(whyHigh(world), { constraint: 'held_by_lower', heldBy: ['sim/low'] });
  t.regex(whyHigh(world).message, /sim\/low, of lower priority, has its room, and stays: others use memory/);
  world.node('a').machine.occupy(GPU, 0);
  await world.advance(120_000);
  t.deepEqual([running(world, 'low').length, running(world, 'high').length], [0, 1]);
  await world.end();
});

test('who does not say how busy it is does not give way, and that is said with what to do', async t => {
  const world = await smallCluster({ a: 1 });
  await up(world, 'low', { ...sharing(60), replicas: LOW });
  await up(world, 'high', { ...sharing(60), priority: 5, replicas: exactly(1) }, 120_000);
  t.is(running(world, 'low').length, 1);
  t.like(whyHigh(world), { constraint: 'held_by_lower', heldBy: ['sim/low'] });
  t.regex(whyHigh(world).message, /sim\/low, of lower priority, has its room, and its load is unknown/);
  t.deepEqual(whyHigh(world).help.slice(1), ['outrigger scale -p sim low=0']);
  for (const { id } of world.running()) world.health.load.set(id, { inFlight: 2, since: world.clock.now() });
  await world.advance(10_000);
  t.regex(whyHigh(world).message, /sim\/low, of lower priority, has its room and is not idle/);
  await world.end();
});

/** Nobody calls anything. */
async function passIdle(world: SimulatedWorld, minutes: number): Promise<void> {
  for (let passed = 0; passed < minutes; passed += 1) {
    for (const { id } of world.running())
      if (!world.health.load.has(id)) world.health.load.set(id, { inFlight: 0, since: world.clock.now() });
    world.sidecar.changed();
    await world.advance(60_000);
  }
}

test('what one depends on does not give way for it, as it could not have the place then', async t => {
  const world = await smallCluster({ a: 2 });
  await up(world, 'low', { ...ONE_GPU, replicas: LOW });
  await up(world, 'high', { ...ONE_GPU, ...ON_LOW, priority: 5, replicas: { min: 1, max: 2, initial: 1 } });
  const before = running(world, 'low');
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 'high' }, 2));
  await passIdle(world, 30);
  t.deepEqual(running(world, 'low'), before);
  t.is(serving(world, 'high'), 1);
  t.like(whatWaits(world), { constraint: 'held_by_lower', heldBy: ['sim/low'] });
  t.regex(
    whatWaits(world).message,
    /^sim\/low, of lower priority, has its room, and stays: this service depends on it, and could not start without$/,
  );
  t.deepEqual(whatWaits(world).help, [
    'add a node with room for both',
    'take low out of depends_on, so that it may give way',
  ]);
  await world.end();
});

test('of several that one depends on, those give way that are not needed for it', async t => {
  const world = await smallCluster({ a: 3 });
  await up(world, 'low', { ...ONE_GPU, replicas: { min: 0, max: 2, initial: 2 } });
  await up(world, 'high', { ...ONE_GPU, ...ON_LOW, priority: 5, replicas: { min: 1, max: 3, initial: 1 } });
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 'high' }, 3));
  await passIdle(world, 30);
  t.deepEqual([serving(world, 'low'), serving(world, 'high')], [1, 2]);
  t.regex(whatWaits(world).message, /stays: this service depends on it/, 'the last one is needed');
  await world.end();
});

test('where what one depends on has its room, another one of lower priority gives way', async t => {
  const world = await smallCluster({ a: 3 });
  await up(world, 'low', { ...ONE_GPU, replicas: LOW });
  await up(world, 'other', { ...ONE_GPU, replicas: LOW });
  await up(world, 'high', { ...ONE_GPU, ...ON_LOW, priority: 5, replicas: { min: 1, max: 2, initial: 1 } });
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 'high' }, 2));
  await passIdle(world, 5);
  t.deepEqual(
    ['low', 'other', 'high'].map(n => serving(world, n)),
    [1, 0, 2],
  );
  await world.end();
});
