import test from 'ava';
import { exactly, serving, smallCluster, timeUntil, up } from './small-cluster.ts';

const CHECKED = { resources: { gpu: { count: 1, check: ['see'] } }, replicas: exactly(1) };

/** Every container that starts has this to say of its devices from its first moment. */
async function seeing(sight: 'lost' | 'sees') {
  const world = await smallCluster({ a: 1 });
  const { machine } = world.node('a');
  const start = machine.start.bind(machine);
  machine.start = (container, behaviour) => {
    start(container, behaviour);
    machine.setSight(container.id, { kind: sight, message: sight === 'lost' ? 'no CUDA device' : '' });
  };
  return world;
}

test('a check of its devices that never passes fails the start, and the replica is never ready', async t => {
  const world = await seeing('lost');
  await up(world, 's', { ...CHECKED, restart: { startAttempts: 1 } }, 0);
  t.is(await timeUntil(world, () => serving(world, 's') > 0, 60_000), null);
  const [replica] = world.stored.replicas();
  t.like(replica?.phase, { kind: 'failed', cause: { kind: 'startup_timeout' } });
  t.regex(JSON.stringify(replica?.phase), /gpu.check never passed: no CUDA device/);
  await world.end();
});

test('a check of its devices that passes lets the replica be ready', async t => {
  const world = await seeing('sees');
  await up(world, 's', CHECKED, 0);
  t.not(await timeUntil(world, () => serving(world, 's') === 1, 10_000), null);
  await world.end();
});

test('an engine that answers no question of devices keeps a replica from being ready for a while only', async t => {
  const world = await seeing('sees');
  const { engine } = world.node('a');
  engine.checkDevices = async () => {
    throw new Error('the engine has no answer');
  };
  await up(world, 's', CHECKED, 10_000);
  t.is(serving(world, 's'), 0);
  t.not(await timeUntil(world, () => serving(world, 's') === 1, 30_000), null);
  await world.end();
});
