import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { SEED } from '../seed.ts';
import { FOREIGN_LABEL } from './look-alikes.ts';
import { NAMESPACES, operation } from './operations.ts';
import { RandomWorld } from './random-world.ts';
import { TestCluster } from './test-cluster.ts';
import { Watch } from './watch.ts';

const OPERATIONS = Number(process.env['OUTRIGGER_CLUSTER_OPERATIONS'] ?? 500);
const REST_EVERY = 125;
const LOOK_EVERY = 25;
/** Of so many times the operations, those that do nothing are left out. */
const DRAWN = 5;

test(`${OPERATIONS} random operations on three nodes: what was acknowledged comes about, and nothing is doubled, over-committed, stopped or published that must not be`, async t => {
  const seed = SEED;
  t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} draws the same operations`);
  const drawn = fc.sample(
    fc.record({ operation, pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 })) }),
    { seed, numRuns: OPERATIONS * DRAWN },
  );
  const world = await RandomWorld.begin(await TestCluster.of(t));
  t.timeout(30 * 60_000);
  const watch = new Watch(t, world);
  let done = 0;
  for (const { operation: next, pauseMs } of drawn) {
    if (done === OPERATIONS) break;
    if (!(await world.carryOut(next))) continue;
    done++;
    const told = `${done}: ${JSON.stringify(next)} (seed ${seed})`;
    // Time passes too: what one operation set off may or may not be under way when the next one comes.
    await delay(pauseMs);
    await watch.holds(told);
    if (done % LOOK_EVERY === 0) await watch.insideIsWhatWasGiven(told);
    if (done % REST_EVERY === 0 || done === OPERATIONS) await watch.comesToRest(told);
  }
  t.is(done, OPERATIONS, 'enough were drawn that do something');
  t.log(await world.story());

  for (const each of NAMESPACES) await world.cluster.controlPlane.remove(each);
  for (const each of NAMESPACES) await world.cluster.controlPlane.gone(each);
  t.deepEqual(await world.cluster.holdings.all(), [], 'no container is left');
  for (const [name, engine] of world.cluster.engines) {
    const left = (await engine.docker.listContainers({ all: true })).filter(c => c.Labels[FOREIGN_LABEL] === undefined);
    t.deepEqual(left, [], `nor any other on ${name}`);
  }
  t.deepEqual(await world.harmedLookAlikes(), [], 'what is not ours is as it was');
});
