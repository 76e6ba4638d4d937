import test from 'ava';
import type { Quarantine } from '../../control-plane/core/node.ts';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import { Cluster } from '../../control-plane/core/placement/cluster.ts';
import { explain } from '../../control-plane/core/placement/explain.ts';
import { summarise } from '../../control-plane/core/placement/rejection.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { helpInWords } from '../../control-plane/views/help-in-words.ts';
import { lackInWords } from '../../control-plane/views/lack-in-words.ts';
import { pendingInWords } from '../../control-plane/views/pending-in-words.ts';
import { asking, GIB, gpus } from './clusters.ts';
import { aNode } from './replicas.ts';

const h100 = (count: number) => gpus(...Array(count).fill({ model: 'NVIDIA H100', memoryBytes: 80 * GIB }));
const id = (n: number) => `nvidia.com/gpu=${n}`;

interface Scene {
  readonly devices: readonly ObservedDevice[];
  readonly quarantined?: readonly Quarantine[];
  /** What a service of that name holds of each of these devices: bytes, or the whole. */
  readonly held?: Readonly<Record<string, { readonly devices: readonly string[]; readonly memoryBytes?: number }>>;
  readonly request?: Partial<NonNullable<NonNullable<ServiceSpecInput['resources']>['gpu']>>;
}

/** What somebody who wants all GPUs of the one node there is told. */
function told({ devices, quarantined = [], held = {}, request = {} }: Scene) {
  const records = new Map([['a', { name: 'a', drainingSince: null, quarantined }]]);
  const cluster = new Cluster([aNode({ name: 'a', devices })], records);
  const specs = new Map(
    Object.entries(held).map(([name, { memoryBytes, ...placed }]) => {
      const gpu = memoryBytes === undefined ? {} : { memoryBytes, exclusive: false };
      const holder = asking(name, { resources: { gpu } });
      cluster.hold(holder, holder.spec, { node: 'a', devices: placed.devices });
      return [holder.service, holder.spec];
    }),
  );
  const wanting = asking('all', { resources: { gpu: { count: -1, ...request } } });
  const verdict = cluster.place(wanting);
  if (verdict.kind === 'placed') return { groups: [], help: [], lines: [] };
  const groups = explain(verdict.rejections, { ...wanting, specOf: key => specs.get(key) });
  const moment = { now: 60_001, quarantineMs: 600_000 };
  return {
    groups,
    help: groups.flatMap(g => g.help.map(h => helpInWords(h, moment))),
    lines: summarise(verdict.rejections).map(r => pendingInWords(r, lackInWords)),
  };
}

test('who wants all GPUs is told how many there are, how many are free, and who holds the others', t => {
  const { groups, help, lines } = told({ devices: h100(2), held: { llm: { devices: [id(0)] } } });
  t.like(groups, [{ constraint: 'gpu_held', requested: 'all', free: 1, total: 2, heldBy: ['ns/llm'] }]);
  t.is(groups[0]?.message, 'needs all GPUs: 1 of 2 is free, 1 held by ns/llm');
  t.true(help.some(line => line.includes('llm')));
  t.deepEqual(lines, ['a: needs all GPUs, too few are free']);
});

test('who wants all GPUs is not told that one holder of several is enough', t => {
  const held = { x: { devices: [id(0)] }, y: { devices: [id(1)] } };
  const all = told({ devices: h100(2), held });
  t.like(all.groups, [{ requested: 'all', free: 0, total: 2, heldBy: ['ns/x', 'ns/y'] }]);
  const one = told({ devices: h100(2), held, request: { count: 1 } });
  t.true(
    one.help.some(line => line.includes('ns/x or ns/y')),
    one.help.join('\n'),
  );
  t.false(
    all.help.some(line => line.includes('ns/x or ns/y')),
    all.help.join('\n'),
  );
  t.true(
    all.help.some(line => line.includes('ns/x, ns/y')),
    all.help.join('\n'),
  );
});

test('a GPU in quarantine keeps nobody waiting who wants all, and is not named as the reason', t => {
  const inQuarantine = (n: number): Quarantine => ({ device: id(n), since: 1, reason: 'r saw nothing' });
  const quarantined = [inQuarantine(0), inQuarantine(1)];
  t.deepEqual(told({ devices: h100(3), quarantined }).groups, []);
  const beside = told({ devices: h100(4), quarantined, held: { llm: { devices: [id(2)] } } });
  t.like(beside.groups, [{ constraint: 'gpu_held', requested: 'all', free: 1, total: 2, heldBy: ['ns/llm'] }]);
  const alone = told({ devices: h100(2), quarantined });
  t.like(alone.groups, [{ constraint: 'gpu_quarantined', requested: 'all', free: 0, total: 2 }]);
});

test('who shares all GPUs is told of the fullest, since it needs its memory on each', t => {
  const held = {
    big: { devices: [id(0)], memoryBytes: 70 * GIB },
    small: { devices: [id(1)], memoryBytes: 50 * GIB },
  };
  const { groups } = told({ devices: h100(3), held, request: { memoryBytes: 40 * GIB, exclusive: false } });
  t.like(groups, [{ constraint: 'gpu_memory_left', requested: 40 * GIB, free: 10 * GIB, total: 80 * GIB }]);
  t.regex(
    groups[0]?.message ?? '',
    /^needs all GPUs with 40 GiB each: 1 of 3 has that left, the fullest 10 GiB of 80 GiB/,
  );
});

test('who wants all GPUs of nodes without any is told so alike, whatever is asked for', t => {
  const { groups, lines } = told({ devices: [] });
  t.like(groups, [{ constraint: 'gpu_missing', requested: 'all', free: 0, total: 0 }]);
  t.deepEqual(lines, ['a: needs all GPUs, and no GPU is known on this node']);
});
