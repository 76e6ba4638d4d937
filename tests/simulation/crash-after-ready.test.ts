import test from 'ava';
import { isAvailable } from '../../control-plane/core/replica.ts';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, serving, smallCluster, up } from './small-cluster.ts';

/** It can be had, is ready and crashes. */
const BAD = 'image:2';
const KEY = `${NAMESPACE}/s` as const;
/** Longer than its probes take, and shorter than `update.monitor`. */
const LASTS_MS = 1_500;

/** Time passes, in which whatever of the bad image is ready ends a moment later, each time. Returns the fewest that served. */
async function watch(world: SimulatedWorld, forMs: number): Promise<number> {
  let fewest = serving(world, 's');
  for (let passedMs = 0; passedMs < forMs; passedMs += 100) {
    await world.advance(100);
    fewest = Math.min(fewest, serving(world, 's'));
    for (const { phase } of world.stored.replicasOf(KEY)) {
      if (phase.kind !== 'ready' || world.clock.now() - phase.since < LASTS_MS) continue;
      const container = world.running().find(c => c.id === phase.container.id);
      if (container?.request.spec.image === BAD) world.machine.exit(container.id, { code: 3 });
    }
  }
  return fewest;
}

const rolloutOf = (world: SimulatedWorld) => world.stored.service(KEY)!.rollout;
const restart = { startAttempts: 1 };

for (const order of ['start-first', 'stop-first'] as const) {
  test(`a version that is ready and crashes, each time, takes no more than one place (${order}), and is rolled back`, async t => {
    const world = await smallCluster({ a: 0 });
    await up(world, 's', { replicas: exactly(3), update: { order }, restart });
    await up(world, 's', { image: BAD, replicas: exactly(3), update: { order }, restart }, 0);
    const fewest = await watch(world, 60_000);
    t.is(fewest, order === 'start-first' ? 3 : 2);
    t.like(rolloutOf(world), { kind: 'rolled_back', failed: 2, to: 1 });
    t.is(serving(world, 's'), 3);
    world.safety.check();
    await world.end();
  });
}

for (const onFailure of ['rollback', 'pause'] as const) {
  test(`it is nothing to go back to, nor to keep up, where the next version fails too (${onFailure})`, async t => {
    const world = await smallCluster({ a: 0 });
    await up(world, 's', { replicas: exactly(1), restart });
    await up(world, 's', { image: BAD, replicas: exactly(1), update: { onFailure }, restart }, 0);
    await watch(world, 4_000);
    await up(world, 's', { image: 'missing:1', replicas: exactly(1), update: { onFailure }, restart }, 0);
    t.is(await watch(world, 60_000), 1);
    if (onFailure === 'rollback') t.like(rolloutOf(world), { kind: 'rolled_back', failed: 3, to: 1 });
    else t.like(rolloutOf(world), { kind: 'paused', previous: 1 });
    const callable = world.stored.replicasOf(KEY).filter(isAvailable);
    t.deepEqual(
      callable.map(r => r.generation),
      [1],
    );
    world.safety.check();
    await world.end();
  });
}

test('a restart of ours amid the trial does not end it', async t => {
  const world = await smallCluster({ a: 0 });
  await up(world, 's', { replicas: exactly(1), restart });
  await up(world, 's', { image: 'image:2', replicas: exactly(1), restart }, 3_000);
  t.is(serving(world, 's'), 2);
  await world.crash();
  await world.begin();
  await world.advance(500);
  t.is(serving(world, 's'), 2);
  await world.advance(10_000);
  t.is(serving(world, 's'), 1);
  t.is(rolloutOf(world).kind, 'settled');
  await world.end();
});
