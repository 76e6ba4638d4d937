import test from 'ava';
import { NAMESPACE } from './simulated-world.ts';
import { exactly, running, serving, smallCluster, timeUntil, up } from './small-cluster.ts';

const ONE_GPU = { resources: { gpu: { count: 1 } } };

for (const update of [{ order: 'stop-first' as const }, { maxSurge: 0, maxUnavailable: 1 }, {}]) {
  const words = JSON.stringify(update);
  test(`what has to leave a drained node and finds no room (${words}) says why, and moves once there is some`, async t => {
    const world = await smallCluster({ a: 1, b: 1 });
    const other = { ...ONE_GPU, placement: { constraints: ['node.labels.zone == b'] } };
    await up(world, 'other', { ...other, replicas: exactly(1) });
    await up(world, 's', { ...ONE_GPU, update, replicas: exactly(1) });
    const [before] = running(world, 's');
    await world.ask(c => c.drainNode('a'));
    await world.advance(10_000);
    const waiting = world.controlPlane
      .why({ namespace: NAMESPACE, name: 's' })
      .replicas.filter(r => r.phase === 'pending');
    t.is(waiting.length, 1);
    t.true(waiting[0]?.groups.some(g => g.constraint === 'gpu_exclusive' || g.constraint?.startsWith('gpu')));
    t.deepEqual(running(world, 's'), [before], 'it serves on');
    await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['other'], volumes: false }));
    const isMoved = () => serving(world, 's') === 1 && running(world, 's')[0] !== before;
    t.not(await timeUntil(world, isMoved, 60_000), null);
    t.is(world.stored.replicas().length, 1);
    await world.end();
  });

  test(`what waits to move (${words}) is gone once the node is drained no more`, async t => {
    const world = await smallCluster({ a: 2 });
    await up(world, 's', { ...ONE_GPU, update, replicas: exactly(2) });
    const before = running(world, 's');
    await world.ask(c => c.drainNode('a'));
    await world.advance(10_000);
    t.true(world.stored.replicas().some(r => r.phase.kind === 'pending'));
    await world.ask(c => c.undrainNode('a', {}));
    await world.advance(10_000);
    t.deepEqual(running(world, 's'), before);
    t.is(world.stored.replicas().length, 2);
    await world.end();
  });
}
