import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { DEFAULT_NODE_POLICY, type NodeRecord } from '../../control-plane/core/node.ts';
import type { ObservedDevice, ObservedNode, ProbeReport } from '../../control-plane/core/observed.ts';
import type { PhaseKind, Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { ServiceKey, ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { describeServices } from '../../control-plane/views/describe.ts';
import type { WhyReplicaView } from '../../control-plane/views/views.ts';
import { whyService } from '../../control-plane/views/why.ts';
import { aContainer, aNode, aReplica, CAUSE, lack, phaseOf, seen } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';

const GIB = 2 ** 30;
const NOW = 1_000_000;

interface Given {
  readonly spec?: Partial<ServiceSpecInput>;
  readonly replicas: readonly Replica[];
  readonly nodes?: readonly ObservedNode[];
  readonly records?: readonly NodeRecord[];
  readonly probes?: ReadonlyMap<string, ProbeReport>;
  /** No pass can be made with it. */
  readonly leftAlone?: ServiceKey;
  readonly others?: readonly { spec: Partial<ServiceSpecInput>; replicas: readonly Replica[] }[];
}

/** Why the service `ns/svc` is as it is, in a state of it and of others. */
function why({ spec = {}, replicas, nodes = [aNode()], records = [], probes, leftAlone, others = [] }: Given) {
  const all = [{ spec: { name: 'svc', ...spec }, replicas }, ...others];
  const services = all.map(({ spec }): Service => {
    const parsed = aSpec(spec);
    return {
      key: `${parsed.namespace}/${parsed.name}`,
      spec: parsed,
      imageId: null,
      generation: 1,
      latestGeneration: 1,
      replicas: 1,
      acceptedAt: 0,
      createdBy: '',
      askedBy: '',
      removal: null,
      origin: '',
      rollout: { kind: 'settled' },
    };
  });
  const state = DesiredState.from({
    services,
    replicas: all.flatMap(({ replicas }, i) => replicas.map(r => ({ ...r, service: services[i]!.key }))),
    nodes: records,
    generations: services.map(s => ({ service: s.key, generation: 1, spec: s.spec })),
  });
  const observed = seen({ nodes, ...(probes && { probes }) });
  const judged = { now: NOW, isLeftAlone: (service: ServiceKey) => service === leftAlone };
  const shown = describeServices(state, observed, { ...judged, policy: DEFAULT_NODE_POLICY }).find(
    s => s.name === 'svc',
  )!;
  return whyService(shown, { state, observed, moment: { ...judged, quarantineMs: 600_000 } });
}

function one(kind: PhaseKind, phase: object = {}, given: Partial<Replica> = {}): Replica {
  return aReplica(phaseOf(kind, 10, phase), { id: `${kind}-1`, ...given });
}

const constraints = (replica: WhyReplicaView | undefined) => replica?.groups.map(g => g.constraint);

test('a replica without room has the reason of every node, grouped, with what would help', t => {
  const device = { id: 'nvidia.com/gpu=0', driver: 'cdi' as const, model: 'A100', memoryBytes: 80 * GIB };
  const nodes = [
    aNode({ name: 'a', devices: [device] }),
    aNode({ name: 'b', devices: [device] }),
    aNode({ name: 'c' }),
  ];
  const spec = { resources: { gpu: { memoryBytes: 96 * GIB } } };
  const view = why({ spec, nodes, replicas: [one('pending', { reasons: [lack(4, 'elsewhere')] })] });
  t.like(view, { namespace: 'ns', name: 'svc' });
  const [replica] = view.replicas;
  t.like(replica, {
    phase: 'pending',
    waiting: true,
    summary: ['elsewhere: needs 4 CPUs, fewer are free'],
    devices: [],
  });
  t.false('node' in replica!);
  t.deepEqual(constraints(replica), ['gpu_memory', 'gpu_missing']);
  const memory = replica!.groups.find(g => g.constraint === 'gpu_memory')!;
  t.like(memory, { nodes: ['a', 'b'], requested: 96 * GIB, free: 80 * GIB });
  t.regex(memory.help[0]!, /80/);
  t.deepEqual([...new Set(replica!.rejections.map(r => r.node))], ['a', 'b', 'c']);
  t.true(replica!.rejections.every(r => Array.isArray(r.heldBy)));
});

test('what other replicas hold is not free, and its holders are named', t => {
  const devices = [{ id: 'gpu0', driver: 'cdi' as const }];
  const gpu = { resources: { gpu: {} } };
  const holder = one('ready', { placement: { node: 'local', devices: ['gpu0'] } });
  const others = [{ spec: { name: 'other', ...gpu }, replicas: [holder] }];
  const view = why({ spec: gpu, nodes: [aNode({ devices })], replicas: [one('pending')], others });
  t.deepEqual(constraints(view.replicas[0]), ['gpu_held']);
  t.deepEqual(view.replicas[0]!.groups[0]!.heldBy, ['ns/other']);
});

test('where the node does not tell which device somebody holds, it is not said that this one is held', t => {
  const listed = (id: string, given: Partial<ObservedDevice> = {}) => ({ id, driver: 'cdi' as const, ...given });
  const gpu = { resources: { gpu: {} } };
  const given = [{ id: 'nvidia.com/gpu=0', uuid: 'GPU-1' }];
  const holder = one('ready', { placement: { node: 'local', devices: ['nvidia.com/gpu=0'], given } });
  const others = [{ spec: { name: 'other', ...gpu }, replicas: [holder] }];
  const reasonsOf = (...devices: ObservedDevice[]) => {
    const [replica] = why({ spec: gpu, nodes: [aNode({ devices })], replicas: [one('pending')], others }).replicas;
    return [replica!.groups[0]!.message, ...replica!.rejections.filter(r => r.device).map(r => r.message)];
  };
  const untold = 'ns/other holds: the node does not tell which device that is now';
  t.deepEqual(reasonsOf(listed('nvidia.com/gpu=7')), [
    `needs 1 GPU: 0 of 1 are free, 1 that may be what ${untold}`,
    `may be what ${untold}`,
  ]);
  t.deepEqual(reasonsOf(listed('nvidia.com/gpu=0'), listed('nvidia.com/gpu=7')), [
    `needs 1 GPU: 0 of 2 are free, 1 held by ns/other, 1 that may be what ${untold}`,
    'is held by ns/other',
    `may be what ${untold}`,
  ]);
  const slice = listed('nvidia.com/mig=7:0', { slice: { of: 'nvidia.com/gpu=0', profile: '1g.10gb' } });
  t.deepEqual(reasonsOf(listed('nvidia.com/gpu=0', { uuid: 'GPU-2' }), slice).slice(1), [
    `a slice of it may be what ${untold}`,
    `may be what ${untold}`,
  ]);
});

test('without any node that is the reason, and no node is named', t => {
  const [replica] = why({ nodes: [], replicas: [one('pending')] }).replicas;
  t.deepEqual(constraints(replica), ['no_node']);
  t.deepEqual(replica!.groups[0]!.nodes, []);
});

test('a dependency that is not there comes before any place', t => {
  const spec = { dependsOn: [{ service: 'db', condition: 'ready' as const }], resources: { cpus: 1_000 } };
  const starting = { spec: { name: 'db' }, replicas: [one('starting')] };
  const [replica] = why({ spec, replicas: [one('pending')], others: [starting] }).replicas;
  t.deepEqual(constraints(replica), ['dependency']);
  t.like(replica!.groups[0], { message: 'waits for service db to be ready' });
  t.regex(replica!.groups[0]!.help[0]!, /outrigger why ns\/db/);
  const ready = { spec: { name: 'db' }, replicas: [one('ready')] };
  t.deepEqual(constraints(why({ spec, replicas: [one('pending')], others: [ready] }).replicas[0]), ['cpus']);
  const started = { ...spec, dependsOn: [{ service: 'db', condition: 'started' as const }] };
  t.deepEqual(constraints(why({ spec: started, replicas: [one('pending')], others: [starting] }).replicas[0]), [
    'cpus',
  ]);
});

test('a replica that has room and was not placed yet says so', t => {
  const [replica] = why({ replicas: [one('pending')] }).replicas;
  t.deepEqual(replica!.summary, ['there is room on local now']);
  const [waiting] = why({ replicas: [one('pending', { reasons: [{ kind: 'surge', service: 'ns/svc' }] })] }).replicas;
  t.deepEqual(waiting!.summary, ['waits for others of ns/svc to leave']);
});

test('a replica for which others make room says so before what the nodes lack now', t => {
  const told = ['others are on their way out and make room for it', 'local: needs 1000 CPUs, 8 of 8 are free'];
  const reasons = [{ kind: 'room_made' }, lack(1_000, 'local')];
  const spec = { resources: { cpus: 1_000 } };
  const [replica] = why({ spec, replicas: [one('pending', { reasons })] }).replicas;
  t.deepEqual(constraints(replica), ['turn', 'cpus']);
  t.is(replica!.groups[0]!.message, told[0]!);
  t.deepEqual(replica!.summary, told);
});

for (const [kind, phase, expected, waiting] of [
  ['pulling', {}, ['pulling'], true],
  ['creating', {}, ['creating'], true],
  ['starting', {}, ['starting'], true],
  ['warming', {}, ['warming'], true],
  ['ready', { impaired: false }, [], false],
  ['ready', { impaired: true }, ['impaired'], true],
  ['draining', { reason: 'moved' }, ['draining'], false],
  ['stopping', {}, ['stopping'], false],
  ['backoff', {}, ['backoff'], true],
  ['failed', {}, ['failed'], true],
  ['lost', {}, ['lost'], true],
] as const) {
  test(`a replica that is ${kind}${'impaired' in phase && phase.impaired ? ' and impaired' : ''} says so in the same shape`, t => {
    const [replica] = why({ replicas: [one(kind, phase)] }).replicas;
    t.deepEqual(constraints(replica), [...expected]);
    t.is(replica?.waiting, waiting);
    t.is(replica?.node, 'local');
    t.deepEqual(replica?.rejections, []);
    t.true(replica!.groups.every(g => g.message !== ''));
    t.deepEqual(
      replica?.summary,
      replica?.groups.map(g => g.message),
    );
  });
}

test('what is placed on a node where something of an earlier time still runs says that this ends first', t => {
  const device = { id: 'gpu0', driver: 'cdi' as const };
  const stray = aContainer({ id: 'c9', name: 'ns-old-r9', replicaId: 'r9', service: 'ns/old' });
  const creating = one('creating', { placement: { node: 'local', devices: ['gpu0'] } });
  const spec = { resources: { gpu: {} } };
  const told = (state: 'running' | 'exited') => {
    const nodes = [aNode({ devices: [device], containers: [{ ...stray, state }] })];
    return why({ spec, nodes, replicas: [creating] }).replicas[0]!.summary;
  };
  t.deepEqual(told('running'), ['containers of an earlier time are ended on local first']);
  t.deepEqual(told('exited'), ['its container is being created']);
});

test('one that failed says with which exit code, and where its lines are', t => {
  const cause = { kind: 'exited' as const, message: 'it ended', exitCode: 3, logTail: [] };
  const [replica] = why({ replicas: [one('failed', { cause })] }).replicas;
  t.is(replica!.groups[0]!.message, 'it ended (exit code 3)');
  t.true(replica!.groups[0]!.help.some(h => h.includes('outrigger logs -p ns --replica failed-1 svc')));
});

test('the silence of its node comes first, with what to do about it', t => {
  const nodes = [aNode({ answering: false, error: 'refused', next: 'Start Docker.' })];
  const [ready, starting] = why({ nodes, replicas: [one('ready'), one('starting')] }).replicas;
  t.deepEqual(constraints(starting), ['silent', 'starting']);
  t.deepEqual(constraints(ready), ['silent']);
  t.regex(ready!.groups[0]!.message, /does not answer \(refused\)/);
  t.deepEqual(ready!.groups[0]!.help, ['Start Docker.']);
});

test('a replica that is there because of a drain says whose place it takes', t => {
  const nodes = [aNode({ name: 'gpu-a' }), aNode({ name: 'gpu-b', cpus: 1 })];
  const records = [{ name: 'gpu-a', drainingSince: 1, quarantined: [] }];
  const ready = one('ready', { placement: { node: 'gpu-a', devices: [] } });
  const newcomer = (kind: PhaseKind, phase = {}) => one(kind, phase, { createdAt: 9 });
  const spec = { resources: { cpus: 2 } };
  const told = 'to take the place of ready-1 on gpu-a, which is drained';
  const pending = why({ spec, nodes, records, replicas: [ready, newcomer('pending')] }).replicas[1]!;
  t.deepEqual(constraints(pending), ['move', 'draining', 'cpus']);
  t.is(pending.groups[0]!.message, told);
  const placed = { placement: { node: 'gpu-b', devices: [] } };
  const creating = why({ spec, nodes, records, replicas: [ready, newcomer('creating', placed)] }).replicas[1]!;
  t.deepEqual(
    creating.groups.map(g => g.message),
    [told, 'its container is being created'],
  );
  t.deepEqual(constraints(why({ spec, nodes, records, replicas: [newcomer('pending')] }).replicas[0]), [
    'draining',
    'cpus',
  ]);
});

test('what was lost and is replaced is nothing that the service waits for', t => {
  const lost = one('lost', { placement: { node: 'gpu-a', devices: [] } });
  const nodes = [aNode({ name: 'gpu-a', answering: false, error: 'timed out' }), aNode()];
  const replaced = why({ nodes, replicas: [lost, one('ready')] });
  t.like(replaced, { state: 'ready', waiting: 0 });
  t.deepEqual(
    replaced.replicas.map(r => [r.phase, r.waiting]),
    [
      ['lost', false],
      ['ready', false],
    ],
  );
  t.regex(replaced.replicas[0]!.summary.join('; '), /; others serve in its place$/);
  t.like(why({ nodes, replicas: [lost] }), { waiting: 1 });
});

test('an image that is never pulled is looked for, not pulled', t => {
  const spec = { image: 'built:1', pullPolicy: 'never' as const };
  t.is(why({ spec, replicas: [one('pulling')] }).replicas[0]!.groups[0]!.message, 'looks for the image built:1');
  t.is(
    why({ spec: { image: 'built:1' }, replicas: [one('pulling')] }).replicas[0]!.groups[0]!.message,
    'pulls built:1',
  );
});

test('ten thousand replicas that wait alike on hundreds of silent nodes make an answer that can be sent', t => {
  const replicas = Array.from({ length: 10_000 }, (_, i) =>
    one('pending', { reasons: [lack(4, 'elsewhere')] }, { id: `r${i.toString().padStart(7, '0')}` }),
  );
  let reads = 0;
  const nodes = Array.from({ length: 300 }, (_, i) => {
    // The last one would take it if it were not drained.
    if (i === 299) return aNode({ name: `gpu-node-${i}` });
    const node = aNode({ name: `gpu-node-${i}`, answering: false, silentSince: 5 });
    const get = () => {
      reads += 1;
      return `connect ECONNREFUSED 10.0.0.${i}:2376`;
    };
    Object.defineProperty(node, 'error', { enumerable: true, get });
    return Object.defineProperty(node, 'next', { enumerable: true, value: `start the engine of gpu-node-${i}` });
  });
  const answer = why({ replicas, nodes, records: [{ name: 'gpu-node-299', drainingSince: 5, quarantined: [] }] });
  t.true(JSON.stringify(answer).length < 1_000_000, `${JSON.stringify(answer).length} bytes`);
  t.is(answer.replicas.length, 20);
  t.like(answer, { total: 10_000, waiting: 10_000 });
  const [first] = answer.replicas;
  t.is(first?.rejections.length, 25);
  t.is(first?.rejections[0]?.node, 'gpu-node-299', 'the nearest first');
  t.deepEqual(first?.summary, [
    'elsewhere: needs 4 CPUs, fewer are free',
    '275 more reasons of single nodes and devices',
  ]);
  t.like(first?.groups.at(-1), { constraint: 'more', message: '9980 more replicas wait so' });
  t.true(reads <= 10 * nodes.length, 'looked at each node for one of them, not for each');
});

test('of ten thousand that serve a few are told of, and all that do not are', t => {
  const serving = Array.from({ length: 10_000 }, (_, i) => one('ready', {}, { id: `r${i}` }));
  const backoff = Array.from({ length: 3 }, (_, i) => one('backoff', {}, { id: `b${i}` }));
  const answer = why({ replicas: [...serving, ...backoff, one('ready', { impaired: true })] });
  t.like(answer, { total: 10_004, waiting: 4 });
  t.deepEqual(
    [...Map.groupBy(answer.replicas, r => `${r.phase} ${r.waiting}`)].map(([what, some]) => [what, some.length]).sort(),
    [
      ['backoff true', 3],
      ['ready false', 20],
      ['ready true', 1],
    ],
  );
  t.deepEqual(
    answer.replicas.flatMap(r => r.groups).flatMap(g => (g.constraint === 'more' ? g.message : [])),
    ['9980 more replicas are ready'],
  );
});

test('a device in quarantine says when that ends', t => {
  const devices = [{ id: 'gpu0', driver: 'cdi' as const }];
  const quarantined = [{ device: 'gpu0', since: NOW - 390_000, reason: 'r1 lost sight of it' }];
  const records = [{ name: 'local', drainingSince: null, quarantined }];
  const spec = { resources: { gpu: {} } };
  const [replica] = why({ spec, nodes: [aNode({ devices })], records, replicas: [one('pending')] }).replicas;
  t.deepEqual(constraints(replica), ['gpu_quarantined']);
  t.deepEqual(replica!.groups[0]!.help, [
    'wait until its quarantine ends in 4 min, or end it: outrigger nodes undrain local --device gpu0',
  ]);
  t.false(replica!.rejections.some(r => 'quarantinedSince' in r));
});

test('those that wait for different reasons are all told of', t => {
  const replicas = Array.from({ length: 30 }, (_, i) => one('pending', { reasons: [lack(i % 15)] }, { id: `p-${i}` }));
  const answer = why({ replicas });
  t.is(answer.replicas.length, 30);
  t.true(answer.replicas.every(r => r.groups.every(g => g.constraint !== 'more')));
});

test('a service that may have no replicas says that it never gives way where its load is not counted', t => {
  const spec = { replicas: { min: 0, max: 1, initial: 1 }, idleTimeoutMs: 60_000 };
  const state = (load: ProbeReport['load'], given: Partial<ProbeReport> = {}) => {
    const report = {
      containerId: 'c1',
      startup: 'passed',
      warmup: 'done',
      readiness: 'passing',
      liveness: 'passing',
    } as const;
    const probes = new Map([['c1', { ...report, ...(load && { load }), ...given }]]);
    return why({ spec, replicas: [one('ready')], probes }).replicas[0]!;
  };
  const silent = state(undefined);
  t.deepEqual(constraints(silent), ['load_unknown']);
  t.regex(silent.groups[0]!.message, /gives way to nobody of higher priority/);
  t.regex(silent.groups[0]!.help.join(), /docs\/sidecar\.md/);
  t.false(silent.waiting);
  t.deepEqual(constraints(state({ inFlight: 0, at: 5 })), ['load_unknown'], 'in flight alone tells of no requests');
  t.deepEqual(constraints(state({ inFlight: 0, at: 5, idleSince: 1 })), []);
  t.deepEqual(constraints(state(undefined, { loadUnread: true })), [], 'it was not asked yet');
  t.deepEqual(constraints(why({ replicas: [one('ready')] }).replicas[0]), [], 'it is always wanted');
});

test('a service that gave way says to whom', t => {
  const devices = [{ id: 'gpu0', driver: 'cdi' as const }];
  const holder = one('ready', { placement: { node: 'local', devices: ['gpu0'] } });
  const other = (priority: number) => [
    { spec: { name: 'chat', priority, resources: { gpu: {} } }, replicas: [holder] },
  ];
  const spec = { replicas: { min: 0, max: 1, initial: 1 }, resources: { gpu: {} } };
  const asked = (priority: number) =>
    why({ spec, nodes: [aNode({ devices })], replicas: [one('pending')], others: other(priority) }).replicas[0];
  t.deepEqual(constraints(asked(5)), ['gpu_held', 'gives_way']);
  t.is(asked(5)?.groups[1]?.message, 'gives way to ns/chat, of higher priority, as long as that is there');
  t.deepEqual(constraints(asked(0)), ['gpu_held']);
});

// ---- turns on shared devices

/** What `svc` waits for, that is about to be created on the device where another one has been so for longer. */
function behind(other: PhaseKind, leftAlone?: ServiceKey) {
  const device = { id: 'nvidia.com/gpu=0', driver: 'cdi' as const, memoryBytes: 80 * GIB };
  const placement = { node: 'local', devices: [device.id] };
  const resources = { gpu: { memoryBytes: 20 * GIB, exclusive: false } };
  const { message, replicas } = why({
    spec: { resources },
    nodes: [aNode({ devices: [device] })],
    replicas: [one('creating', { placement, since: NOW - 10 })],
    others: [{ spec: { name: 'other', resources }, replicas: [one(other, { placement }, { id: 'other-1' })] }],
    ...(leftAlone && { leftAlone }),
  });
  return { constraint: replicas[0]?.groups[0]?.constraint, heldBy: replicas[0]?.groups[0]?.heldBy, message };
}

test('one that waits for its turn says whose it is', t => {
  t.like(behind('creating'), { constraint: 'turn', heldBy: ['ns/other'] });
});

test('nobody is said to wait for a start that is not waited for any more', t => {
  t.deepEqual(behind('starting'), { constraint: 'creating', heldBy: [], message: '' });
});

test('nobody is said to wait for a service that no pass can be made with', t => {
  t.deepEqual(behind('creating', 'ns/other'), { constraint: 'creating', heldBy: [], message: '' });
});

// ---- several nodes that do not answer

test('of several nodes that do not answer each has its own reason, and a step that names it', t => {
  const nodes = [
    aNode({ name: 'a', answering: false, error: 'refused', next: 'start dockerd' }),
    aNode({ name: 'b', answering: false, error: 'timed out', next: 'mend the network' }),
    aNode({ name: 'c', answering: false, error: 'timed out', next: 'mend the network' }),
    aNode({ name: 'd', cpus: 2 }),
  ];
  const view = why({ spec: { resources: { cpus: 4 } }, nodes, replicas: [one('pending')] });
  const silent = view.replicas[0]!.groups.find(g => g.constraint === 'silent')!;
  t.is(silent.message, 'no answer: a: refused; b, c: timed out');
  t.deepEqual(silent.help.slice(-2), ['a: start dockerd', 'b, c: mend the network']);
  const alone = why({ spec: { resources: { cpus: 4 } }, nodes: [nodes[0]!, nodes[3]!], replicas: [one('pending')] });
  const only = alone.replicas[0]!.groups.find(g => g.constraint === 'silent')!;
  t.is(only.message, 'no answer: refused');
  t.is(only.help.at(-1), 'start dockerd');
});

test('a service on several nodes that do not answer names them all, and their reasons', t => {
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((name, i) => aNode({ name, answering: false, error: `error ${i}` }));
  const on = (count: number) =>
    why({
      nodes,
      replicas: nodes
        .slice(0, count)
        .map(({ name }) => one('ready', { placement: { node: name, devices: [] } }, { id: `on-${name}` })),
    }).message;
  t.is(on(1), 'node a does not answer (error 0); what runs there is left alone');
  t.is(on(2), 'node a does not answer (error 0), node b does not answer (error 1); what runs there is left alone');
  t.regex(on(5), /node c does not answer \(error 2\), nor do 2 more; what runs there is left alone$/);
});

test('a replica whose node could not get its image is told how to bring it there from those that have it', t => {
  const nodes = ['a', 'b', 'c'].map(name =>
    aNode({ name, connection: `tcp://${name}.example:2376`, images: new Set(name === 'b' ? [] : ['app:1']) }),
  );
  const phase = { placement: { node: 'b', devices: [] }, cause: { ...CAUSE, kind: 'image', message: 'no such image' } };
  const helpOf = (kind: 'failed' | 'backoff', pullPolicy: 'missing' | 'always', there = nodes) => {
    const { replicas } = why({ spec: { image: 'app:1', pullPolicy }, nodes: there, replicas: [one(kind, phase)] });
    return replicas[0]!.groups[0]!.help.filter(h => h.includes('docker save'));
  };
  const expected =
    'the image app:1 is on a, c: bring it there as well (docker save app:1 | docker --host tcp://b.example:2376 load), or push it to a registry';
  for (const kind of ['failed', 'backoff'] as const) t.deepEqual(helpOf(kind, 'missing'), [expected]);
  t.deepEqual(helpOf('failed', 'always'), [], 'each start pulls anew');
  t.deepEqual(helpOf('failed', 'missing', [nodes[1]!]), [], 'nobody has it');
});
