import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, fewestServing, running, serving, sharing, smallCluster, up } from './small-cluster.ts';

const ONE_GPU = { resources: { gpu: { count: 1 } } };
const TWO_GPUS = { resources: { gpu: { count: 2 } } };
const NEXT = { image: 'image:2' };

function imagesOf(world: SimulatedWorld, name = 's'): string[] {
  const own = new Set(running(world, name));
  return world
    .running()
    .filter(c => own.has(c.id))
    .map(c => c.request.spec.image)
    .sort();
}

/** What a person is told of the replica that waits. */
function whyWaiting(world: SimulatedWorld, name = 's') {
  const { replicas } = world.controlPlane.why({ namespace: NAMESPACE, name });
  return replicas.filter(r => r.phase === 'pending');
}

const WITHOUT_SURGE = {
  'stop-first': { order: 'stop-first' as const },
  'stop-first, two may be missing': { order: 'stop-first' as const, maxUnavailable: 2 },
  'max_surge 0': { maxSurge: 0, maxUnavailable: 1 },
  'max_surge 0, two may be missing': { maxSurge: 0, maxUnavailable: 2 },
};

for (const [words, update] of Object.entries(WITHOUT_SURGE)) {
  test(`an update (${words}) that fits nowhere costs no old replica, and says what it waits for`, async t => {
    const world = await smallCluster({ a: 1, b: 1 });
    await up(world, 's', { ...ONE_GPU, replicas: exactly(2), update });
    await up(world, 's', { ...TWO_GPUS, ...NEXT, replicas: exactly(2), update }, 0);
    t.is(await fewestServing(world, 's', 60_000), 2);
    const [waiting, ...others] = whyWaiting(world);
    t.deepEqual(others, []);
    t.true(
      waiting?.groups.some(g => g.constraint === 'gpu_count'),
      JSON.stringify(waiting?.groups),
    );
    t.regex(waiting?.summary.join('; ') ?? '', /waits for others of sim\/s to leave; 2 nodes \(a, b\): .*2 GPUs/);
    await world.end();
  });

  test(`an update (${words}) that waited for room goes on once there is some`, async t => {
    const world = await smallCluster({ a: 1, b: 2 });
    await up(world, 'other', {
      ...ONE_GPU,
      replicas: exactly(1),
      placement: { constraints: ['node.labels.zone == b'] },
    });
    await up(world, 's', { ...ONE_GPU, replicas: exactly(1), update });
    await up(world, 's', { ...TWO_GPUS, ...NEXT, replicas: exactly(1), update }, 0);
    t.is(await fewestServing(world, 's', 30_000), 1);
    await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['other'], volumes: false }));
    await world.advance(60_000);
    t.deepEqual(imagesOf(world), ['image:2']);
    t.is(world.stored.service(`${NAMESPACE}/s`)?.rollout.kind, 'settled');
    await world.end();
  });
}

test('where two may be missing and only one finds room, one old replica goes', async t => {
  const world = await smallCluster({ a: 2, b: 1 });
  const update = { order: 'stop-first' as const, maxUnavailable: 2 };
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), update, placement: { maxPerNode: 1 } });
  await up(world, 's', { ...TWO_GPUS, ...NEXT, replicas: exactly(2), update }, 0);
  t.is(await fewestServing(world, 's', 60_000), 1);
  t.deepEqual(imagesOf(world), ['image:1', 'image:2']);
  await world.end();
});

test('an update without surge whose dependency is not ready costs no old replica until it is', async t => {
  const world = await smallCluster({ a: 0 });
  const update = { order: 'stop-first' as const };
  await up(world, 'needed', { image: 'missing:1', replicas: exactly(1) });
  await up(world, 's', { replicas: exactly(1), update });
  const dependsOn = [{ service: 'needed', condition: 'ready' as const }];
  await up(world, 's', { ...NEXT, dependsOn, replicas: exactly(1), update }, 0);
  t.is(await fewestServing(world, 's', 30_000), 1);
  t.is(whyWaiting(world)[0]?.groups[0]?.constraint, 'dependency');
  await up(world, 'needed', { replicas: exactly(1) });
  await world.advance(60_000);
  t.deepEqual(imagesOf(world), ['image:2']);
  await world.end();
});

test('a newcomer that waits for room is dropped once nobody asks for it any more', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  const update = { order: 'stop-first' as const };
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), update });
  await up(world, 's', { ...TWO_GPUS, ...NEXT, replicas: exactly(2), update });
  t.is(whyWaiting(world).length, 1);
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), update }, 0);
  t.true((await fewestServing(world, 's', 60_000)) >= 1);
  t.deepEqual(whyWaiting(world), []);
  t.is(serving(world, 's'), 2);
  await world.end();
});

test('of two updates without surge, no one counts on the room that the other one is leaving for its own', async t => {
  const world = await smallCluster({ a: 1 });
  const slow = { order: 'stop-first' as const };
  // 80 GiB: each has 30. The next of the first needs 50, which the rest and its own place have; that of the second 70.
  await up(world, 'first', { ...sharing(30), replicas: exactly(1), update: slow, drain: { timeoutMs: 20_000 } });
  await up(world, 'second', { ...sharing(30), replicas: exactly(1), update: slow, drain: { timeoutMs: 20_000 } });
  for (const { id } of world.running()) world.health.load.set(id, { inFlight: 1, since: world.clock.now() });
  await up(world, 'first', { ...sharing(50), ...NEXT, replicas: exactly(1), update: slow }, 5_000);
  await up(world, 'second', { ...sharing(70), ...NEXT, replicas: exactly(1), update: slow }, 0);
  t.is(await fewestServing(world, 'second', 120_000), 1);
  t.deepEqual(imagesOf(world, 'first'), ['image:2']);
  await world.end();
});
