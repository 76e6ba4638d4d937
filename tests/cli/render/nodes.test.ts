import test from 'ava';
import { nodeFields } from '../../../cli/render/node-fields.ts';
import { type DeviceRow, deviceColumns, nodeColumns, nodeNotes } from '../../../cli/render/nodes.ts';
import { renderTable } from '../../../cli/render/table.ts';
import type { DeviceView, NodeView } from '../../../control-plane/views/views.ts';

const GIB = 2 ** 30;

function device(given: Partial<DeviceView> = {}): DeviceView {
  return {
    id: 'nvidia.com/gpu=0',
    driver: 'cdi',
    kind: 'nvidia.com/gpu',
    model: 'NVIDIA H100 80GB HBM3',
    memoryBytes: 80 * GIB,
    state: 'free',
    holders: [],
    declaredBytes: 0,
    ...given,
  };
}

function node(given: Partial<NodeView> = {}): NodeView {
  return {
    name: 'gpu-a',
    connection: 'ssh://gpu-a',
    address: '10.0.0.5',
    reach: 'published',
    state: 'answering',
    answering: true,
    cpus: 16,
    memoryBytes: 64 * GIB,
    reservedCpus: 1,
    reservedMemoryBytes: 2 * GIB,
    heldCpus: 2.5,
    heldMemoryBytes: 8 * GIB,
    devices: [],
    replicas: 3,
    labels: {},
    ...given,
  };
}

const holder = (service: string, replicaId: string, memoryBytes?: number) => ({
  namespace: 'shop',
  service,
  replicaId,
  ...(memoryBytes === undefined ? {} : { memoryBytes }),
});

function nodeLine(given: Partial<NodeView>): string {
  return renderTable(nodeColumns(100_000), [node(given)], { width: Number.POSITIVE_INFINITY })[1]!;
}

function deviceLines(devices: readonly DeviceView[], width = Number.POSITIVE_INFINITY): string[] {
  const rows: DeviceRow[] = devices.map(d => ({ node: 'gpu-a', device: d }));
  return renderTable(deviceColumns(rows, { withNode: true }), rows, { width });
}

test('a node shows what replicas hold of what they may have', t => {
  t.regex(nodeLine({}), /^gpu-a {2}answering +3 {2}2\.5\/15 {2}8 GiB\/62 GiB +0\/0 {2}10\.0\.0\.5/);
});

test('a node that is silent or draining says since when', t => {
  t.regex(nodeLine({ state: 'silent', answering: false, silentSinceMs: 60_000 }), /^gpu-a {2}silent 40s /);
  t.regex(nodeLine({ state: 'draining', drainingSinceMs: 40_000 }), /^gpu-a {2}draining 1m /);
});

test('of a node that was never heard of nothing is claimed', t => {
  const never = { state: 'silent', answering: false, cpus: 0, reservedCpus: 0, heldCpus: 0, memoryBytes: 0 } as const;
  t.regex(nodeLine(never), /- +- +- {2}10\.0\.0\.5/);
});

test('GPUs are counted once: a device with slices by its slices, what vanished not at all', t => {
  const slice = (id: string, given: Partial<DeviceView> = {}) =>
    device({ id, slice: { of: 'GPU-1', profile: '1g.10gb' }, ...given });
  const devices = [
    device({ uuid: 'GPU-1', state: 'held', message: 'mig-0 is in use' }),
    slice('mig-0', { state: 'held', holders: [holder('llm', 'r1')] }),
    slice('mig-1'),
    device({ id: 'whole' }),
    device({ id: 'gone', state: 'vanished' }),
  ];
  t.regex(nodeLine({ devices }), / 1\/3 {2}10\.0\.0\.5/);
  t.regex(deviceLines(devices)[2]!, /mig-0 +H100 80GB HBM3 1g\.10gb .* shop\/llm$/);
});

test('a device shows what was declared, what is used, and who holds it', t => {
  const shared = device({
    state: 'shared',
    holders: [holder('llm', 'r1', 10 * GIB), holder('llm', 'r2', 10 * GIB), holder('emb', 'r3', GIB)],
    declaredBytes: 21 * GIB,
    measuredUsedBytes: 18 * GIB,
  });
  const [title, line] = deviceLines([shared]);
  t.regex(title!, /^NODE +DEVICE +MODEL +DECLARED +USED +MEMORY +HELD BY$/);
  t.regex(line!, / 21 GiB {2}18 GiB {2}80 GiB {2}shop\/llm ×2, shop\/emb$/);
  t.notRegex(deviceLines([device()])[0]!, /USED/, 'nothing was measured');
});

test('on a terminal of 80 columns device and holder are whole', t => {
  const [, line] = deviceLines(
    [device({ state: 'held', holders: [holder('embedder', 'r1')], declaredBytes: GIB })],
    80,
  );
  t.true(line!.length <= 80);
  t.regex(line!, /nvidia\.com\/gpu=0 .*shop\/embedder$/);
});

test('a device that is given to nobody says why, and how it is trusted again', t => {
  const devices = [
    device({ state: 'quarantined', message: 'replica r1 lost sight of it', quarantinedUntilMs: 500_000 }),
    device({ id: 'gone', state: 'vanished', message: 'not listed', holders: [holder('llm', 'r1')] }),
  ];
  const [quarantined, vanished] = nodeNotes(node({ devices }), 20_000);
  t.is(
    quarantined?.text,
    'nvidia.com/gpu=0 on gpu-a is quarantined for 8m more: replica r1 lost sight of it. To trust it at once: outrigger nodes undrain gpu-a --device nvidia.com/gpu=0',
  );
  t.is(vanished?.text, 'gone on gpu-a has vanished: not listed.');
  t.regex(deviceLines(devices)[2]!, /vanished, shop\/llm$/);
});

test('use that is not as declared is said beside what is declared', t => {
  const told = (verdict: 'as_declared' | 'overused' | 'underused') => {
    const use = { verdict, message: 'nvidia.com/gpu=0: 70 GiB are in use, 20 GiB are declared; raise it' };
    return nodeNotes(node({ devices: [device({ use })] }), 0);
  };
  t.deepEqual(told('overused'), [
    { text: 'gpu-a: nvidia.com/gpu=0: 70 GiB are in use, 20 GiB are declared; raise it', style: 'yellow' },
  ]);
  t.is(told('underused').length, 1);
  t.deepEqual(told('as_declared'), []);
});

test('of a node that was never heard of there are no figures, and of one that is silent the last ones', t => {
  const lines = (given: Partial<NodeView>) =>
    nodeFields(node({ state: 'silent', answering: false, ...given }), { nowMs: 0, width: 100 }).join('\n');
  const unheard = lines({ cpus: 0, memoryBytes: 0, reservedCpus: 0, reservedMemoryBytes: 0, heldCpus: 0, replicas: 0 });
  t.regex(unheard, /^CPUs: +-$/m);
  t.regex(unheard, /^memory: +-$/m);
  t.regex(lines({}), /^CPUs: +2\.5 of 15 held; 1 kept from replicas$/m);
  t.regex(lines({}), /^memory: +8 GiB of 62 GiB held; 2 GiB kept from replicas$/m);
});
