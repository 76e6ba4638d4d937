import test from 'ava';
import fc from 'fast-check';
import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { ObservedNode } from '../../control-plane/core/observed.ts';
import { Cluster } from '../../control-plane/core/placement/cluster.ts';
import { sharedMemoryOf } from '../../control-plane/core/placement/device-fit.ts';
import { explain } from '../../control-plane/core/placement/explain.ts';
import { placeTogether } from '../../control-plane/core/placement/place-together.ts';
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
  { max: 200, runs: 80 },
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

test('nothing is ever promised twice: CPUs, memory, shares of devices, whole devices, ports', t => {
  fc.assert(
    fc.property(someNodes({ max: 4 }), operations(40), ({ nodes, records }, all) => {
      const held = perform(new Cluster(nodes, records), all, { placed: () => {} });
      for (const node of nodes)
        checkNode(
          node,
          [...held.values()].filter(h => h.placement.node === node.name),
        );
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
  t.pass();
});

function checkNode(node: ObservedNode, held: readonly { spec: ServiceSpec; placement: Placement }[]): void {
  const sum = (of: (spec: ServiceSpec) => number) => held.reduce((total, h) => total + of(h.spec), 0);
  if (sum(s => s.resources.cpus) > node.cpus - node.reservedCpus + 1e-6) throw new Error(`${node.name}: too many CPUs`);
  if (sum(s => s.resources.memoryBytes) > node.memoryBytes - node.reservedMemoryBytes)
    throw new Error(`${node.name}: too much memory`);
  const ports = held.flatMap(h => h.spec.ports.map(p => p.hostPort)).filter(p => p > 0);
  if (new Set(ports).size !== ports.length) throw new Error(`${node.name}: a host port twice`);
  for (const device of node.devices) {
    const holders = held.filter(h => h.placement.devices.includes(device.id)).map(h => h.spec);
    const isWhole = holders.some(s => sharedMemoryOf(s) === null);
    if (isWhole && holders.length > 1) throw new Error(`${device.id} has ${holders.length} holders`);
    const declared = holders.reduce((total, s) => total + (sharedMemoryOf(s) ?? 0), 0);
    if (declared > (device.memoryBytes ?? Number.POSITIVE_INFINITY)) throw new Error(`${device.id}: over-committed`);
    const whole = node.devices.find(d => d.id === device.slice?.of || (d.uuid && d.uuid === device.slice?.of));
    const isInUse = whole && held.some(h => h.placement.devices.includes(whole.id));
    if (isInUse && holders.length > 0) throw new Error(`${whole.id} is held whole and as ${device.id}`);
  }
}

test('a replica has a place exactly where no node has anything against it', t => {
  fc.assert(
    fc.property(someNodes({ max: 5 }), operations(30), ({ nodes, records }, all) => {
      const cluster = new Cluster(nodes, records);
      perform(cluster, all, {
        placed: ({ id, spec, placement }) => {
          const rejections = cluster.rejections(request(id, spec));
          if ((placement === null) !== rejections.length > 0)
            throw new Error(`${id}: ${JSON.stringify(placement)}, and ${JSON.stringify(rejections)}`);
          const explained = explain(rejections);
          if (placement === null && explained.length === 0) throw new Error(`${id}: nothing is explained`);
          const silent = nodes.filter(n => !rejections.some(r => r.node === n.name));
          if (placement === null && silent.length > 0) throw new Error(`${silent[0]!.name} says nothing`);
        },
      });
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
  t.pass();
});

test('the order in which nodes are listed and others were placed makes no difference', t => {
  fc.assert(
    fc.property(someNodes({ max: 8 }), operations(20), someSpec, ({ nodes, records }, all, spec) => {
      const one = new Cluster(nodes, records);
      const held = [...perform(one, all, { placed: () => {} })];
      const two = new Cluster(nodes.toReversed(), records);
      for (const [id, h] of held.toReversed()) two.hold(request(id, h.spec), h.spec, h.placement);
      const [a, b] = [one, two].map(c => JSON.stringify(c.place(request('next', spec))));
      // Who holds a device is told in the order of the services' names, so reasons are equal too.
      if (a !== b) throw new Error(`${a} and ${b}`);
    }),
    { numRuns: 200, includeErrorInReport: true },
  );
  t.pass();
});

test('more room never takes a place away', t => {
  fc.assert(
    fc.property(someNodes({ max: 4 }), operations(25), someSpec, fc.nat(100), ({ nodes, records }, all, spec, nth) => {
      const cluster = new Cluster(nodes, records);
      const held = [...perform(cluster, all, { placed: () => {} }).keys()];
      const before = cluster.find(request('next', spec));
      if (held.length > 0) cluster.release(held[nth % held.length]!);
      if (before && !cluster.find(request('next', spec))) throw new Error('there was a place while more was held');
      const larger = new Cluster(
        nodes.map(n => ({ ...n, cpus: n.cpus + 1, memoryBytes: n.memoryBytes + GIB })),
        records,
      );
      if (new Cluster(nodes, records).find(request('next', spec)) && !larger.find(request('next', spec)))
        throw new Error('there was a place on smaller nodes');
    }),
    { numRuns: 300, includeErrorInReport: true },
  );
  t.pass();
});

test('a batch is placed alike in whatever order it comes, and what is placed fits', t => {
  const batch = fc.array(fc.tuple(someSpec, fc.nat(3)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(someNodes({ max: 4 }), batch, ({ nodes, records }, some) => {
      const requests = some.map(([spec, createdAt], i) => ({ ...request(`r${i}`, spec), createdAt }));
      const one = placeTogether(new Cluster(nodes, records), requests);
      const two = placeTogether(new Cluster(nodes, records), requests.toReversed());
      for (const { replicaId } of requests) {
        const [a, b] = [one.get(replicaId), two.get(replicaId)].map(v => JSON.stringify(v?.kind === 'placed' && v));
        if (a !== b) throw new Error(`${replicaId}: ${a} and ${b}`);
      }
      for (const node of nodes) {
        const held = requests.flatMap(({ replicaId, spec }) => {
          const verdict = one.get(replicaId);
          return verdict?.kind === 'placed' && verdict.placement.node === node.name
            ? [{ spec, placement: verdict.placement }]
            : [];
        });
        checkNode(node, held);
      }
      const first = requests.toSorted((a, b) => b.spec.priority - a.spec.priority || a.createdAt - b.createdAt)[0]!;
      const rivals = requests.filter(r => r.spec.priority === first.spec.priority && r.createdAt === first.createdAt);
      const alone = new Cluster(nodes, records).find(first);
      if (alone && rivals.length === 1 && one.get(first.replicaId)?.kind !== 'placed')
        throw new Error('the first in turn has no place, though it fits');
    }),
    { numRuns: 200, includeErrorInReport: true },
  );
  t.pass();
});
