import test from 'ava';
import fc from 'fast-check';
import { Cluster } from '../../control-plane/core/cluster.ts';
import type { Placement } from '../../control-plane/core/replica.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import { request, someNodes, someSpec } from './clusters.ts';
import { FullScan } from './full-scan.ts';

type Operation = { do: 'place'; spec: ServiceSpec } | { do: 'release'; nth: number };

const operations = (max: number) =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('place' as const), spec: someSpec }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), nth: fc.nat(1_000) }) },
    ),
    { maxLength: max, size: 'max' },
  ) as fc.Arbitrary<Operation[]>;

/** Does as it is told; `each` sees every placement before it is booked. */
function perform(
  cluster: Cluster,
  all: readonly Operation[],
  each: (step: { id: string; spec: ServiceSpec; placement: Placement | null }) => void,
  released: (id: string) => void = () => {},
): Map<string, { spec: ServiceSpec; placement: Placement }> {
  const held = new Map<string, { spec: ServiceSpec; placement: Placement }>();
  for (const [i, op] of all.entries()) {
    if (op.do === 'release') {
      const id = [...held.keys()][op.nth % Math.max(1, held.size)];
      if (id === undefined) continue;
      cluster.release(id);
      held.delete(id);
      released(id);
      continue;
    }
    const id = `r${i}`;
    const verdict = cluster.place(request(id, op.spec));
    const placement = verdict.kind === 'placed' ? verdict.placement : null;
    each({ id, spec: op.spec, placement });
    if (!placement) continue;
    cluster.hold(request(id, op.spec), op.spec, placement);
    held.set(id, { spec: op.spec, placement });
  }
  return held;
}

for (const { max, runs } of [
  { max: 6, runs: 300 },
  { max: 200, runs: 60 },
]) {
  test(`a search in blocks finds what asking each of up to ${max} nodes finds`, t => {
    fc.assert(
      fc.property(someNodes({ max }), operations(60), ({ nodes, records }, all) => {
        const scan = new FullScan(nodes, records);
        perform(
          new Cluster(nodes, records),
          all,
          ({ id, spec, placement }) => {
            const expected = scan.find(request(id, spec));
            if (JSON.stringify(placement) !== JSON.stringify(expected))
              throw new Error(`${id}: found ${JSON.stringify(placement)}, best is ${JSON.stringify(expected)}`);
            if (placement) scan.hold(request(id, spec), spec, placement);
          },
          id => scan.release(id),
        );
      }),
      { numRuns: runs, includeErrorInReport: true },
    );
    t.pass();
  });
}
