import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { running, smallCluster, timeUntil, up } from './small-cluster.ts';
import type { Manner } from './watchers.ts';

const CALL_MS = 20_000;
const DRAIN_MS = 60_000;
const CALLING: Manner = { afterMs: 0, callMs: CALL_MS, returnsAfterMs: 7_000 };

/** One of two replicas, which a client calls, is to go: it is left at once, and calls on it last for their time. */
async function leaving(manner = CALLING): Promise<SimulatedWorld> {
  const world = await called(manner);
  await scaleDown(world);
  await world.advance(1_000);
  return world;
}

async function called(manner = CALLING): Promise<SimulatedWorld> {
  const world = await smallCluster({ a: 0 });
  world.watchers.add(`${NAMESPACE}/model`, manner);
  await up(world, 'model', { replicas: { min: 0, max: 2, initial: 2 }, drain: { timeoutMs: DRAIN_MS } });
  return world;
}

async function scaleDown(world: SimulatedWorld): Promise<void> {
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 'model' }, 1));
}

async function restart(world: SimulatedWorld, options: { deadForMs: number }): Promise<void> {
  await world.crash();
  await world.advance(options.deadForMs);
  await world.begin();
}

/** How long it takes from now until it is stopped, to within two seconds. */
async function stoppedAfterMs(world: SimulatedWorld): Promise<number> {
  const afterMs = await timeUntil(world, () => running(world, 'model').length === 1, 2 * DRAIN_MS);
  world.safety.check();
  await world.end();
  return afterMs ?? Number.POSITIVE_INFINITY;
}

const near = (afterMs: number, expectedMs: number) => afterMs >= expectedMs - 2_000 && afterMs <= expectedMs + 2_000;

const meanwhile: Record<string, (world: SimulatedWorld) => Promise<void> | void> = {
  'nothing happens': () => {},
  'its watch breaks': world => world.watchers.cut(0, { forMs: 5_000, noticed: true }),
  'its watch breaks, which nobody notices': world => world.watchers.cut(0, { forMs: 5_000, noticed: false }),
  'its watch breaks twice': async world => {
    world.watchers.cut(0, { forMs: 1_000, noticed: true });
    await world.advance(2_000);
    world.watchers.cut(0, { forMs: 12_000, noticed: true });
  },
  'the control plane is restarted': world => restart(world, { deadForMs: 0 }),
  'the control plane is restarted twice': async world => {
    await restart(world, { deadForMs: 2_000 });
    await world.advance(8_000);
    await restart(world, { deadForMs: 0 });
  },
};
for (const [what, happen] of Object.entries(meanwhile)) {
  test(`a replica is stopped once the calls on it have ended, though ${what}`, async t => {
    const world = await leaving();
    const from = world.clock.now();
    await happen(world);
    const passedMs = world.clock.now() - from;
    const afterMs = passedMs + (await stoppedAfterMs(world));
    t.true(near(afterMs, CALL_MS), `${afterMs} ms`);
  });
}

test('a client that works on a replica and does not come back is believed to work for as long as it may', async t => {
  for (const happen of [
    (world: SimulatedWorld) => world.watchers.cut(0, { forMs: 2 * DRAIN_MS, noticed: true }),
    (world: SimulatedWorld) => world.watchers.leave(0, { silently: true }),
  ]) {
    const world = await leaving();
    happen(world);
    const afterMs = await stoppedAfterMs(world);
    t.true(near(afterMs, DRAIN_MS), `${afterMs} ms`);
  }
});

test('what left while a watch was broken is stopped once the calls of who came back have ended', async t => {
  const awayMs = 5_000;
  const world = await called();
  world.watchers.cut(0, { forMs: awayMs, noticed: true });
  await scaleDown(world);
  const afterMs = await stoppedAfterMs(world);
  t.true(near(afterMs, awayMs + CALL_MS), `${afterMs} ms`);
});

test('a client that ends in good order is not waited for', async t => {
  const world = await leaving();
  world.watchers.leave(0, { silently: false });
  t.true(near(await stoppedAfterMs(world), 0));
});

test('a client that ended without a word before anything left is expected back for ten seconds', async t => {
  const world = await called();
  world.watchers.leave(0, { silently: true });
  await scaleDown(world);
  const afterMs = await stoppedAfterMs(world);
  t.true(near(afterMs, 10_000), `${afterMs} ms`);
});

test('a new life expects the clients of the one before for ten seconds', async t => {
  const world = await leaving();
  await world.crash();
  world.watchers.leave(0, { silently: true });
  await world.begin();
  const afterMs = await stoppedAfterMs(world);
  t.true(near(afterMs, 10_000), `${afterMs} ms`);
});

test('what left while nobody could be told serves until its clients know, though its time is over', async t => {
  // The client would have left it after two seconds.
  const world = await leaving({ afterMs: 2_000, callMs: 0, returnsAfterMs: 7_000 });
  await restart(world, { deadForMs: DRAIN_MS });
  const afterMs = await stoppedAfterMs(world);
  t.true(near(afterMs, 10_000), `${afterMs} ms`);
});

test('what is deleted waits for nobody who may only perhaps come back', async t => {
  const world = await called({ ...CALLING, callMs: 0 });
  await world.crash();
  await world.begin();
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['model'], volumes: false }));
  const isGone = () => running(world, 'model').length === 0;
  t.true(near((await timeUntil(world, isGone, DRAIN_MS)) ?? DRAIN_MS, 0));
  world.safety.check();
  await world.end();
});

test('a client that came back and works on a replica of a deleted service is let finish', async t => {
  const world = await leaving();
  await restart(world, { deadForMs: 0 });
  await world.advance(8_000);
  const before = running(world, 'model').length;
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['model'], volumes: false }));
  await world.advance(3_000);
  t.deepEqual([before, running(world, 'model').length], [2, 2]);
  await world.advance(2 * CALL_MS);
  t.is(running(world, 'model').length, 0);
  world.safety.check();
  await world.end();
});
