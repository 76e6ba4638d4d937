import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, running, serving, smallCluster, timeUntil, up } from './small-cluster.ts';

const ONE_GPU = { resources: { gpu: { count: 1 } } };
const FOUR = { ...ONE_GPU, replicas: exactly(4) };

/** Four replicas, two on each node; on a one GPU is free, on b none. */
async function inUse(): Promise<SimulatedWorld> {
  const world = await smallCluster({ a: 3, b: 2 });
  await up(world, 's', FOUR);
  return world;
}

const runningOn = (world: SimulatedWorld, node: string, ids: readonly string[]) =>
  running(world, 's').filter(id => ids.includes(id) && world.node(node).machine.containers.has(id)).length;

for (const what of ['update', 'restart'] as const)
  test(`${what === 'update' ? 'an update' : 'a restart'} stops nobody on one node because another one, which had room, is silent for a moment`, async t => {
    const world = await inUse();
    const old = running(world, 's');
    world.suffer('a', 'cut_down');
    await world.advance(8_000);
    if (what === 'update') await up(world, 's', { ...FOUR, image: 'image:2' }, 0);
    else await world.ask(c => c.restart({ namespace: NAMESPACE, name: 's' }, {}));
    for (let passedMs = 8_000; passedMs < 85_000; passedMs += 500) {
      await world.advance(500);
      t.is(runningOn(world, 'b', old), 2, `after ${passedMs} ms`);
    }
    world.suffer('a', 'fine');
    const isOver = () => serving(world, 's') === 4 && running(world, 's').every(id => !old.includes(id));
    t.not(await timeUntil(world, isOver, 120_000), null);
    await world.end();
  });

test('an update goes on without a node that stays silent', async t => {
  const world = await inUse();
  const old = running(world, 's');
  world.suffer('a', 'cut_down');
  await up(world, 's', { ...FOUR, image: 'image:2' }, 60_000);
  t.is(runningOn(world, 'b', old), 2);
  t.not(await timeUntil(world, () => runningOn(world, 'b', old) === 0, 180_000), null);
  t.is(serving(world, 's'), 2);
  await world.end();
});

test('an update does not wait for what is only cleared away on a node that stays silent', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  const onB = { ...ONE_GPU, replicas: exactly(1), placement: { constraints: ['node.labels.zone == b'] } };
  await up(world, 's', onB);
  const [old] = running(world, 's');
  await up(world, 's', { ...ONE_GPU, replicas: exactly(1), image: 'missing:1', restart: { startAttempts: 1 } }, 0);
  const isClearedAway = () => world.stored.replicas().some(r => r.phase.kind === 'stopping');
  for (let passedMs = 0; passedMs < 1_000 && !isClearedAway(); passedMs += 1) await world.advance(1);
  t.true(isClearedAway());
  world.suffer('a', 'cut_hung');
  await up(world, 's', { ...onB, image: 'image:2' }, 5_000);
  t.deepEqual(running(world, 's'), [old]);
  const isUpdated = () => serving(world, 's') === 1 && !running(world, 's').includes(old!);
  t.not(await timeUntil(world, isUpdated, 60_000), null);
  world.safety.check();
  await world.end();
});

test('an update on full GPUs does not wait for a silent node where it would find no room either', async t => {
  const world = await smallCluster({ a: 2, b: 2 });
  await up(world, 'other', { ...ONE_GPU, replicas: exactly(2), placement: { constraints: ['node.labels.zone == b'] } });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2) });
  const old = running(world, 's');
  world.suffer('b', 'cut_down');
  await world.advance(8_000);
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), image: 'image:2' }, 30_000);
  t.is(serving(world, 's'), 2);
  t.true(running(world, 's').every(id => !old.includes(id)));
  await world.end();
});

test('of those that wait for two on a node that is back, one has a place once one of the two has ended', async t => {
  const world = await smallCluster({ a: 4, b: 0 });
  const slow = {
    ...ONE_GPU,
    replicas: exactly(2),
    update: { order: 'stop-first' as const, maxUnavailable: 2 },
    command: ['slow-stop', '3600000'],
    stopGraceMs: 3_600_000,
  };
  await up(world, 's', slow);
  const old = running(world, 's');
  await up(world, 's', { ...slow, image: 'image:2' }, 5_000);
  world.suffer('a', 'cut_down');
  await world.advance(5 * 60_000);
  world.suffer('a', 'fine');
  await world.advance(15_000);
  t.deepEqual(running(world, 's'), old);
  world.node('a').machine.exit(old[0]!, { code: 0 });
  await world.advance(15_000);
  world.safety.check();
  t.deepEqual([running(world, 's').length, serving(world, 's')], [2, 1]);
  await world.end();
});
