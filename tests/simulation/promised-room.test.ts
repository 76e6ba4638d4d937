import test from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, running, serving, sharing, smallCluster, up } from './small-cluster.ts';

const ONE_GPU = { resources: { gpu: { count: 1 } } };
const SLOW = { drain: { timeoutMs: 20_000 } };
const ORDERS: readonly NonNullable<ServiceSpecInput['update']>[] = [{}, { order: 'stop-first' }];

/** Each has a request that does not end: it drains for as long as it may. */
function allBusy(world: SimulatedWorld): void {
  for (const { id } of world.running()) world.health.load.set(id, { inFlight: 1, since: world.clock.now() });
}

const imagesOf = (world: SimulatedWorld, name: string) => {
  const own = new Set(running(world, name));
  return world
    .running()
    .filter(c => own.has(c.id))
    .map(c => c.request.spec.image);
};

const isPending = (world: SimulatedWorld, name: string) =>
  world.stored.replicas().some(r => r.service === `${NAMESPACE}/${name}` && r.phase.kind === 'pending');

for (const update of ORDERS) {
  const words = update.order ?? 'start-first';
  test(`what an old replica leaves for its successor (${words}) is not taken by a later scale-up`, async t => {
    const world = await smallCluster({ a: 1 });
    await up(world, 'other', { ...sharing(10), replicas: exactly(1) });
    await up(world, 's', { ...sharing(30), ...SLOW, update, replicas: exactly(1) });
    allBusy(world);
    await up(world, 's', { ...sharing(60), ...SLOW, update, image: 'image:2', replicas: exactly(1) }, 5_000);
    t.is(serving(world, 's'), 0, 'the old one drains');
    await world.ask(c => c.scale({ namespace: NAMESPACE, name: 'other' }, 3));
    await world.advance(60_000);
    t.deepEqual(imagesOf(world, 's'), ['image:2']);
    t.is(serving(world, 'other'), 2, 'it has what is left');
    await world.end();
  });

  test(`nor by one that was asked for before and waits (${words})`, async t => {
    const world = await smallCluster({ a: 1 });
    await up(world, 's', { ...sharing(30), ...SLOW, update, replicas: exactly(1) });
    await up(world, 'other', { ...sharing(60), replicas: exactly(1) });
    allBusy(world);
    await up(world, 's', { ...sharing(70), ...SLOW, update, image: 'image:2', replicas: exactly(1) }, 120_000);
    const there = [...imagesOf(world, 's'), ...imagesOf(world, 'other')];
    t.is(there.length, 1, 'one of them serves at any time');
    await world.end();
  });
}

test('what is free on the node that a replica moves to stop-first is not taken meanwhile', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  await world.ask(c => c.drainNode('b'));
  await up(world, 's', { ...ONE_GPU, ...SLOW, update: { order: 'stop-first' }, replicas: exactly(1) });
  allBusy(world);
  await world.ask(c => c.undrainNode('b', {}));
  await world.ask(c => c.drainNode('a'));
  await world.advance(5_000);
  t.is(serving(world, 's'), 0, 'it drains');
  await up(world, 'other', { ...ONE_GPU, replicas: exactly(1) }, 60_000);
  t.is(serving(world, 's'), 1);
  t.is(serving(world, 'other'), 0);
  await world.end();
});

test('room that is kept for a successor is taken by nobody more important either, who comes later', async t => {
  const world = await smallCluster({ a: 1 });
  await up(world, 's', { ...sharing(30), ...SLOW, replicas: exactly(1) });
  allBusy(world);
  await up(world, 's', { ...sharing(60), ...SLOW, image: 'image:2', replicas: exactly(1) }, 5_000);
  await up(world, 'high', { ...sharing(40), priority: 5, replicas: exactly(1) }, 60_000);
  t.deepEqual([serving(world, 's'), serving(world, 'high')], [1, 0]);
  await world.end();
});

for (const priority of [0, 5])
  for (const update of [{}, { maxUnavailable: 1 }, { order: 'stop-first' as const }])
    for (const what of ['update', 'restart'] as const)
      test(`a service keeps its only place through ${what === 'update' ? 'an update' : 'a restart'} (${JSON.stringify(update)}) while one of priority ${priority} waits`, async t => {
        const world = await smallCluster({ a: 1 });
        await up(world, 'serves', { ...ONE_GPU, update, replicas: exactly(1) });
        await up(world, 'waits', { ...ONE_GPU, priority, replicas: exactly(1) });
        t.deepEqual([serving(world, 'serves'), serving(world, 'waits')], [1, 0]);
        const [before] = running(world, 'serves');
        if (what === 'restart') await world.ask(c => c.restart({ namespace: NAMESPACE, name: 'serves' }, {}));
        else await up(world, 'serves', { ...ONE_GPU, update, image: 'image:2', replicas: exactly(1) }, 0);
        await world.advance(60_000);
        t.deepEqual([serving(world, 'serves'), serving(world, 'waits')], [1, 0]);
        t.not(running(world, 'serves')[0], before);
        await world.end();
      });

