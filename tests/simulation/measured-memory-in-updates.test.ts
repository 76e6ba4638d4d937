import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, fewestServing, GIB, serving, sharing, smallCluster, timeUntil, up } from './small-cluster.ts';

const GPU = 'nvidia.com/gpu=0';
const MINUTE_MS = 60_000;

/** Each node has one GPU of 80 GiB, of which others use so much. */
async function inUse(othersGib: number, ...nodes: string[]): Promise<SimulatedWorld> {
  const world = await smallCluster(Object.fromEntries(nodes.map(n => [n, 1])));
  for (const node of nodes) world.node(node).machine.occupy(GPU, othersGib * GIB);
  await world.advance(MINUTE_MS);
  return world;
}

const isUpdated = (world: SimulatedWorld) =>
  world.stored.replicas().every(r => r.generation === 2 && r.phase.kind === 'ready');

for (const [othersGib, declaredGib] of [
  [1, 40],
  [50, 20],
] as const) {
  test(`an update on a shared device without memory for two ends (${othersGib} GiB of others, ${declaredGib} declared)`, async t => {
    const world = await inUse(othersGib, 'a');
    const given = { ...sharing(declaredGib), replicas: exactly(1) };
    await up(world, 's', given);
    t.is(serving(world, 's'), 1);
    await up(world, 's', { ...given, image: 'image:2' }, 0);
    t.not(await timeUntil(world, () => isUpdated(world), 5 * MINUTE_MS), null);
    world.safety.check();
    await world.end();
  });
}

test('a rolling restart on shared devices without memory for more ends, one after the other', async t => {
  const world = await inUse(50, 'a', 'b');
  await up(world, 's', { ...sharing(20), replicas: exactly(2) });
  const before = new Set(world.stored.replicas().map(r => r.id));
  await world.ask(c => c.restart({ namespace: NAMESPACE, name: 's' }, {}));
  t.is(await fewestServing(world, 's', 5 * MINUTE_MS), 1);
  t.deepEqual(
    world.stored.replicas().map(r => [before.has(r.id), r.phase.kind]),
    [
      [false, 'ready'],
      [false, 'ready'],
    ],
  );
  world.safety.check();
  await world.end();
});

test('who serves stays where others use so much that not even its going is enough', async t => {
  const world = await inUse(10, 'a');
  await up(world, 's', { ...sharing(20), replicas: exactly(1) });
  await up(world, 's', { ...sharing(60), replicas: exactly(1), image: 'image:2' }, 0);
  world.node('a').machine.occupy(GPU, 40 * GIB);
  t.is(await fewestServing(world, 's', 10 * MINUTE_MS), 1);
  world.node('a').machine.occupy(GPU, 5 * GIB);
  t.not(await timeUntil(world, () => isUpdated(world), 5 * MINUTE_MS), null);
  world.safety.check();
  await world.end();
});

test('while one is missing nobody leaves for memory that another one waits for', async t => {
  const world = await inUse(30, 'a', 'b');
  await up(world, 's', { ...sharing(30), replicas: exactly(2), update: { maxSurge: 2 } });
  t.is(serving(world, 's'), 2);
  await up(world, 's', { ...sharing(30), replicas: exactly(2), update: { maxSurge: 2 }, image: 'image:2' }, 0);
  t.is(await fewestServing(world, 's', 5 * MINUTE_MS), 1);
  t.true(isUpdated(world));
  world.safety.check();
  await world.end();
});

test('for memory that others use for half a minute only, nobody leaves', async t => {
  const world = await inUse(1, 'a');
  await up(world, 's', { ...sharing(30), replicas: exactly(1) });
  world.node('a').machine.occupy(GPU, 40 * GIB);
  await up(world, 's', { ...sharing(30), replicas: exactly(1), image: 'image:2' }, 0);
  const fewest = await fewestServing(world, 's', 30_000);
  t.false(isUpdated(world));
  world.node('a').machine.occupy(GPU, GIB);
  t.is(Math.min(fewest, await fewestServing(world, 's', 5 * MINUTE_MS)), 1);
  t.true(isUpdated(world));
  world.safety.check();
  await world.end();
});

/** The only replica is on one node; the other one has by declaration room for its successor, and others use that. */
async function movedToMemory(slowMs: number): Promise<{ world: SimulatedWorld; home: string }> {
  const world = await inUse(1, 'a', 'b');
  await up(world, 's', { ...sharing(50), replicas: exactly(1) });
  const home = world.running()[0]!.request.placement.node;
  const other = home === 'a' ? 'b' : 'a';
  world.node(other).machine.occupy(GPU, 40 * GIB);
  world.node(other).machine.images.set('slow:2', 'sha-slow:2');
  world.node(home).machine.remoteImages.set('slow:2', { id: 'sha-slow:2', bytes: GIB, durationMs: slowMs });
  return { world, home };
}

test('one whose memory is needed elsewhere stays until the image is there where it is', async t => {
  const { world, home } = await movedToMemory(10 * MINUTE_MS);
  await up(world, 's', { ...sharing(50), replicas: exactly(1), image: 'slow:2' }, 0);
  t.is(await fewestServing(world, 's', 10 * MINUTE_MS), 1);
  const leaves = await timeUntil(world, () => serving(world, 's') === 0, 5 * MINUTE_MS);
  t.not(leaves, null);
  const down = await timeUntil(world, () => serving(world, 's') === 1, 5 * MINUTE_MS);
  t.true(down !== null && down <= MINUTE_MS, `down for ${down} ms`);
  t.true(isUpdated(world));
  t.is(world.running()[0]!.request.placement.node, home);
  world.safety.check();
  await world.end();
});

test('nobody leaves for memory on a node that is refused the image, nor elsewhere for who waits for that room', async t => {
  const { world, home } = await movedToMemory(0);
  world.node(home).machine.remoteImages.delete('slow:2');
  await up(world, 's', { ...sharing(50), replicas: exactly(1), image: 'slow:2' }, 0);
  t.is(await fewestServing(world, 's', 10 * MINUTE_MS), 1);
  await up(world, 'waits', { ...sharing(60), replicas: exactly(1), priority: 1 }, 0);
  world.node(home).machine.images.set('slow:2', 'sha-slow:2');
  t.is(await fewestServing(world, 's', 10 * MINUTE_MS), 1);
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['waits'], volumes: false }));
  t.not(await timeUntil(world, () => isUpdated(world), 5 * MINUTE_MS), null);
  world.safety.check();
  await world.end();
});
