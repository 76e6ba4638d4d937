import test from 'ava';
import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { ObservedNode } from '../../control-plane/core/observed.ts';
import { alternativesFor } from '../../control-plane/core/placement/alternatives.ts';
import { Cluster } from '../../control-plane/core/placement/cluster.ts';
import { explain } from '../../control-plane/core/placement/explain.ts';
import type { Help } from '../../control-plane/core/placement/help.ts';
import { type Rejection, type RejectionConstraint, summarise } from '../../control-plane/core/placement/rejection.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { helpInWords } from '../../control-plane/views/help-in-words.ts';
import { lackInWords, lackWith } from '../../control-plane/views/lack-in-words.ts';
import { briefly, pendingInWords } from '../../control-plane/views/pending-in-words.ts';
import { asking, GIB, gpus } from './clusters.ts';
import { aNode } from './replicas.ts';

const MOMENT = { now: 60_001, quarantineMs: 600_000 };
const inWords = (help: readonly Help[] = []) => help.map(h => helpInWords(h, MOMENT));

/** A line for each lack, with what the nodes have. */
function linesOf(rejections: readonly Rejection[]): string[] {
  const words = lackWith(node => rejections.filter(r => r.node === node));
  return summarise(rejections).map(reason => pendingInWords(reason, words));
}

/** The same in one line, as `ps` has it. */
function lineOf(rejections: readonly Rejection[]): string {
  return briefly(
    summarise(rejections),
    lackWith(node => rejections.filter(r => r.node === node)),
  );
}

const h100 = (count: number) => gpus(...Array(count).fill({ model: 'NVIDIA H100', memoryBytes: 80 * GIB }));

/** Two nodes of H100, one of them in zone x; one of an L4; one without GPUs. */
function fleet(): ObservedNode[] {
  return [
    aNode({ name: 'gpu-a', cpus: 16, memoryBytes: 64 * GIB, devices: h100(2), labels: { zone: 'x' } }),
    aNode({ name: 'gpu-b', cpus: 16, memoryBytes: 64 * GIB, devices: h100(2), images: new Set(['local:1']) }),
    aNode({ name: 'small', cpus: 8, memoryBytes: 32 * GIB, devices: gpus({ model: 'L4', memoryBytes: 24 * GIB }) }),
    aNode({ name: 'web', cpus: 4, memoryBytes: 8 * GIB }),
  ];
}

function reject(
  input: Partial<ServiceSpecInput>,
  given: {
    nodes?: ObservedNode[];
    records?: NodeRecord[];
    held?: [Partial<ServiceSpecInput>, string, string[]][];
  } = {},
): readonly Rejection[] {
  const records = new Map((given.records ?? []).map(r => [r.name, r]));
  const cluster = new Cluster(given.nodes ?? fleet(), records);
  for (const [i, [spec, node, devices]] of (given.held ?? []).entries()) {
    const request = asking('llm', spec, { replicaId: `h${i}` });
    cluster.hold(request, request.spec, { node, devices });
  }
  const verdict = cluster.place(asking('new', input));
  return verdict.kind === 'unplaceable' ? verdict.rejections : [];
}

const gpu = (request: NonNullable<NonNullable<ServiceSpecInput['resources']>['gpu']>) => ({
  resources: { gpu: request },
});
const share = (gib: number) => gpu({ exclusive: false, memoryBytes: gib * GIB });
const id = (n: number) => `nvidia.com/gpu=${n}`;
const isOn = (given: Partial<NodeRecord> & { name: string }): NodeRecord => ({
  drainingSince: null,
  quarantined: [],
  ...given,
});
const everywhere: [string, string[]][] = [
  ['gpu-a', [id(0), id(1)]],
  ['gpu-b', [id(0), id(1)]],
  ['small', [id(0)]],
];