test('room is kept no longer than something leaves for it', async t => {
  const world = await smallCluster({ a: 1 });
  await up(world, 's', { ...sharing(30), ...SLOW, replicas: exactly(1) });
  allBusy(world);
  await up(world, 's', { ...sharing(60), ...SLOW, image: 'image:2', replicas: exactly(1) }, 5_000);
  await up(world, 'other', { ...sharing(40), replicas: exactly(1) }, 1_000);
  t.true(isPending(world, 'other'));
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['s'], volumes: false }));
  await world.advance(1_000);
  t.false(isPending(world, 'other'), 'it has a place while the old one still drains');
  await world.end();
});

for (const update of ORDERS)
  test(`a successor that could not have its place at once has it before others later (${update.order ?? 'start-first'})`, async t => {
    const world = await smallCluster({ a: 1 });
    await up(world, 's', { ...ONE_GPU, ...SLOW, update, replicas: exactly(1) });
    await up(world, 'other', { ...ONE_GPU, replicas: exactly(1) });
    allBusy(world);
    await up(world, 's', { ...ONE_GPU, ...SLOW, update, image: 'image:2', replicas: exactly(1) }, 5_000);
    await world.ask(c => c.drainNode('a'));
    await world.advance(30_000);
    t.deepEqual(running(world, 's'), [], 'the old one has left');
    await world.ask(c => c.undrainNode('a', {}));
    await world.advance(30_000);
    t.deepEqual([serving(world, 's'), serving(world, 'other')], [1, 0]);
    await world.end();
  });

test('what stops because fewer were wanted leaves its room to whoever waited first', async t => {
  const world = await smallCluster({ a: 1 });
  const slow = { command: ['ignore-stop'], stopGraceMs: 10_000 };
  await up(world, 's', { ...sharing(30), ...slow, replicas: { min: 1, max: 2, initial: 2 } });
  await up(world, 'other', { ...sharing(40), replicas: exactly(1) });
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 's' }, 1));
  await world.advance(5_000);
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 's' }, 2));
  await world.advance(1_000);
  t.true(isPending(world, 's') && isPending(world, 'other'));
  await world.advance(30_000);
  t.deepEqual([serving(world, 's'), serving(world, 'other')], [1, 1]);
  await world.end();
});

for (const [gpus, outcome] of [
  [2, 'keeps its place in its own update beside one that would fit nowhere'],
  [1, 'gives its place up in its own update for one that fits there'],
] as const) {
  test(`what may be gone ${outcome}`, async t => {
    const world = await smallCluster({ a: 1 });
    const low = { resources: { gpu: { count: 1 } }, replicas: { min: 0, max: 1, initial: 1 } };
    await up(world, 'low', low);
    await up(world, 'mid', { resources: { gpu: { count: 1 } } });
    for (const c of world.running()) world.health.load.set(c.id, { inFlight: 2, since: world.clock.now() });
    await up(world, 'high', { resources: { gpu: { count: gpus } }, priority: 5, replicas: exactly(1) });
    t.deepEqual(
      ['low', 'mid', 'high'].filter(name => running(world, name).length > 0),
      ['low'],
      'it is busy',
    );
    await up(world, 'low', { ...low, image: 'image:2' }, 300_000);
    t.deepEqual(
      ['low', 'mid', 'high'].filter(name => running(world, name).length > 0),
      [gpus === 2 ? 'low' : 'high'],
    );
    await world.end();
  });
}

test('what may be gone keeps its place in its own update while one more important gets room elsewhere', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  const at = (zone: string) => ({ ...ONE_GPU, placement: { constraints: [`node.labels.zone == ${zone}`] } });
  const low = { ...at('a'), replicas: { min: 0, max: 1, initial: 1 } };
  await up(world, 'low', low);
  await up(world, 'leaving', { ...at('b'), replicas: exactly(1), drain: { timeoutMs: 300_000 } });
  await up(world, 'mid', { ...at('a'), replicas: exactly(1) });
  allBusy(world);
  await up(world, 'high', { ...at('b'), priority: 5, replicas: exactly(1) });
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['leaving'], volumes: false }));
  await up(world, 'low', { ...low, image: 'image:2' }, 600_000);
  t.deepEqual(
    ['low', 'mid', 'high'].map(name => serving(world, name)),
    [1, 0, 1],
  );
  await world.end();
});

test('what may be gone gives its place up where not all that are more important find room beside it', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  const low = { ...ONE_GPU, replicas: { min: 0, max: 1, initial: 1 } };
  await up(world, 'low', low);
  await up(world, 'leaving', { ...ONE_GPU, replicas: exactly(1), drain: { timeoutMs: 20_000 } });
  allBusy(world);
  await up(world, 'high', { ...ONE_GPU, priority: 5, replicas: exactly(2) });
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['leaving'], volumes: false }));
  await up(world, 'low', { ...low, image: 'image:2' }, 60_000);
  t.deepEqual([serving(world, 'low'), serving(world, 'high')], [0, 2]);
  await world.end();
});

