import test from 'ava';
import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { ObservedNode } from '../../control-plane/core/observed.ts';
import { Cluster } from '../../control-plane/core/placement/cluster.ts';
import { explain } from '../../control-plane/core/placement/explain.ts';
import { summarise } from '../../control-plane/core/placement/rejection.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { helpInWords } from '../../control-plane/views/help-in-words.ts';
import { lackWith } from '../../control-plane/views/lack-in-words.ts';
import { briefly } from '../../control-plane/views/pending-in-words.ts';
import { asking, GIB, gpus } from './clusters.ts';
import { aNode } from './replicas.ts';

interface Given {
  readonly nodes: readonly ObservedNode[];
  readonly records?: readonly NodeRecord[];
  /** By service: what it asks for, and where it has it. */
  readonly held?: readonly [string, Partial<ServiceSpecInput>, string, string[]][];
  readonly waiting?: number;
}

/** What `why` and `ps` would be told of a replica of the service `new`. */
function told(input: Partial<ServiceSpecInput>, { nodes, records = [], held = [], waiting = 1 }: Given) {
  const cluster = new Cluster(nodes, new Map(records.map(r => [r.name, r])));
  for (const [i, [name, spec, node, devices]] of held.entries()) {
    const request = asking(name, spec, { replicaId: `h${i}` });
    cluster.hold(request, request.spec, { node, devices });
  }
  const { service, spec } = asking('new', input);
  const rejections = cluster.rejections({ service, spec });
  const words = lackWith(node => rejections.filter(r => r.node === node));
  const groups = explain(rejections, { service, spec, specOf: () => undefined, waiting }).map(g => ({
    ...g,
    help: g.help.map(h => helpInWords(h, { now: 1_000, quarantineMs: 600_000 })),
  }));
  return { groups, help: groups.flatMap(g => g.help), line: briefly(summarise(rejections), words) };
}

const gpu = (request: NonNullable<NonNullable<ServiceSpecInput['resources']>['gpu']>) => ({
  resources: { gpu: request },
});

/** Of the devices of gpu-b nothing is known but their names. */
function halfKnown(): ObservedNode[] {
  return [
    aNode({ name: 'gpu-a', devices: gpus({ model: 'SIM-A', memoryBytes: 24 * GIB }, { model: 'SIM-A' }) }),
    aNode({ name: 'gpu-b', devices: gpus({}, {}) }),
  ];
}
const silent = { name: 'away', answering: false, cpus: 0, memoryBytes: 0, error: 'connection refused' };
const unheard = aNode(silent);

test('where the driver was asked and does not tell, that is told, and nobody is sent to set what is set', t => {
  const help = (isFromFile: boolean) =>
    helpInWords(
      { kind: 'describe_devices', what: 'memory', nodes: ['gpu-a', 'gpu-b'], isDriverAsked: true, isFromFile },
      {
        now: 1_000,
        quarantineMs: 600_000,
        driverTroubleOf: node => (node === 'gpu-b' ? 'nvidia-smi hangs' : undefined),
      },
    );
  const unknown =
    'the memory of the devices of gpu-a, gpu-b is not known, as the GPU driver of gpu-b could not be asked (nvidia-smi hangs)';
  t.is(help(true), `${unknown}: mend that, or state the devices in the nodes file`);
  t.is(help(false), `${unknown}: mend that, or state its devices in a nodes file`);
});

test('devices of unknown model may be those that are asked for, and what makes them known is told', t => {
  const { groups, help, line } = told(gpu({ models: ['SIM-B'] }), { nodes: halfKnown() });
  t.deepEqual(
    groups.map(g => [g.constraint, g.nodes]),
    [
      ['gpu_model', ['gpu-b']],
      ['gpu_model', ['gpu-a']],
    ],
  );
  t.is(groups[0]!.message, 'needs 1 GPU of model SIM-B; there are 2 × nvidia.com/gpu, whose model is not known');
  t.deepEqual(help, [
    'the model of the devices of gpu-b is not known: set gpu_probe_image there in the nodes file, or state the devices in the nodes file',
    'ask for SIM-A',
  ]);
  t.true(line.startsWith('gpu-b: needs 1 GPU of model SIM-B'), line);
});

test('devices of unknown memory are no part of what is known to be too small', t => {
  const nodes = halfKnown();
  const { groups, help } = told(gpu({ memoryBytes: 100 * GIB }), { nodes });
  t.deepEqual(
    groups.map(g => g.nodes),
    [['gpu-a', 'gpu-b']],
  );
  t.regex(help[0]!, /^the memory of the devices of gpu-a, gpu-b is not known: set gpu_probe_image/);
  const known = [aNode({ name: 'gpu-a', devices: gpus({ memoryBytes: 24 * GIB }) }), nodes[1]!];
  const apart = told(gpu({ memoryBytes: 100 * GIB }), { nodes: known });
  t.deepEqual(
    apart.groups.map(g => g.nodes),
    [['gpu-b'], ['gpu-a']],
  );
  t.regex(apart.help[0]!, /^the memory of the devices of gpu-b is not known/);
  t.regex(apart.help[1]!, /lower x-outrigger.gpu.memory to at most 24 GiB/);
});

test('what is not known of some devices of a node is said beside what is known of the others', t => {
  const devices = gpus({ model: 'SIM-A' }, {});
  const { groups } = told(gpu({ models: ['SIM-B'] }), { nodes: [aNode({ name: 'one', devices })] });
  t.is(
    groups[0]!.message,
    'needs 1 GPU of model SIM-B; there are 1 × SIM-A, 1 × nvidia.com/gpu; the model of 1 is not known',
  );
  t.regex(groups[0]!.help.join(), /the model of the devices of one is not known.*ask for SIM-A/);
});