/** What nobody can place, the constraint that a person would name, and what they would be told. */
const UNPLACEABLE: {
  title: string;
  input: Partial<ServiceSpecInput>;
  given?: Parameters<typeof reject>[1];
  constraint: RejectionConstraint;
  says: RegExp;
  helps: RegExp;
}[] = [
  {
    title: 'a model of GPU that no node has',
    input: gpu({ models: ['B200'] }),
    constraint: 'gpu_model',
    says: /needs 1 GPU of model B200; there are 2 × NVIDIA H100 with 80 GiB/,
    helps: /^ask for NVIDIA H100 or L4, or add a node that has a GPU of model B200$/,
  },
  {
    title: 'more memory than any device has',
    input: gpu({ memoryBytes: 100 * GIB }),
    constraint: 'gpu_memory',
    says: /needs 1 GPU with 100 GiB; there are 2 × NVIDIA H100 with 80 GiB/,
    helps: /lower x-outrigger.gpu.memory to at most 80 GiB/,
  },
  {
    title: 'a share of which nobody has so much left',
    input: share(60),
    given: {
      held: everywhere.flatMap(([node, ids]) =>
        ids.map(d => [share(node === 'small' ? 20 : 56), node, [d]] as [Partial<ServiceSpecInput>, string, string[]]),
      ),
    },
    constraint: 'gpu_memory_left',
    says: /at most 24 GiB of 80 GiB are free on one, the rest is held by ns\/llm/,
    helps: /lower x-outrigger.gpu.memory to at most 24 GiB/,
  },
  {
    title: 'devices that others hold',
    input: gpu({ count: 2 }),
    given: {
      held: [
        [gpu({}), 'gpu-a', [id(1)]],
        [gpu({}), 'gpu-b', [id(0)]],
      ],
    },
    constraint: 'gpu_held',
    says: /needs 2 GPUs: 1 of 2 is free, 1 held by ns\/llm/,
    helps: /stop or scale down ns\/llm, which holds it/,
  },
  {
    title: 'more devices than any node has',
    input: gpu({ count: 4 }),
    constraint: 'gpu_count',
    says: /needs 4 GPUs: of the 2 on the node \(2 × NVIDIA H100 with 80 GiB\) 2 fit/,
    helps: /ask for at most 2 GPUs/,
  },
  {
    title: 'a device id that does not exist',
    input: gpu({ deviceIds: ['7'] }),
    constraint: 'gpu_id',
    says: /device 7 does not exist; the node has nvidia.com\/gpu=0, nvidia.com\/gpu=1/,
    helps: /ask for one of nvidia.com\/gpu=0, nvidia.com\/gpu=1/,
  },
  {
    title: 'a GPU where no node has any',
    input: gpu({}),
    given: { nodes: [aNode({ name: 'web' })] },
    constraint: 'gpu_missing',
    says: /needs 1 GPU, and no GPU is known on this node/,
    helps: /add a node that has a GPU/,
  },
  {
    title: 'more CPUs than any node has',
    input: { resources: { cpus: 32 } },
    constraint: 'cpus',
    says: /needs 32 CPUs, 16 of 16 are free/,
    helps: /ask for at most 16 CPUs: no node here has more/,
  },
  {
    title: 'more memory than is free',
    input: { resources: { memoryBytes: 30 * GIB } },
    given: {
      nodes: [aNode({ name: 'only', memoryBytes: 64 * GIB, reservedMemoryBytes: 4 * GIB })],
      held: [[{ resources: { memoryBytes: 40 * GIB } }, 'only', []]],
    },
    constraint: 'memory',
    says: /needs 30 GiB of memory, 20 GiB of 60 GiB are free/,
    helps: /ask for at most 20 GiB of memory/,
  },
  {
    title: 'a label that no node has',
    input: { placement: { constraints: ['node.labels.zone == y'] } },
    constraint: 'label',
    says: /the constraint "node.labels.zone == y" is not met: node.labels.zone is x|no node.labels.zone/,
    helps: /give a node a label that meets "node.labels.zone == y"/,
  },
  {
    title: 'an attribute that nodes do not have',
    input: { placement: { constraints: ['node.ip == 10.0.0.1'] } },
    constraint: 'unknown_constraint',
    says: /cannot judge the constraint "node.ip == 10.0.0.1": known are node.hostname/,
    helps: /write the constraint "node.ip == 10.0.0.1" over node.labels/,
  },
  {
    title: 'a platform that no node is of',
    input: { placement: { constraints: ['node.platform.arch == aarch64'] } },
    given: {
      nodes: ['x86_64', 'x86_64', 'riscv64'].map((architecture, i) =>
        aNode({ name: `n${i}`, platform: { os: 'linux', architecture } }),
      ),
    },
    constraint: 'label',
    says: /the constraint "node.platform.arch == aarch64" is not met: node.platform.arch is x86_64/,
    helps:
      /drop "node.platform.arch == aarch64" .* where the image runs on riscv64, x86_64 too, or add a node that meets it/,
  },
  {
    title: 'a platform where none is known',
    input: { placement: { constraints: ['node.platform.os == linux'] } },
    given: { nodes: [aNode({ name: 'old' })] },
    constraint: 'label',
    says: /the constraint "node.platform.os == linux" is not met: no node.platform.os/,
    helps: /of what platform the nodes are is not known/,
  },
  {
    title: 'the only node that fits, which is drained',
    input: { placement: { constraints: ['node.hostname == web'] } },
    given: { nodes: [aNode({ name: 'web' })], records: [isOn({ name: 'web', drainingSince: 1 })] },
    constraint: 'draining',
    says: /drained: takes no new replicas/,
    helps: /outrigger nodes undrain web/,
  },
  {
    title: 'a node that does not answer',
    input: {},
    given: { nodes: [aNode({ name: 'web', answering: false, error: 'connection refused' })] },
    constraint: 'silent',
    says: /no answer: connection refused/,
    helps: /outrigger nodes inspect web/,
  },
  {
    title: 'the only device, which is in quarantine',
    input: gpu({ models: ['L4'] }),
    given: {
      records: [isOn({ name: 'small', quarantined: [{ device: id(0), since: 1, reason: 'r1 lost sight of it' }] })],
    },
    constraint: 'gpu_quarantined',
    says: /needs 1 GPU of model L4: 0 of 1 are free, 1 quarantined/,
    helps:
      /^wait until its quarantine ends in 9 min, or end it: outrigger nodes undrain small --device nvidia.com\/gpu=0$/,
  },
  {
    title: 'an image that is never pulled, where its node is full',
    input: { image: 'local:1', pullPolicy: 'never', resources: { cpus: 10 } },
    given: { held: [[{ resources: { cpus: 10 } }, 'gpu-b', []]] },
    constraint: 'cpus',
    says: /needs 10 CPUs, 6 of 16 are free/,
    helps: /ask for at most 6 CPUs/,
  },
  {
    title: 'a host port that is taken',
    input: { ports: [{ containerPort: 80, hostPort: 8080 }] },
    given: { nodes: [aNode({ name: 'web' })], held: [[{ ports: [{ containerPort: 80, hostPort: 8080 }] }, 'web', []]] },
    constraint: 'host_port',
    says: /host port 8080 is taken by another replica, of ns\/llm/,
    helps: /publish another port than 8080/,
  },
];

