import test from 'ava';
import fc from 'fast-check';
import { Cluster } from '../../control-plane/core/cluster.ts';
import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { ObservedNode } from '../../control-plane/core/observed.ts';
import type { Placement } from '../../control-plane/core/replica.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import { GIB, gpus, request, someNodes, someSpec } from './clusters.ts';
import { FullScan } from './full-scan.ts';
import { aNode } from './replicas.ts';
import { aSpec } from './specs.ts';

type Operation = { do: 'place'; spec: ServiceSpec } | { do: 'release'; nth: number };

const operations = (max: number) =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('place' as const), spec: someSpec }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), nth: fc.nat(1_000) }) },
    ),
    { maxLength: max, size: 'max' },
  ) as fc.Arbitrary<Operation[]>;

/** Does as it is told; `placed` sees every placement before it is booked. */
function perform(
  cluster: Cluster,
  all: readonly Operation[],
  watch: {
    placed: (step: { id: string; spec: ServiceSpec; placement: Placement | null }) => void;
    released?: (id: string) => void;
  },
): Map<string, { spec: ServiceSpec; placement: Placement }> {
  const held = new Map<string, { spec: ServiceSpec; placement: Placement }>();
  for (const [i, op] of all.entries()) {
    if (op.do === 'release') {
      const id = [...held.keys()][op.nth % Math.max(1, held.size)];
      if (id === undefined) continue;
      cluster.release(id);
      held.delete(id);
      watch.released?.(id);
      continue;
    }
    const id = `r${i}`;
    const placement = cluster.find(request(id, op.spec));
    watch.placed({ id, spec: op.spec, placement });
    if (!placement) continue;
    cluster.hold(request(id, op.spec), op.spec, placement);
    held.set(id, { spec: op.spec, placement });
  }
  return held;
}

for (const { max, runs } of [
  { max: 6, runs: 200 },
  { max: 200, runs: 40 },
]) {
  test(`a search in blocks finds what asking each of up to ${max} nodes finds`, t => {
    fc.assert(
      fc.property(someNodes({ max }), operations(60), (cluster, all) => compareWithScan(cluster, all)),
      { numRuns: runs, includeErrorInReport: true },
    );
    t.pass();
  });
}

test('so it does in a crowded cluster of alike nodes, where a few large services come and go', t => {
  const share = (gib: number) => ({ exclusive: false, memoryBytes: gib * GIB });
  const specs = [
    aSpec({ name: 'plain', resources: { cpus: 0.5 } }),
    aSpec({ name: 'whole', resources: { cpus: 1, gpu: {} } }),
    aSpec({ name: 'pair', resources: { memoryBytes: GIB, gpu: { count: 2 } } }),
    aSpec({ name: 'small', resources: { gpu: share(7) } }),
    aSpec({ name: 'large', resources: { cpus: 0.1, gpu: share(30) } }),
    aSpec({ name: 'zoned', resources: { gpu: share(11) }, placement: { spread: ['node.labels.zone'] } }),
    aSpec({ name: 'all', resources: { gpu: { count: -1 } } }),
  ];
  const step = fc.record({ spec: fc.nat(specs.length - 1), times: fc.integer({ min: 1, max: 40 }), gone: fc.nat(60) });
  const sizes = fc.record({ nodes: fc.integer({ min: 60, max: 180 }), small: fc.integer({ min: 2, max: 9 }) });
  fc.assert(
    fc.property(sizes, fc.array(step, { minLength: 10, maxLength: 25 }), (size, steps) => {
      const nodes = Array.from({ length: size.nodes }, (_, i) => {
        const memoryBytes = (i % size.small === 0 ? 24 : 80) * GIB;
        const devices = gpus(...Array(i % 7 === 0 ? 2 : 4).fill({ memoryBytes }));
        return aNode({ name: `n${i}`, cpus: 4, memoryBytes: 8 * GIB, devices, labels: { zone: `${i % 3}` } });
      });
      const all = steps.flatMap(({ spec, times, gone }, i): Operation[] => [
        ...Array<Operation>(times).fill({ do: 'place', spec: specs[spec]! }),
        ...Array.from({ length: gone }, (_, k): Operation => ({ do: 'release', nth: (i + 1) * 7_919 + k * 104_729 })),
      ]);
      compareWithScan({ nodes, records: new Map() }, all);
    }),
    { numRuns: 12, includeErrorInReport: true },
  );
  t.pass();
});

function compareWithScan(
  { nodes, records }: { nodes: readonly ObservedNode[]; records: ReadonlyMap<string, NodeRecord> },
  all: readonly Operation[],
): void {
  const scan = new FullScan(nodes, records);
  perform(new Cluster(nodes, records), all, {
    placed: ({ id, spec, placement }) => {
      const expected = scan.find(request(id, spec));
      if (JSON.stringify(placement) !== JSON.stringify(expected))
        throw new Error(`${id}: found ${JSON.stringify(placement)}, best is ${JSON.stringify(expected)}`);
      if (placement) scan.hold(request(id, spec), spec, placement);
    },
    released: id => scan.release(id),
  });
}
