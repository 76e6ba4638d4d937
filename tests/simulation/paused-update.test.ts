import test, { type ExecutionContext } from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, fewestServing, running, serving, smallCluster, timeUntil, up } from './small-cluster.ts';

const MINUTES = 60_000;

/** Two nodes, two replicas that serve, and an update of theirs that ends at once and is paused. */
async function paused(t: ExecutionContext, update: ServiceSpecInput['update'] = {}, wanted = 2) {
  const world = await smallCluster({ a: 0, b: 0 });
  const given = { replicas: { min: 0, max: 5, initial: wanted }, update: { onFailure: 'pause' as const, ...update } };
  await up(world, 's', given);
  await up(world, 's', { ...given, command: ['exit', '3'], restart: { startAttempts: 1 } }, MINUTES);
  t.is(world.stored.service(`${NAMESPACE}/s`)?.rollout.kind, 'paused');
  t.teardown(() => world.end());
  return world;
}

const generations = (world: SimulatedWorld) => world.stored.replicas().map(r => [r.generation, r.phase.kind].join(' '));
const nodesOf = (world: SimulatedWorld) => new Set(world.running().map(c => c.request.placement.node));

test('what serves under a paused update is left as it is, and so is what failed', async t => {
  const world = await paused(t);
  const before = world.stored.replicas();
  await world.advance(30 * MINUTES);
  t.deepEqual(
    world.stored.replicas().map(r => [r.id, r.phase.kind]),
    before.map(r => [r.id, r.phase.kind]),
  );
  t.deepEqual(generations(world).sort(), ['1 ready', '1 ready', '2 failed']);
});

test('where an update stops first, its pause gives nobody back the place that it took', async t => {
  const world = await paused(t, { order: 'stop-first' });
  await world.advance(30 * MINUTES);
  t.deepEqual(generations(world).sort(), ['1 ready', '2 failed']);
});

test('a node that is lost under a paused update has its replicas replaced, by the version that works', async t => {
  const world = await paused(t);
  t.deepEqual([...nodesOf(world)].sort(), ['a', 'b']);
  world.suffer('a', 'dark');
  await world.advance(20 * MINUTES);
  t.is(serving(world, 's'), 2);
  t.deepEqual(
    [
      ...new Set(
        world.stored
          .replicas()
          .filter(r => r.phase.kind === 'ready')
          .map(r => r.generation),
      ),
    ],
    [1],
  );
});

test('a node is emptied under a paused update', async t => {
  const world = await paused(t);
  await world.ask(c => c.drainNode('a'));
  await world.advance(20 * MINUTES);
  t.deepEqual([...nodesOf(world)], ['b']);
  t.is(serving(world, 's'), 2);
});

test('the version that is accepted next takes the place of all that a paused update left', async t => {
  const world = await paused(t);
  await up(world, 's', { replicas: exactly(2), image: 'image:2' }, 10 * MINUTES);
  t.deepEqual(generations(world), ['3 ready', '3 ready']);
  t.is(world.stored.service(`${NAMESPACE}/s`)?.rollout.kind, 'settled');
});

/** Three wanted; of the new version one serves and one has failed, of the old one two serve. */
async function pausedHalfway(t: ExecutionContext, update: ServiceSpecInput['update']) {
  const world = await smallCluster({ a: 0, b: 0, c: 0 });
  t.teardown(() => world.end());
  const given = { replicas: exactly(3), update: { onFailure: 'pause' as const, ...update } };
  await up(world, 's', given);
  await up(world, 's', { ...given, image: 'image:2', restart: { startAttempts: 1 } }, 0);
  const ofNew = (...kinds: string[]) =>
    world.stored.replicas().find(r => r.generation === 2 && kinds.includes(r.phase.kind));
  t.not(await timeUntil(world, () => ofNew('ready') !== undefined, MINUTES), null);
  for (let tries = 0; tries < 1_000 && !ofNew('starting'); tries += 1) await world.advance(50);
  const { id, request } = world.running().find(c => c.request.replicaId === ofNew('starting')?.id)!;
  world.node(request.placement.node).machine.exit(id, { code: 3 });
  await world.advance(MINUTES);
  t.is(world.stored.service(`${NAMESPACE}/s`)?.rollout.kind, 'paused');
  return world;
}

for (const [words, update, fewest] of [
  ['start-first', {}, 3],
  ['stop-first', { order: 'stop-first' }, 2],
] as const)
  test(`a node is emptied of what serves of the new version, too (${words})`, async t => {
    const world = await pausedHalfway(t, update);
    const served = serving(world, 's');
    const on = world.running().find(c => c.request.spec.image === 'image:2')!.request.placement.node;
    await world.ask(c => c.drainNode(on));
    t.is(await fewestServing(world, 's', 5 * MINUTES), fewest);
    t.false(nodesOf(world).has(on));
    t.is(serving(world, 's'), served);
    t.true(world.running().every(c => c.request.spec.image === 'image:1'));
    world.safety.check();
  });

const ONE_GPU = { resources: { gpu: { count: 1 } } };
const FAILING = { command: ['exit', '3'], restart: { startAttempts: 1 } };

test('what a paused update left keeps the place that it moves to, though others wait', async t => {
  const world = await smallCluster({ a: 1, b: 1, c: 1 });
  t.teardown(() => world.end());
  const update = { order: 'stop-first' as const, onFailure: 'pause' as const };
  const given = { ...ONE_GPU, update, replicas: exactly(2), drain: { timeoutMs: 20_000 } };
  await world.ask(c => c.drainNode('c'));
  await up(world, 's', given);
  await up(world, 's', { ...given, ...FAILING }, MINUTES);
  const [left, ...others] = running(world, 's').map(id => world.running().find(c => c.id === id)!);
  t.deepEqual(others, []);
  world.health.load.set(left!.id, { inFlight: 1, since: world.clock.now() });
  await world.ask(c => c.undrainNode('c', {}));
  await world.ask(c => c.drainNode(left!.request.placement.node));
  await world.advance(5_000);
  await up(world, 'other', { ...ONE_GPU, replicas: exactly(2) }, 2 * MINUTES);
  t.is(serving(world, 's'), 1);
});

for (const onFailure of ['rollback', 'pause'] as const)
  test(`an update that fails on the only device leaves that to the version that works (${onFailure})`, async t => {
    const world = await smallCluster({ a: 1 });
    t.teardown(() => world.end());
    const given = { ...ONE_GPU, update: { onFailure }, replicas: exactly(1) };
    await up(world, 's', given);
    await up(world, 'other', { ...ONE_GPU, replicas: exactly(1) });
    await up(world, 's', { ...given, ...FAILING }, 10 * MINUTES);
    t.deepEqual([serving(world, 's'), serving(world, 'other')], [1, 0]);
    world.safety.check();
  });