for (const { title, input, given, constraint, says, helps } of UNPLACEABLE) {
  test(`${title}: told by ${constraint}`, t => {
    const rejections = reject(input, given);
    const [first] = explain(rejections);
    t.is(first?.constraint, constraint);
    t.regex(first?.message ?? '', says);
    t.regex(inWords(first?.help).join('\n'), helps);
    const lines = linesOf(rejections);
    t.true(
      lines.some(line => says.test(line)),
      lines.join('\n'),
    );
    t.true(lines.length <= 5);
  });
}

test('a device tells why it does not do, with its holder and what is free of it', t => {
  const rejections = reject(share(60), {
    held: [
      [share(30), 'gpu-a', [id(0)]],
      [gpu({}), 'gpu-a', [id(1)]],
    ],
    nodes: fleet().slice(0, 1),
  });
  t.deepEqual(
    rejections
      .filter(r => r.device)
      .map(({ device, constraint, requested, free, total, heldBy }) => {
        return { device, constraint, requested, free, total, heldBy };
      }),
    [
      {
        device: id(0),
        constraint: 'gpu_memory_left',
        requested: 60 * GIB,
        free: 50 * GIB,
        total: 80 * GIB,
        heldBy: ['ns/llm'],
      },
      {
        device: id(1),
        constraint: 'gpu_held',
        requested: undefined,
        free: undefined,
        total: undefined,
        heldBy: ['ns/llm'],
      },
    ],
  );
});

test('what holds for good hides what others hold: nobody makes room on a node of the wrong kind', t => {
  const rejections = reject(
    { resources: { cpus: 15, gpu: { models: ['B200'] } } },
    { nodes: fleet().slice(0, 1), held: [[{ resources: { cpus: 8 } }, 'gpu-a', []]] },
  );
  t.deepEqual([...new Set(rejections.map(r => r.constraint))], ['gpu_model']);
});

