import test from 'ava';
import { reconcile } from '../../control-plane/core/reconcile.ts';
import { SimulatedWorld } from '../simulation/simulated-world.ts';

/** Whoever asks too often gets an error, so that a loop that never waits ends the test as well. */
const TOO_OFTEN = 2_000;

test('a core that never rests keeps nobody from being answered: its passes are slowed down, and that is logged once', async t => {
  let passes = 0;
  const world = new SimulatedWorld({
    reconcile: (desired, ...rest) => {
      passes += 1;
      if (passes > TOO_OFTEN) throw new Error('it is asked too often');
      const plan = reconcile(desired, ...rest);
      const record = { name: 'local', drainingSince: passes, quarantined: [] };
      return { ...plan, nodes: new Map([['local', record]]) };
    },
  });
  await world.begin();
  const before = passes;
  await world.advance(10_000);
  t.true(passes > before, 'it goes on');
  t.true(passes - before < 40, `${passes - before} passes in ten seconds`);
  t.is(await world.ask(c => c.drainNode('local')), 'done');
  t.throws(() => world.safety.check(), { message: /10: the loop stores again and again/ });
  await world.end();
});

test('a loop that rests in between is never slowed down', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  for (let n = 0; n < 40; n += 1) {
    const spec = { namespace: 'sim', name: `s${n}`, image: 'image:1', port: 80 };
    await world.ask(c => c.apply({ specs: [spec], origin: '', dryRun: false }));
  }
  await world.advance(20_000);
  t.notThrows(() => world.safety.check());
  t.true(world.controlPlane.services().every(s => s.readyReplicas === 1));
  await world.end();
});
