import test from 'ava';
import { NAMESPACE } from './simulated-world.ts';
import { exactly, running, smallCluster, timeUntil, up } from './small-cluster.ts';

test('many that take ten minutes to stop keep neither a start nor another stop waiting', async t => {
  const world = await smallCluster({ a: 0 });
  const slow = { command: ['ignore-stop'], stopGraceMs: 600_000, replicas: { min: 0, max: 64, initial: 64 } };
  await up(world, 'slow', slow, 60_000);
  await up(world, 'leaving', { replicas: exactly(1) });
  t.deepEqual([running(world, 'slow').length, running(world, 'leaving').length], [64, 1]);
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 'slow' }, 0));
  await world.advance(2_000);
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['leaving'], volumes: false }));
  await up(world, 'coming', { replicas: exactly(1) }, 0);
  const isDone = () => running(world, 'coming').length === 1 && running(world, 'leaving').length === 0;
  t.not(await timeUntil(world, isDone, 30_000), null);
  t.is(running(world, 'slow').length, 64, 'they have their grace');
  await world.end();
});