test('nodes that fail alike share a line, and many ways to fail are cut to a few', t => {
  const alike = Array.from({ length: 4 }, (_, i) => aNode({ name: `n${i}`, cpus: 1 + i }));
  const nodes = [
    ...alike,
    aNode({ name: 'narrow', memoryBytes: GIB }),
    aNode({ name: 'away', answering: false, error: 'refused' }),
    aNode({ name: 'going', leaving: true }),
    aNode({ name: 'emptied' }),
    aNode({ name: 'full' }),
  ];
  const given = {
    nodes,
    records: [isOn({ name: 'emptied', drainingSince: 1 })],
    held: [[{ resources: { cpus: 6 } }, 'full', []]] as [Partial<ServiceSpecInput>, string, string[]][],
  };
  const lines = linesOf(reject({ resources: { cpus: 8, memoryBytes: 2 * GIB } }, given));
  t.deepEqual(lines, [
    'full: needs 8 CPUs, 2 of 8 are free',
    'emptied: drained: takes no new replicas',
    'going: not configured any more',
    'away: no answer: refused',
    '5 more nodes: other reasons',
  ]);
  t.deepEqual(linesOf(reject({ resources: { cpus: 100 } }, { nodes: alike })), [
    '4 nodes (n0, n1, n2, …): needs 100 CPUs, 3 of 3 are free (on n2)',
  ]);
  t.deepEqual(linesOf(reject({}, { nodes: [] })), ['no node is known yet']);
});

test('a pending line tells of the closest nodes, and counts the others', t => {
  const nodes = [
    aNode({ name: 'a', cpus: 2 }),
    aNode({ name: 'b', answering: false, error: 'refused' }),
    aNode({ name: 'c', cpus: 8 }),
    aNode({ name: 'd', cpus: 2 }),
  ];
  const held: [Partial<ServiceSpecInput>, string, string[]][] = [[{ resources: { cpus: 6 } }, 'c', []]];
  const rejections = reject({ resources: { cpus: 4 } }, { nodes, held });
  t.is(linesOf(rejections)[0], 'c: needs 4 CPUs, 2 of 8 are free');
  t.is(lineOf(rejections), 'c: needs 4 CPUs, 2 of 8 are free; b does not answer; and 2 more nodes');
  const away = nodes.map(n => (n.name === 'c' ? aNode({ ...n, answering: false, error: 'timed out' }) : n));
  const closest = reject({ resources: { cpus: 4 } }, { nodes: away, held: [] });
  t.is(
    lineOf(closest),
    '2 nodes (b, c): no answer: refused (on b); 2 nodes (a, d): needs 4 CPUs, 2 of 2 are free',
    'what the nodes lack that answer',
  );
  const plainly = (reasons: Parameters<typeof briefly>[0]) => briefly(reasons, lackInWords);
  t.is(plainly([{ kind: 'dependency', service: 'db', condition: 'ready' }]), 'waits for service db to be ready');
  t.is(
    plainly([
      { kind: 'room_made' },
      { kind: 'lack', constraint: 'cpus', requested: 4, nodes: ['a', 'b'], count: 2 },
      { kind: 'other_lacks', count: 1 },
    ]),
    'others are on their way out and make room for it; 2 nodes (a, b): needs 4 CPUs, fewer are free; and 1 more node',
  );
  t.is(lineOf(reject({}, { nodes: [] })), 'no node is known yet');
});

test('what is stored of a lack is the same whatever others are given', t => {
  const nodes = ['a', 'b'].map(name => aNode({ name, cpus: 8, devices: h100(2) }));
  const asked = { resources: { cpus: 8, gpu: { count: 2 } } };
  const stored = (...held: [Partial<ServiceSpecInput>, string, string[]][]) =>
    summarise(reject(asked, { nodes, held }));
  const holds = (cpus: number) => ({ resources: { cpus, gpu: {} } });
  const before = stored([holds(1), 'a', [id(0)]], [holds(1), 'b', [id(0)]]);
  t.deepEqual(before, [{ kind: 'lack', constraint: 'cpus', requested: 8, nodes: ['a', 'b'], count: 2 }]);
  t.deepEqual(stored([holds(4), 'a', [id(0)]], [holds(2), 'b', [id(1)]]), before);
  t.deepEqual(stored([holds(1), 'a', [id(0)]], [holds(6), 'b', [id(1)]]), before);
});

const constraintsOf = (rejections: readonly Rejection[]) => explain(rejections).map(e => e.constraint);