/** One that depends on another and drains, as it is updated, while somebody else waits for a place. */
async function dependentUpdated(update: ServiceSpecInput['update'], forMs: number) {
  const world = await smallCluster({ a: 1, b: 1 });
  await up(world, 'base', { placement: { constraints: ['node.labels.zone == b'] }, replicas: exactly(1) });
  const dependsOn = [{ service: 'base', condition: 'ready' as const }];
  const s = { ...ONE_GPU, ...SLOW, update, dependsOn, replicas: exactly(1) };
  const onA = { placement: { constraints: ['node.labels.zone == a'] } };
  await up(world, 's', { ...s, ...onA });
  await up(world, 'mid', { ...ONE_GPU, ...onA, replicas: exactly(1) });
  allBusy(world);
  await up(world, 's', { ...s, ...onA, image: 'image:2' }, forMs);
  return world;
}

for (const update of ORDERS)
  test(`a successor keeps its place while what it depends on is started again (${update.order ?? 'start-first'})`, async t => {
    const world = await dependentUpdated(update, 18_000);
    world.node('b').machine.exit(running(world, 'base')[0]!, { code: 1 });
    await world.advance(300_000);
    t.deepEqual([serving(world, 's'), serving(world, 'mid')], [1, 0]);
    await world.end();
  });

test('no place is kept for one that depends on what fails again and again', async t => {
  const world = await dependentUpdated({}, 18_000);
  for (let passedMs = 0; passedMs < 300_000; passedMs += 1_000) {
    for (const id of running(world, 'base')) world.node('b').machine.exit(id, { code: 1 });
    await world.advance(1_000);
  }
  t.deepEqual([serving(world, 's'), serving(world, 'mid')], [0, 1]);
  await world.end();
});

test('no place is kept for one that depends on what waits for a place itself', async t => {
  const world = await dependentUpdated({}, 5_000);
  // What it depends on would go anywhere, and may have to.
  await up(world, 'base', { ...ONE_GPU, replicas: exactly(1), image: 'image:2' }, 0);
  world.suffer('b', 'dark');
  await world.advance(1_200_000);
  t.is(serving(world, 'base') + serving(world, 'mid'), 1);
  await world.end();
});

test('what was scaled up waits its turn, though an old one left its room for a sibling', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  await world.ask(c => c.drainNode('b'));
  const spec = { ...ONE_GPU, ...SLOW, replicas: { min: 1, max: 2, initial: 1 } };
  await up(world, 's', spec);
  await up(world, 'other', { ...ONE_GPU, replicas: exactly(1) });
  allBusy(world);
  await up(world, 's', { ...spec, image: 'image:2' }, 0);
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 's' }, 2));
  await world.advance(5_000);
  await world.ask(c => c.drainNode('a'));
  await world.advance(30_000);
  t.deepEqual(running(world, 's'), [], 'the old one has left');
  for (const node of ['a', 'b']) {
    await world.ask(c => c.undrainNode(node, {}));
    await world.advance(30_000);
  }
  t.deepEqual([serving(world, 's'), serving(world, 'other')], [1, 1]);
  await world.end();
});

test('an update that was paused has no room kept, as nobody comes', async t => {
  const world = await smallCluster({ a: 4 });
  const update = { order: 'stop-first' as const, maxUnavailable: 2, onFailure: 'pause' as const };
  await up(world, 's', { ...ONE_GPU, ...SLOW, update, replicas: exactly(2) });
  const [busy] = running(world, 's');
  world.health.load.set(busy!, { inFlight: 1, since: world.clock.now() });
  const failing = { command: ['exit', '1'], restart: { startAttempts: 1 }, resources: { gpu: { count: 2 } } };
  await up(world, 's', { ...failing, ...SLOW, update, replicas: exactly(2) }, 10_000);
  t.is(world.stored.service(`${NAMESPACE}/s`)?.rollout.kind, 'paused');
  t.deepEqual(running(world, 's'), [busy], 'it drains');
  await up(world, 'other', { resources: { gpu: { count: 3 } }, replicas: exactly(1) }, 5_000);
  t.deepEqual([running(world, 's'), serving(world, 'other')], [[busy], 1]);
  await world.end();
});

for (const isLoading of [false, true])
  test(`room that is promised to one service is no other's: what an update takes of it, it gives back at once${isLoading ? ', also where its new one never serves' : ''}`, async t => {
    const world = await smallCluster({ a: 4 });
    await up(world, 'promised', { ...ONE_GPU, ...SLOW, replicas: exactly(1) });
    await up(world, 's', { ...ONE_GPU, replicas: exactly(1) });
    for (const id of running(world, 'promised')) world.health.load.set(id, { inFlight: 1, since: world.clock.now() });
    const three = { resources: { gpu: { count: 3 } }, image: 'image:2', replicas: exactly(1) };
    await up(world, 'promised', three, 5_000);
    t.is(serving(world, 'promised'), 0, 'its old one drains');
    const old = running(world, 's');
    const command = isLoading ? ['exit', '1'] : ['serve'];
    await up(world, 's', { ...ONE_GPU, image: 'image:2', command, replicas: exactly(1) }, 60_000);
    t.false(running(world, 's').includes(old[0]!));
    t.is(serving(world, 'promised'), 1);
    t.is(serving(world, 's'), isLoading ? 0 : 1);
    await world.end();
  });