test('the driver of other vendors is not asked, and without a nodes file none is edited', t => {
  const amd = [{ id: 'amd.com/gpu=0', driver: 'cdi' as const }];
  t.deepEqual(told(gpu({ models: ['MI300X'] }), { nodes: [aNode({ name: 'gpu-c', devices: amd })] }).help, [
    'the model of the devices of gpu-c is not known: state the devices in the nodes file',
  ]);
  t.deepEqual(told(gpu({ models: ['H100'] }), { nodes: [aNode({ name: 'local', devices: gpus({}) })] }).help, [
    "the model of the devices of local is not known: see with outrigger doctor why NVIDIA's driver does not tell it, or state its devices in a nodes file",
  ]);
});

test('while a node is drained another one is asked for only where none that is there may do', t => {
  const [gpuA, gpuB] = halfKnown();
  const records = [{ name: 'gpu-a', drainingSince: 1, quarantined: [] }];
  const simB = { ...gpuA!, devices: gpus({ model: 'SIM-B' }) };
  const asked = gpu({ models: ['SIM-B'] });
  const unclear = told(asked, { nodes: [simB, gpuB!], records }).help;
  t.true(unclear.includes('undrain node gpu-a: outrigger nodes undrain gpu-a'), unclear.join('\n'));
  t.false(
    unclear.some(line => line.includes('add a node')),
    unclear.join('\n'),
  );
  const clear = told(asked, { nodes: [simB, aNode({ name: 'web' })], records }).help;
  t.true(clear.includes('add a node that has 1 GPU of model SIM-B'), clear.join('\n'));
});

for (const [title, input, says] of [
  ['memory', { resources: { memoryBytes: 100 * GIB } }, /needs 100 GiB of memory/],
  ['a kind of GPU', gpu({ kind: 'amd.com/gpu' }), /needs 1 GPU of kind amd.com\/gpu/],
  ['a device', gpu({ deviceIds: ['7'] }), /device 7 does not exist/],
] as const) {
  test(`a node of which nobody has heard is told of after what the others lack: ${title}`, t => {
    const { groups, line } = told(input, { nodes: [unheard, ...halfKnown()] });
    t.regex(line, says);
    t.false(line.includes('refused'), line);
    t.regex(line, /; away does not answer/);
    t.is(groups.at(-1)?.constraint, 'silent');
  });
}

test('a silent node that would do if it answered is what is told first', t => {
  const silent = aNode({ name: 'gpu-c', answering: false, error: 'timed out', devices: gpus({ model: 'SIM-B' }) });
  const { line, groups } = told(gpu({ models: ['SIM-B'] }), { nodes: [...halfKnown(), silent] });
  t.regex(line, /^gpu-c: no answer: timed out; gpu-b: needs 1 GPU of model SIM-B; .*; and 1 more node$/);
  t.is(groups[0]?.constraint, 'silent');
});

test('several silent nodes are counted', t => {
  const nodes = [aNode({ name: 'web' }), unheard, aNode({ ...silent, name: 'far', error: 'no route' })];
  t.is(told(gpu({}), { nodes }).line, 'web: needs 1 GPU, and no GPU is known on this node; 2 nodes do not answer');
});

test('free devices that are of different kinds are said to be so', t => {
  const devices = [...gpus({}, {}), { id: 'amd.com/gpu=0', driver: 'cdi' as const }];
  const nodes = [aNode({ name: 'mixed', devices })];
  const held: Given['held'] = [['llm', gpu({}), 'mixed', ['nvidia.com/gpu=0']]];
  t.is(
    told(gpu({ count: 2 }), { nodes, held }).groups[0]?.message,
    'needs 2 GPUs: 2 of 3 are free but of different kinds (1 × nvidia.com/gpu, 1 × amd.com/gpu), 1 held by ns/llm',
  );
  t.regex(
    told(gpu({ count: 3 }), { nodes }).groups[0]!.message,
    /^needs 3 GPUs: of the 3 on the node \(.*\) 2 of one kind fit$/,
  );
});

test('replicas of one service that do not fit together are told what each may ask for', t => {
  const nodes = [aNode({ name: 'desk', cpus: 2, memoryBytes: 8 * GIB })];
  const spec = { resources: { cpus: 1.5 } };
  const own: Given['held'] = [['new', spec, 'desk', []]];
  t.deepEqual(told(spec, { nodes, held: own }).help, ['ask for at most 1 CPU for each replica']);
  t.deepEqual(told(spec, { nodes, held: own, waiting: 3 }).help, ['ask for at most 0.5 CPUs for each replica']);
  const large = { resources: { memoryBytes: 5 * GIB } };
  t.deepEqual(told(large, { nodes, held: [['new', large, 'desk', []]] }).help, [
    'ask for at most 4 GiB of memory for each replica',
  ]);
});

test('who holds CPUs or memory is named, and is who would make room', t => {
  const nodes = [aNode({ name: 'desk', cpus: 2 })];
  const held: Given['held'] = [
    ['llm', { resources: { cpus: 1.5 } }, 'desk', []],
    ['idle', {}, 'desk', []],
  ];
  const { groups, help } = told({ resources: { cpus: 1 } }, { nodes, held });
  t.deepEqual(groups[0]?.heldBy, ['ns/llm']);
  t.deepEqual(help, ['ask for at most 0.5 CPUs', 'stop or scale down ns/llm, which holds it']);
});