test('the nodes that come closest stand first, by kind and then by number of what they lack', t => {
  const web = { cpus: 8, memoryBytes: 8 * GIB };
  const nodes = [
    aNode({ name: 'a', ...web, devices: h100(1) }),
    aNode({ name: 'b', ...web, devices: h100(1) }),
    aNode({ name: 'c', ...web }),
  ];
  const request = { resources: { cpus: 6, gpu: {} } };
  const rejections = reject(request, {
    nodes,
    held: [
      [{ resources: { cpus: 4 } }, 'a', []],
      [gpu({}), 'a', [id(0)]],
      [{ resources: { cpus: 5 } }, 'b', []],
    ],
  });
  const groups = explain(rejections);
  t.deepEqual(
    groups.map(e => [e.constraint, e.nodes]),
    [
      ['cpus', ['b', 'a']],
      ['gpu_held', ['a']],
      ['gpu_missing', ['c']],
    ],
  );
  t.is(groups[0]!.message, 'needs 6 CPUs, 3 of 8 are free (on b)', 'a has more, and lacks a GPU besides');
  t.deepEqual(groups[2]!.help, [], 'others have GPUs');
});

test('nodes with and without GPUs are told apart when an id is asked for that none has', t => {
  const groups = explain(reject(gpu({ deviceIds: ['GPU-nope'] })));
  t.deepEqual(
    groups.map(e => [e.constraint, e.nodes]),
    [
      ['gpu_id', ['gpu-a', 'gpu-b', 'small']],
      ['gpu_missing', ['web']],
    ],
  );
  t.is(
    groups[0]!.message,
    'device GPU-nope does not exist; the node has nvidia.com/gpu=0, nvidia.com/gpu=1 (on gpu-a)',
  );
  t.is(groups[1]!.message, 'needs the GPU GPU-nope, and no GPU is known on this node');
});

for (const [constraint, given, expected] of [
  ['node.hostname == nope', {}, /^there is no node nope; there are gpu-a, gpu-b, small and 1 more$/],
  ['node.id == GPU-A', { records: [isOn({ name: 'gpu-a', drainingSince: 1 })] }, /^that is gpu-a: see what it lacks/],
  ['node.role == manager', {}, /^drop "node.role == manager".*: every node here is a worker$/],
  ['node.hostname != web', { nodes: [aNode({ name: 'web' })] }, /^drop "node.hostname != web" .* to have web taken/],
] as const) {
  test(`${constraint} is helped by what nodes there are, not by labels`, t => {
    const groups = explain(reject({ placement: { constraints: [constraint] } }, given as Parameters<typeof reject>[1]));
    t.regex(inWords(groups.find(e => e.constraint === 'label')?.help)[0] ?? '', expected);
  });
}

test('two labels that are missing are two matters', t => {
  const constraints = ['node.labels.zone == y', 'node.labels.disk == ssd'];
  t.deepEqual(constraintsOf(reject({ placement: { constraints } })), ['label', 'label']);
});

test('nobody is told to stop itself, nor to declare what is declared', t => {
  const nodes = [aNode({ name: 'a', devices: h100(1) })];
  const asked = (own: Partial<ServiceSpecInput>, other: Partial<ServiceSpecInput>, name: string) => {
    const cluster = new Cluster(nodes, new Map());
    const holder = asking(name, other, { replicaId: 'h' });
    cluster.hold(holder, holder.spec, { node: 'a', devices: [id(0)] });
    const request = asking('new', own);
    const specOf = () => holder.spec;
    const [first] = explain(cluster.rejections(request), { service: request.service, spec: request.spec, specOf });
    return inWords(first?.help);
  };
  t.deepEqual(asked(gpu({}), gpu({}), 'new'), ['declare x-outrigger.gpu.memory for ns/new, so that they may share']);
  t.deepEqual(asked(gpu({}), share(8), 'llm'), [
    'stop or scale down ns/llm, which holds it',
    'declare x-outrigger.gpu.memory for ns/new, so that they may share',
  ]);
  t.deepEqual(asked(share(8), gpu({}), 'llm'), [
    'stop or scale down ns/llm, which holds it',
    'declare x-outrigger.gpu.memory for ns/llm, so that they may share',
  ]);
});

