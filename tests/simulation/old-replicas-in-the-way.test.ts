import test from 'ava';
import type { SimulatedWorld } from './simulated-world.ts';
import { exactly, fewestServing, running, smallCluster, up } from './small-cluster.ts';

const ONE_GPU = { resources: { gpu: { count: 1 } } };

test('an update beside a drained node stops the old replica whose place can be taken, and not the one there', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2) });
  await world.ask(c => c.drainNode('a'));
  await world.advance(5_000);
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), image: 'image:2' }, 0);
  t.is(await fewestServing(world, 's', 60_000), 1);
  t.is(world.running().filter(c => c.request.spec.image === 'image:2').length, 1);
  await world.end();
});

for (const zone of ['a', 'b'])
  test(`an update that may run in zone ${zone} only stops the old replica there`, async t => {
    const world = await smallCluster({ a: 1, b: 1 });
    await up(world, 's', { ...ONE_GPU, replicas: exactly(2) });
    const placement = { constraints: [`node.labels.zone == ${zone}`] };
    await up(world, 's', { ...ONE_GPU, replicas: exactly(2), placement }, 0);
    t.is(await fewestServing(world, 's', 60_000), 1);
    t.is(running(world, 's').length, 2, 'the other one serves on');
    await world.end();
  });

test('with one replica a node, an update beside a drained node stops one at a time', async t => {
  const world = await smallCluster({ a: 0, b: 0, c: 0 });
  const spec = { placement: { maxPerNode: 1 }, replicas: exactly(3) };
  await up(world, 's', spec);
  await world.ask(c => c.drainNode('a'));
  await world.advance(5_000);
  await up(world, 's', { ...spec, image: 'image:2' }, 0);
  t.is(await fewestServing(world, 's', 60_000), 2);
  t.is(world.running().filter(c => c.request.spec.image === 'image:2').length, 2);
  await world.end();
});

test('where no single one makes room, as few old replicas leave as do', async t => {
  const world = await smallCluster({ a: 4 });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(4) });
  await up(world, 's', { resources: { gpu: { count: 2 } }, replicas: exactly(4), image: 'image:2' }, 0);
  t.is(await fewestServing(world, 's', 600), 2);
  await world.advance(60_000);
  t.deepEqual(imagesOf(world), ['image:2', 'image:2']);
  await world.end();
});

for (const update of [{ maxUnavailable: 1 }, { order: 'stop-first' as const, maxUnavailable: 1 }])
  test(`an update that may miss one (${update.order ?? 'start-first'}) stops the one whose place can be taken`, async t => {
    const world = await smallCluster({ a: 1, b: 1 });
    await up(world, 's', { ...ONE_GPU, replicas: exactly(2), update });
    await world.ask(c => c.drainNode('a'));
    await world.advance(5_000);
    await up(world, 's', { ...ONE_GPU, replicas: exactly(2), update, image: 'image:2' }, 0);
    t.is(await fewestServing(world, 's', 60_000), 1);
    t.true(imagesOf(world).includes('image:2'));
    await world.end();
  });

test('what an update has no room for anywhere costs no old replica', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), update: { maxUnavailable: 1 } });
  const tooMuch = { resources: { gpu: { count: 2 } }, update: { maxUnavailable: 1 } };
  await up(world, 's', { ...tooMuch, replicas: exactly(2), image: 'image:2' }, 0);
  t.is(await fewestServing(world, 's', 60_000), 2);
  await world.end();
});

const imagesOf = (world: SimulatedWorld) =>
  world
    .running()
    .map(c => c.request.spec.image)
    .sort();
