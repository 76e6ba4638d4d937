import test, { type ExecutionContext } from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, serving, smallCluster, up } from './small-cluster.ts';

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