test('of services that each hold a device, one is asked to give way or to share, and no more than have to', t => {
  const helps = (held: readonly [name: string, spec: Partial<ServiceSpecInput>, device: number][]) => {
    const cluster = new Cluster([aNode({ name: 'a', devices: h100(2) })], new Map());
    const holders = held.map(([name, spec, device], i) => {
      const holder = asking(name, spec, { replicaId: `h${i}` });
      cluster.hold(holder, holder.spec, { node: 'a', devices: [id(device)] });
      return holder;
    });
    const request = asking('new', gpu({}));
    const specOf = (key: string) => holders.find(h => h.service === key)?.spec;
    const [first] = explain(cluster.rejections(request), { service: request.service, spec: request.spec, specOf });
    return inWords(first?.help);
  };
  t.deepEqual(
    helps([
      ['chat', gpu({}), 0],
      ['embed', gpu({}), 1],
    ]),
    [
      'stop or scale down ns/chat or ns/embed: one of them is enough',
      'declare x-outrigger.gpu.memory for ns/new and for ns/chat or ns/embed, so that they may share',
    ],
  );
  t.deepEqual(
    helps([
      ['chat', gpu({}), 0],
      ['embed', share(8), 1],
      ['rank', share(8), 1],
    ]),
    ['stop or scale down ns/chat, which holds it', 'declare x-outrigger.gpu.memory for ns/new, so that they may share'],
  );
});

test('nobody is told to bring an image to a node that cannot take the replica anyway', t => {
  const images = new Set(['local:1']);
  const input = { ...gpu({}), image: 'local:1', pullPolicy: 'never' as const };
  const helps = (plain: ObservedNode) => {
    const nodes = [aNode({ name: 'gpu', devices: h100(1), images }), plain];
    const { service, spec } = asking('new', input);
    const groups = explain(reject(input, { nodes, held: [[gpu({}), 'gpu', [id(0)]]] }), {
      service,
      spec,
      specOf: () => spec,
    });
    return groups.find(g => g.constraint === 'image')?.help.map(h => h.kind);
  };
  t.deepEqual(helps(aNode({ name: 'plain' })), []);
  t.deepEqual(helps(aNode({ name: 'plain', devices: h100(1) })), ['spread_image']);
});

test('where another model has room, it is named; where none has, it is not', t => {
  const nodes = fleet().slice(1, 3);
  const cluster = new Cluster(nodes, new Map());
  const request = asking('new', gpu({ models: ['L4'], exclusive: false, memoryBytes: 20 * GIB }));
  const holder = asking('llm', share(20), { replicaId: 'h' });
  cluster.hold(holder, holder.spec, { node: 'small', devices: [id(0)] });
  t.is(cluster.place(request).kind, 'unplaceable');
  t.deepEqual(inWords(alternativesFor(cluster, request)), [
    'allow NVIDIA H100 as well in x-outrigger.gpu.models: there is room on gpu-b',
  ]);
  const larger = asking('new', gpu({ models: ['L4'], exclusive: false, memoryBytes: 90 * GIB }));
  t.deepEqual(alternativesFor(cluster, larger), []);
});

test('what is needed never reads as what is free', t => {
  const memory = 10 * GIB;
  const nodes = [aNode({ name: 'a', memoryBytes: memory })];
  const [line] = linesOf(reject({ resources: { memoryBytes: memory + 1 } }, { nodes }));
  t.is(line, 'a: needs 10.1 GiB of memory, 10 GiB of 10 GiB are free');
});

test('a device in quarantine is closer than one that another holds: it comes back by itself', t => {
  const records = [isOn({ name: 'b', quarantined: [{ device: id(0), since: 1, reason: 'r1 lost sight of it' }] })];
  const nodes = ['a', 'b'].map(name => aNode({ name, devices: h100(1) }));
  const rejections = reject(gpu({}), { nodes, records, held: [[gpu({}), 'a', [id(0)]]] });
  t.deepEqual(constraintsOf(rejections), ['gpu_quarantined', 'gpu_held']);
  t.is(lineOf(rejections), 'b: needs 1 GPU: 0 of 1 are free, 1 quarantined; and 1 more node');
});

test('that no node has more is said only where that is so', t => {
  const nodes = [aNode({ name: 'a', cpus: 4 }), aNode({ name: 'b', cpus: 64 })];
  const records = [isOn({ name: 'b', drainingSince: 1 })];
  const help = explain(reject({ resources: { cpus: 8 } }, { nodes, records })).find(e => e.constraint === 'cpus')?.help;
  t.deepEqual(inWords(help), ['ask for at most 4 CPUs: none of these nodes has more']);
});

