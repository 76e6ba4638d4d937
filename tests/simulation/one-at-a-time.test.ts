import test from 'ava';
import { NAMESPACE } from './simulated-world.ts';
import { exactly, running, serving, smallCluster, timeUntil, up } from './small-cluster.ts';

const TWO = { resources: { gpu: { count: 1 } }, replicas: exactly(2) };
const MINUTE_MS = 60_000;

for (const what of ['update', 'restart'] as const)
  for (const isInDoubt of [false, true])
    test(`on full GPUs ${what === 'update' ? 'an update' : 'a restart'} whose first replica crashes again and again costs one old replica, ${isInDoubt ? 'though the other is unready for a while' : 'and the other serves on'}`, async t => {
      const world = await smallCluster({ a: 2 });
      await up(world, 's', TWO);
      const old = running(world, 's');
      const left = () => running(world, 's').filter(id => old.includes(id));
      const successors = () => running(world, 's').filter(id => !old.includes(id));
      if (what === 'update') await up(world, 's', { ...TWO, image: 'image:2' }, 0);
      else await world.ask(c => c.restart({ namespace: NAMESPACE, name: 's' }, {}));
      let crashes = 0;
      for (let passedMs = 0; passedMs < 2 * MINUTE_MS; passedMs += 100) {
        for (const id of successors()) {
          world.node('a').machine.exit(id, { code: 1 });
          crashes += 1;
        }
        if (isInDoubt && crashes === 1) for (const id of left()) world.health.unready.add(id);
        if (crashes === 2) world.health.heal();
        world.sidecar.changed();
        await world.advance(100);
        t.true(left().length >= 1, `after ${passedMs} ms`);
      }
      t.true(crashes > 2);
      const isOver = () => serving(world, 's') === 2 && left().length === 0;
      t.not(await timeUntil(world, isOver, 10 * MINUTE_MS), null, 'it goes on once they serve');
      await world.end();
    });
