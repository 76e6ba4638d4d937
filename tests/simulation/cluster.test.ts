import test from 'ava';
import fc from 'fast-check';
import { SEED } from '../seed.ts';
import { clusterHistory, live, serving } from './cluster-history.ts';
import { CLUSTER } from './cluster-nodes.ts';
import { throughHistories } from './through-histories.ts';

for (const plight of ['cut_hung', 'cut_down'] as const) {
  // However long the way is cut, up to just before what runs there counts as lost: the safety check sees who is condemned.
  for (const ms of [6_000, 9_000, 12_000, 14_000, 19_000, 25_000, 29_000]) {
    test.serial(`nobody is killed for having been out of reach (${plight}) for ${ms} ms`, async t => {
      const cut = CLUSTER.map(({ name: node }) => ({ what: 'plight' as const, node, plight }));
      const back = CLUSTER.map(({ name: node }) => ({ what: 'plight' as const, node, plight: 'fine' as const }));
      const events = [...cut, { what: 'pass' as const, ms }, ...back, { what: 'pass' as const, ms: 30_000 }];
      await live({ registry: 'embedded', events });
      t.pass();
    });
  }
}

test.serial('who takes the place of a lost one goes on also where we were restarted meanwhile', async t => {
  await live({
    registry: 'embedded',
    events: [
      { what: 'plight', node: 'b', plight: 'cut_hung' },
      { what: 'pass', ms: 101_817 },
      { what: 'restart', service: 'a', crash: 1 },
      { what: 'exit', nth: 0 },
      { what: 'drain', node: 'a', crash: null },
      { what: 'pass', ms: 60_000 },
    ],
  });
  t.pass();
});

test.serial(
  'devices that are listed by other ids from one moment to the next have the holders that they had',
  async t => {
    const renamed = (to: 'uuid' | 'cdi') =>
      CLUSTER.map(({ name: node }) => ({ what: 'renameDevices' as const, node, to }));
    const whole = serving({ gpu: { count: 1 } });
    const more = { what: 'apply' as const, service: 'c', spec: whole, replicas: 3, crash: null };
    await live({
      registry: 'embedded',
      events: [
        ...renamed('uuid'),
        { what: 'pass', ms: 20_000 },
        more,
        { what: 'pass', ms: 30_000 },
        ...renamed('cdi'),
        { what: 'scale', service: 'c', replicas: 5, crash: null },
        { what: 'pass', ms: 30_000 },
      ],
    });
    t.pass();
  },
);

test.serial('on several nodes it keeps the invariants through every history of faults, and comes to rest', async t => {
  t.timeout(15 * 60_000);
  const runs = Number(process.env['OUTRIGGER_SIMULATIONS'] ?? 300) / 5;
  const seed = SEED;
  t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} replays these ${runs} histories`);
  await throughHistories(fc.asyncProperty(clusterHistory, live), { seed, numRuns: runs });
  t.pass();
});