test('what may be asked for at most is the most of all nodes, not that of the one that comes closest', t => {
  const nodes = [
    aNode({ name: 'desk', cpus: 2, reservedCpus: 0.5, memoryBytes: 24 * GIB }),
    aNode({ name: 'gpu-a', cpus: 2, memoryBytes: 23.5 * GIB }),
  ];
  const groups = explain(reject({ resources: { cpus: 8, memoryBytes: 64 * GIB } }, { nodes }));
  t.deepEqual(
    groups.flatMap(g => inWords(g.help)),
    ['ask for at most 2 CPUs: no node here has more', 'ask for at most 24 GiB of memory: no node here has more'],
  );
});

test('nodes that have more, and lack something else, are no reason to ask for as much', t => {
  const nodes = [aNode({ name: 'a', cpus: 2, devices: h100(1) }), aNode({ name: 'b', cpus: 4, labels: { zone: 'x' } })];
  const groups = explain(reject({ resources: { cpus: 8, gpu: {} } }, { nodes }));
  t.deepEqual(inWords(groups.find(g => g.constraint === 'cpus')?.help), [
    'ask for at most 2 CPUs: those that have more lack something else as well',
  ]);
});

test('a node with a GPU that is too small is closer than nodes without any, also where the image is missing there', t => {
  const nodes = [
    aNode({ name: 'bee' }),
    aNode({ name: 'desk', images: new Set(['local:1']) }),
    aNode({ name: 'gpu-a', devices: gpus({ model: 'L4', memoryBytes: 24 * GIB }) }),
  ];
  const input = { ...gpu({ memoryBytes: 30 * GIB }), image: 'local:1', pullPolicy: 'never' as const };
  const { service, spec } = asking('new', input);
  const rejections = reject(input, { nodes });
  t.is(lineOf(rejections), 'gpu-a: needs 1 GPU with 30 GiB; there is 1 × L4 with 24 GiB; and 2 more nodes');
  const groups = explain(rejections, { service, spec, specOf: () => undefined });
  const ofConstraint = (constraint: string) => inWords(groups.find(g => g.constraint === constraint)?.help);
  t.deepEqual(ofConstraint('gpu_memory'), ['lower x-outrigger.gpu.memory to at most 24 GiB']);
  t.deepEqual(ofConstraint('gpu_missing'), ['add a node that has 1 GPU with 30 GiB']);
});

test('that the only node with a GPU is drained is told after what the others lack, with more than one way out', t => {
  const nodes = [aNode({ name: 'bee' }), aNode({ name: 'desk' }), aNode({ name: 'gpu-a', devices: h100(1) })];
  const records = [isOn({ name: 'gpu-a', drainingSince: 1 })];
  const rejections = reject(gpu({}), { nodes, records, held: [[gpu({}), 'gpu-a', [id(0)]]] });
  t.is(lineOf(rejections), '2 nodes (bee, desk): needs 1 GPU, and no GPU is known on this node; and 1 more node');
  const { service, spec } = asking('new', gpu({}));
  const help = explain(rejections, { service, spec, specOf: () => undefined }).flatMap(g => inWords(g.help));
  t.true(help.includes('undrain node gpu-a: outrigger nodes undrain gpu-a'), help.join());
  t.true(help.includes('add a node that has 1 GPU'), help.join());
});

test('an image that is on other nodes can be brought, one that is nowhere has to be built', t => {
  const nodes = [
    aNode({ name: 'a', cpus: 1, images: new Set(['local:1']) }),
    aNode({ name: 'b', connection: 'tcp://b.example:2376' }),
  ];
  const input = { image: 'local:1', pullPolicy: 'never' as const, resources: { cpus: 2 } };
  const { service, spec } = asking('new', input);
  const groups = explain(reject(input, { nodes }), { service, spec, specOf: () => undefined });
  t.deepEqual(inWords(groups.find(g => g.constraint === 'image')?.help), [
    'the image local:1 is on a: bring it there as well (docker save local:1 | docker --host tcp://b.example:2376 load), or push it to a registry, and let it be pulled (pull_policy: missing)',
  ]);
  t.deepEqual(
    inWords([{ kind: 'spread_image', image: 'lokal:1', nodes: '', connection: 'local', isNeverPulled: true }]),
    ['no node has the image lokal:1: check its name, or build it'],
  );
});
