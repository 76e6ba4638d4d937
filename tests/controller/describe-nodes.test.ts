import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { DEFAULT_NODE_POLICY, type NodeRecord } from '../../control-plane/core/node.ts';
import type { ObservedDevice, ObservedNode } from '../../control-plane/core/observed.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { describeNodes } from '../../control-plane/views/describe-nodes.ts';
import { aNode, aReplica, phaseOf, seen } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';

const GIB = 2 ** 30;
const RESOURCES = { cpus: 0.5, memoryBytes: 1_000 };

function device(id: string, given: Partial<ObservedDevice> = {}): ObservedDevice {
  return { id, driver: 'cdi', memoryBytes: 80 * GIB, ...given };
}

/** One replica on `local` for each entry, with these devices and this request for them. */
function holders(
  entries: Readonly<Record<string, { devices: string[]; gpu?: NonNullable<ServiceSpecInput['resources']>['gpu'] }>>,
  given: { nodes?: readonly NodeRecord[]; kind?: 'ready' | 'failed' } = {},
): DesiredState {
  const replicas = Object.entries(entries).map(([id, { devices }]): Replica => {
    const phase = phaseOf(given.kind ?? 'ready', 10, { placement: { node: 'local', devices } });
    return aReplica(phase, { id, service: `ns/${id}` });
  });
  const generations = Object.entries(entries).map(([id, { gpu }]) => ({
    service: `ns/${id}` as const,
    generation: 1,
    spec: aSpec({ name: id, resources: { ...RESOURCES, ...(gpu ? { gpu } : {}) } }),
  }));
  return DesiredState.from({ services: [], replicas, nodes: given.nodes ?? [], generations });
}

function shown(state: DesiredState, node: Partial<ObservedNode>) {
  return describeNodes(state, seen({ nodes: [aNode(node)] }), DEFAULT_NODE_POLICY)[0]!;
}

test('a node says why its driver cannot be asked', t => {
  t.is(shown(holders({}), { driverTrouble: 'it hangs' }).driverTrouble, 'it hangs');
  t.false('driverTrouble' in shown(holders({}), {}));
});

test('a node is shown with what is reserved on it and who holds its devices', t => {
  const state = holders({ holder: { devices: ['a'], gpu: {} }, other: { devices: [] } });
  const view = shown(state, { devices: [device('a'), device('b')], cpus: 4, labels: { zone: 'a' }, reservedCpus: 1 });
  t.like(view, { name: 'local', state: 'answering', cpus: 4, reservedCpus: 1, labels: { zone: 'a' } });
  t.like(view, { heldCpus: 1, heldMemoryBytes: 2_000, replicas: 2 });
  t.deepEqual(view.devices, [
    {
      id: 'a',
      driver: 'cdi',
      kind: 'nvidia.com/gpu',
      memoryBytes: 80 * GIB,
      state: 'held',
      holders: [{ namespace: 'ns', service: 'holder', replicaId: 'holder' }],
      declaredBytes: 80 * GIB,
    },
    {
      id: 'b',
      driver: 'cdi',
      kind: 'nvidia.com/gpu',
      memoryBytes: 80 * GIB,
      state: 'free',
      holders: [],
      declaredBytes: 0,
    },
  ]);
});

test('what gave up holds nothing', t => {
  const view = shown(holders({ failed: { devices: ['a'], gpu: {} } }, { kind: 'failed' }), { devices: [device('a')] });
  t.is(view.devices[0]?.state, 'free');
  t.is(view.replicas, 0);
});

test('a device that several share shows what each of them declared', t => {
  const gpu = (memory: number) => ({ exclusive: false, memoryBytes: memory * GIB });
  const state = holders({ one: { devices: ['a'], gpu: gpu(10) }, two: { devices: ['a'], gpu: gpu(20) } });
  const measured = { usedBytes: 25 * GIB, freeBytes: 55 * GIB, at: 5 };
  const [view] = shown(state, { devices: [device('a', { measured })] }).devices;
  t.like(view, {
    state: 'shared',
    declaredBytes: 30 * GIB,
    measuredUsedBytes: 25 * GIB,
    measuredFreeBytes: 55 * GIB,
  });
  t.deepEqual(
    view?.holders.map(h => [h.service, h.memoryBytes]),
    [
      ['one', 10 * GIB],
      ['two', 20 * GIB],
    ],
  );
});

test('memory that an exclusive holder asks for is the least it takes; the device is all its own', t => {
  const state = holders({ one: { devices: ['a'], gpu: { memoryBytes: GIB } } });
  const [view] = shown(state, { devices: [device('a')] }).devices;
  t.like(view, { state: 'held', declaredBytes: 80 * GIB });
  t.false('memoryBytes' in view!.holders[0]!);
});

test('a quarantined and a vanished device say why they are given to nobody', t => {
  const quarantined = [{ device: 'a', since: 3, reason: 'replica r1 lost sight of it' }];
  const state = holders(
    { one: { devices: ['gone'], gpu: {} } },
    { nodes: [{ name: 'local', drainingSince: null, quarantined }] },
  );
  const view = shown(state, { devices: [device('a')], vanished: [device('gone')] });
  t.like(view.devices[0], { id: 'a', state: 'quarantined', message: 'replica r1 lost sight of it' });
  t.is(view.devices[0]?.quarantinedUntilMs, 600_003);
  t.false('quarantinedUntilMs' in view.devices[1]!);
  const observed = seen({ nodes: [aNode({ devices: [device('a')] })] });
  t.is(describeNodes(state, observed, { quarantineMs: 1_000 })[0]?.devices[0]?.quarantinedUntilMs, 1_003);
  t.like(view.devices[1], { id: 'gone', state: 'vanished', message: 'the node does not list it any more' });
  t.is(view.devices[1]?.holders.length, 1);
});

