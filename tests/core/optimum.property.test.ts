import test from 'ava';
import fc from 'fast-check';
import type { ObservedDevice, ObservedNode } from '../../control-plane/core/observed.ts';
import { Cluster, type PlacementRequest } from '../../control-plane/core/placement/cluster.ts';
import { placeTogether } from '../../control-plane/core/placement/place-together.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import { fewestDevices } from './brute-force.ts';
import { GIB, gpus, request } from './clusters.ts';
import { aNode } from './replicas.ts';
import { aSpec } from './specs.ts';

const plain = fc
  .array(fc.constantFrom({ gib: 24, model: 'L4' }, { gib: 40, model: 'A100' }, { gib: 80, model: 'H100' }), {
    maxLength: 3,
  })
  .map(all => gpus(...all.map(({ gib, model }) => ({ memoryBytes: gib * GIB, model }))));
const sliced: fc.Arbitrary<ObservedDevice[]> = fc.constant(
  gpus(
    { memoryBytes: 80 * GIB, model: 'H100' },
    { memoryBytes: 40 * GIB, model: 'H100 MIG', slice: { of: 'nvidia.com/gpu=0', profile: '3g.40gb' } },
    { memoryBytes: 40 * GIB, model: 'H100 MIG', slice: { of: 'nvidia.com/gpu=0', profile: '3g.40gb' } },
  ),
);
const devices = fc.oneof({ weight: 6, arbitrary: plain }, { weight: 1, arbitrary: sliced });

const nodes = fc
  .array(fc.record({ cpus: fc.constantFrom(2, 4), memoryBytes: fc.constantFrom(4 * GIB, 8 * GIB), devices }), {
    minLength: 1,
    maxLength: 3,
  })
  .map(all => all.map((node, i): ObservedNode => aNode({ name: `n${i}`, ...node })));

const shared = fc
  .constantFrom(6, 10, 14, 20, 30, 44)
  .map(gib => ({ exclusive: false, memoryBytes: gib * GIB }) as { [key: string]: unknown });
const whole = fc.record({
  count: fc.constantFrom(1, 1, 2, -1),
  models: fc.constantFrom<string[][]>([], [], ['H100'], ['a100', 'l4']),
});
const resources = fc.record({
  cpus: fc.constantFrom(0, 0.5, 1, 2),
  memoryBytes: fc.constantFrom(0, 1, 3).map(gib => gib * GIB),
  gpu: fc.oneof(
    { weight: 5, arbitrary: shared },
    { weight: 3, arbitrary: whole },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
});

/** Up to five replicas; `alone`: each of a service of its own. */
const requests = (options: { alone: boolean }) =>
  fc
    .array(fc.tuple(resources, fc.integer({ min: 1, max: options.alone ? 1 : 2 })), { minLength: 1, maxLength: 5 })
    .map(all =>
      all
        .flatMap(([{ gpu, ...rest }, count], i) => {
          const spec: ServiceSpec = aSpec({ name: `s${i}`, resources: { ...rest, ...(gpu && { gpu }) } });
          return Array.from({ length: count }, (_, k) => request(`s${i}-${k}`, spec, { createdAt: i }));
        })
        .slice(0, 5),
    );

function devicesUsed(cluster: Cluster, all: readonly PlacementRequest[]): number | null {
  const verdicts = [...placeTogether(cluster, all).values()];
  const used = new Set<string>();
  for (const verdict of verdicts) {
    if (verdict.kind !== 'placed') return null;
    for (const device of verdict.placement.devices) used.add(`${verdict.placement.node} ${device}`);
  }
  return used.size;
}

test('what brute force can place together is placed together, on hardly more devices', t => {
  const sums = { ours: 0, best: 0, ratio: 0, solved: 0, unsolvable: 0 };
  fc.assert(
    fc.property(nodes, requests({ alone: true }), (some, all) => {
      const best = fewestDevices(some, all);
      const ours = devicesUsed(new Cluster(some, new Map()), all);
      if ((best === null) !== (ours === null)) throw new Error(`brute force needs ${best} devices, we ${ours}`);
      if (best === null || ours === null) {
        sums.unsolvable += 1;
        return;
      }
      sums.solved += 1;
      sums.ours += ours;
      sums.best += best;
      sums.ratio += best === 0 ? 1 : ours / best;
    }),
    { numRuns: 1_500, includeErrorInReport: true },
  );
  const mean = sums.ratio / sums.solved;
  t.log(
    `${sums.solved} instances placed, ${sums.unsolvable} cannot be: ${sums.ours} devices used, ${sums.best} at best; ` +
      `${(100 * (mean - 1)).toFixed(2)} % above the optimum on average`,
  );
  t.true(sums.solved > 300 && sums.unsolvable > 100, 'both kinds of instance were met');
  t.true(mean <= 1.05);
});

test('replicas of one service are placed together whenever brute force can', t => {
  fc.assert(
    fc.property(nodes, requests({ alone: false }), (some, all) => {
      const best = fewestDevices(some, all);
      const ours = devicesUsed(new Cluster(some, new Map()), all);
      if ((best === null) !== (ours === null)) throw new Error(`brute force needs ${best} devices, we ${ours}`);
    }),
    { numRuns: 1_000, includeErrorInReport: true },
  );
  t.pass();
});