test('a device whose slice is held is not free, nor is a slice whose device is', t => {
  const slice = device('mig', { slice: { of: 'GPU-1', profile: '1g.10gb' } });
  const devices = [device('a', { uuid: 'GPU-1' }), slice, device('b')];
  const states = (held: string) =>
    shown(holders({ one: { devices: [held], gpu: {} } }), { devices }).devices.map(d => [d.state, d.message]);
  t.deepEqual(states('mig'), [
    ['held', 'mig is in use'],
    ['held', undefined],
    ['free', undefined],
  ]);
  t.deepEqual(states('a'), [
    ['held', undefined],
    ['held', 'a is in use'],
    ['free', undefined],
  ]);
});

test('a device that is not given because of what its GPU or slice may be is not shown as free', t => {
  const before = { id: 'nvidia.com/gpu=0', uuid: 'GPU-1' };
  const replica = aReplica(
    phaseOf('ready', 10, { placement: { node: 'local', devices: [before.id], given: [before] } }),
  );
  const state = DesiredState.from({
    services: [],
    replicas: [replica],
    nodes: [],
    generations: [{ service: 'ns/svc', generation: 1, spec: aSpec({ resources: { gpu: {} } }) }],
  });
  // Another GPU has the number now, and by this number its slice calls it, as the held one was called.
  const now = device(before.id, { uuid: 'GPU-2' });
  const slice = device('nvidia.com/mig=0:0', { slice: { of: before.id, profile: '1g.10gb' } });
  const holds = 'ns/svc holds what was nvidia.com/gpu=0 when it was given';
  const untold = 'and the node does not tell which device that is now: it may be';
  t.deepEqual(
    shown(state, { devices: [now, slice, device('nvidia.com/gpu=7', { uuid: 'GPU-7' })] }).devices.map(d => [
      d.state,
      d.message,
    ]),
    [
      ['held', `${holds}, ${untold} ${slice.id}`],
      ['held', `${holds}, ${untold} this one`],
      ['free', undefined],
    ],
  );
});

const DRAINING: NodeRecord = { name: 'local', drainingSince: 7, quarantined: [] };
for (const [words, node, held, expected] of [
  ['that answers', {}, {}, 'answering'],
  ['that does not answer', { answering: false, silentSince: 4 }, {}, 'silent'],
  ['that is being drained', {}, { one: { devices: [] } }, 'draining'],
  ['that was drained', {}, {}, 'drained'],
  ['that is drained and does not answer', { answering: false, silentSince: 4 }, { one: { devices: [] } }, 'silent'],
  [
    'that leaves, whatever else',
    { leaving: true, answering: false, silentSince: 4 },
    { one: { devices: [] } },
    'leaving',
  ],
] as const) {
  test(`a node ${words} is ${expected}`, t => {
    const drained = words.includes('drained');
    const state = holders(held as unknown as Parameters<typeof holders>[0], { nodes: drained ? [DRAINING] : [] });
    const view = shown(state, node);
    t.is(view.state, expected);
    t.is(view.drainingSinceMs, drained ? 7 : undefined);
    t.is(view.silentSinceMs, 'silentSince' in node ? 4 : undefined);
  });
}

test('a node that does not answer says why, and what to do', t => {
  const silent = (next?: string) =>
    shown(holders({}), { answering: false, error: 'refused', ...(next === undefined ? {} : { next }) }).error;
  t.is(silent(), 'refused');
  t.is(silent('Start Docker.'), 'refused. Start Docker.');
  t.false('error' in shown(holders({}), {}));
});

test('nodes come in the order of their names', t => {
  const views = describeNodes(
    holders({}),
    seen({ nodes: ['b', 'a', 'c'].map(name => aNode({ name })) }),
    DEFAULT_NODE_POLICY,
  );
  t.deepEqual(
    views.map(v => v.name),
    ['a', 'b', 'c'],
  );
});

test('a shared device shows how what is measured compares with what is declared', t => {
  const use = (gib: number, given: Partial<Replica> = {}) => {
    const measured = { usedBytes: gib * GIB, freeBytes: 0, at: 90_000 };
    const device = { id: 'nvidia.com/gpu=0', driver: 'cdi' as const, memoryBytes: 80 * GIB, measured };
    return describeNodes(
      sharing(aReplica(phaseOf('ready', 10, { placement: { node: 'local', devices: [device.id] } }), given)),
      seen({ nodes: [aNode({ devices: [device] })] }),
      DEFAULT_NODE_POLICY,
    )[0]!.devices[0]!.use;
  };
  t.like(use(70), { verdict: 'overused' });
  t.regex(use(70)!.message, /70 GiB are in use, 20 GiB are declared; raise x-outrigger.gpu.memory/);
  t.like(use(2), { verdict: 'underused' });
  t.like(use(20), { verdict: 'as_declared' });
  const starting = phaseOf('starting', 10, { placement: { node: 'local', devices: ['nvidia.com/gpu=0'] } });
  t.is(use(70, { phase: starting }), undefined, 'until all serve nothing can be said');
});

/** A replica of a service that declares 20 GiB of a device. */
function sharing(replica: Replica): DesiredState {
  const spec = aSpec({ resources: { gpu: { memoryBytes: 20 * GIB, exclusive: false } } });
  return DesiredState.from({
    services: [],
    replicas: [replica],
    nodes: [],
    generations: [{ service: replica.service, generation: 1, spec }],
  });
}
