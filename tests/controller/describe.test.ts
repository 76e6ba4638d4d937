import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { actionKey, createAction, pullAction } from '../../control-plane/core/actions.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { imageKey, type Observed, type ProbeReport } from '../../control-plane/core/observed.ts';
import type { PendingReason } from '../../control-plane/core/pending-reason.ts';
import type { PhaseKind, Replica } from '../../control-plane/core/replica.ts';
import type { Rollout, Service } from '../../control-plane/core/service.ts';
import { describeServices } from '../../control-plane/views/describe.ts';
import { aContainer, aNode, aReplica, CAUSE, lack, PLACED, phaseOf, seen } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';

const MOMENT = { now: 1_000_000, policy: DEFAULT_NODE_POLICY, isLeftAlone: () => false };
const SETTLED: Rollout = { kind: 'settled' };
const SPEC = aSpec({ resources: { cpus: 0.5, memoryBytes: 1_000 } });

function stateOf(
  replicas: readonly Replica[],
  given: Partial<Service> = {},
  key: Service['key'] = 'ns/svc',
): DesiredState {
  const service: Service = {
    key,
    spec: SPEC,
    imageId: null,
    generation: 1,
    latestGeneration: 1,
    replicas: 2,
    acceptedAt: 7,
    createdBy: '',
    askedBy: '',
    removal: null,
    origin: 'shop.yaml',
    rollout: SETTLED,
    ...given,
  };
  const generations = [1, 2].map(generation => ({ service: key, generation, spec: SPEC }));
  return DesiredState.from({ services: [service], replicas, nodes: [], generations });
}

function shown(replicas: readonly Replica[], given: Partial<Service> = {}, observed: Observed = seen()) {
  return describeServices(stateOf(replicas, given), observed, MOMENT)[0]!;
}

let count = 0;
function one(kind: PhaseKind, given: Partial<Replica> = {}, phase = {}): Replica {
  count += 1;
  return aReplica(phaseOf(kind, 10, phase), { id: `r${count}`, createdAt: count, ...given });
}

const PROGRESSING = (previous: number | null): Rollout => ({ kind: 'progressing', since: 0, previous });

for (const [words, replicas, given, expected] of [
  ['all that are wanted are ready', () => [one('ready'), one('ready')], {}, 'ready'],
  ['nobody is wanted', () => [], { replicas: 0 }, 'ready'],
  ['one of two is ready', () => [one('ready'), one('backoff')], {}, 'degraded'],
  ['one is ready and impaired', () => [one('ready'), one('ready', {}, { impaired: true })], {}, 'degraded'],
  ['the first generation is not through', () => [one('starting')], { rollout: PROGRESSING(null) }, 'starting'],
  [
    'all are ready, and one of the service that was taken down before still ends',
    () => [one('stopping', { generation: 1 }), one('ready', { generation: 2 })],
    { generation: 2, replicas: 1, rollout: PROGRESSING(null) },
    'ready',
  ],
  [
    'one of those that were taken down before still serves',
    () => [one('ready', { generation: 1 }), one('ready', { generation: 2 })],
    { generation: 2, replicas: 1, rollout: PROGRESSING(null) },
    'starting',
  ],
  [
    'the later generation is there and one of the earlier still ends',
    () => [one('stopping', { generation: 1 }), one('ready', { generation: 2 })],
    { generation: 2, replicas: 1, rollout: PROGRESSING(1) },
    'updating',
  ],
  ['a later generation is not through', () => [one('ready')], { rollout: PROGRESSING(1) }, 'updating'],
  ['enough serve and one is on its way out', () => [one('ready'), one('ready'), one('draining')], {}, 'updating'],
  ['one is to be replaced', () => [one('ready'), one('ready', { replace: true })], {}, 'updating'],
  ['nobody is ready and one gave up', () => [one('failed')], { rollout: PROGRESSING(null) }, 'failed'],
  ['one is ready and one gave up', () => [one('ready'), one('failed')], {}, 'degraded'],
  ['an update is paused', () => [one('ready')], { rollout: { kind: 'paused', cause: CAUSE, previous: 1 } }, 'failed'],
  ['it is taken down', () => [one('draining')], { removal: { askedAt: 1, volumes: false } }, 'deleting'],
] as const) {
  test(`a service is ${expected} where ${words}`, t => {
    t.is(shown(replicas(), given as Partial<Service>).state, expected);
  });
}

test('a service is shown with what was asked for and what is there', t => {
  const view = shown([one('ready'), one('starting')]);
  t.like(view, {
    namespace: 'ns',
    name: 'svc',
    generation: 1,
    image: 'image:1',
    protocol: 'grpc',
    port: 50051,
    wantedReplicas: 2,
    readyReplicas: 1,
    deleting: false,
    origin: 'shop.yaml',
    acceptedAtMs: 7,
  });
  t.like(shown([], { removal: { askedAt: 1, volumes: false } }), { wantedReplicas: 0, deleting: true });
});

test('services come by name, replicas by age', t => {
  const [young, old] = [one('ready', { createdAt: 9 }), one('ready', { createdAt: 1 })];
  t.deepEqual(
    shown([young, old]).replicas.map(r => r.id),
    [old.id, young.id],
  );
  const two = stateOf([], {}, 'ns/b').with([
    { kind: 'put_service', service: { ...stateOf([], {}, 'ns/a').services.get('ns/a')!, spec: aSpec({ name: 'a' }) } },
  ]);
  t.deepEqual(
    describeServices(two, seen(), MOMENT).map(s => s.name),
    ['a', 'svc'],
  );
});

test('the message of a service says why: paused, node away, rolled back, then its worst replica', t => {
  const rolledBack: Rollout = { kind: 'rolled_back', failed: 2, to: 1, cause: CAUSE };
  const away = seen({ nodes: [aNode({ answering: false, error: 'connection refused' })] });
  const down = [one('backoff'), one('pending', {}, { reasons: [lack(99, 'local')] })];
  t.regex(
    shown(down, { rollout: { kind: 'paused', cause: CAUSE, previous: 1 } }, away).message,
    /paused: exited with code 1/,
  );
  t.regex(shown(down, { rollout: rolledBack }, away).message, /node local does not answer \(connection refused\)/);
  t.regex(shown(down, { rollout: rolledBack }).message, /generation 2 failed .* rolled back to generation 1/);
  t.is(shown(down).message, 'exited with code 1');
  t.is(
    shown([one('ready'), one('pending', {}, { reasons: [{ kind: 'surge', service: 'ns/svc' }, lack(99, 'local')] })])
      .message,
    'waits for others of ns/svc to leave; local: needs 99 CPUs, fewer are free',
  );
  t.is(shown([one('ready'), one('ready')]).message, '');
  t.is(shown([], { replicas: 0 }).message, 'scaled to 0: no replicas are wanted');
  t.is(shown([one('draining')], { replicas: 0 }).message, 'scaled down', 'one is on its way out');
});

test('an update whose newcomers are ready says how long they have to be', t => {
  const says = 'a new replica counts once it has been ready for 5 s (update.monitor)';
  const spec = aSpec({ update: { monitorMs: 5_000 } });
  const updating = { spec, generation: 2, rollout: PROGRESSING(1) };
  t.is(shown([one('ready', { generation: 2 })], updating).message, says);
  t.is(shown([one('ready')], updating).message, '', 'none of them is');
  t.is(shown([one('ready', { generation: 2 }), one('backoff', { generation: 2 })], updating).message, CAUSE.message);
  t.is(shown([one('ready', { generation: 2 })], { ...updating, rollout: PROGRESSING(null) }).message, '');
  t.is(shown([one('ready', { generation: 2 })], { ...updating, rollout: { kind: 'settled' } }).message, '');
});

test('a failed update is shown with its generation, cause, exit code and last lines', t => {
  const cause = { ...CAUSE, exitCode: 3, logTail: ['last words'] };
  const expected = { message: cause.message, exitCode: 3, logTail: ['last words'] };
  t.deepEqual(shown([], { generation: 2, rollout: { kind: 'paused', cause, previous: 1 } }).failedRollout, {
    generation: 2,
    rolledBack: false,
    ...expected,
  });
  t.deepEqual(shown([], { rollout: { kind: 'rolled_back', failed: 2, to: 1, cause } }).failedRollout, {
    generation: 2,
    rolledBack: true,
    ...expected,
  });
  t.false('failedRollout' in shown([]));
});

test('a replica is shown with where it is, its container, and when it is tried again', t => {
  const [view] = shown([
    one('ready', { id: 'r', attempt: 3 }, { placement: { node: 'local', devices: ['gpu0'] } }),
  ]).replicas;
  t.like(view, { phase: 'ready', sinceMs: 10, node: 'local', devices: ['gpu0'], containerId: 'c1', attempt: 3 });
  t.is(view?.containerName, 'ns-svc-r');
  const [waits] = shown([one('backoff', {}, { until: 99, cause: { ...CAUSE, exitCode: 1, logTail: ['l'] } })]).replicas;
  t.like(waits, { retryAtMs: 99, exitCode: 1, logTail: ['l'], message: CAUSE.message });
  t.false('containerId' in waits!);
});

test('the devices of a replica are shown by the ids that its node lists them by now', t => {
  const gpu = (id: number, uuid: string) => ({ id: `nvidia.com/gpu=${id}`, driver: 'cdi' as const, uuid });
  const given = [gpu(0, 'GPU-a'), gpu(1, 'GPU-b')].map(({ id, uuid }) => ({ id, uuid }));
  const placement = { node: 'local', devices: given.map(d => d.id), given };
  const devices = (...listed: ReturnType<typeof gpu>[]) =>
    shown([one('ready', {}, { placement })], {}, seen({ nodes: [aNode({ devices: listed })] })).replicas[0]?.devices;
  t.deepEqual(devices(gpu(0, 'GPU-a'), gpu(1, 'GPU-b')), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  t.deepEqual(devices(gpu(0, 'GPU-b'), gpu(1, 'GPU-a')), ['nvidia.com/gpu=1', 'nvidia.com/gpu=0']);
  t.deepEqual(devices(gpu(0, 'GPU-b')), ['GPU-a', 'nvidia.com/gpu=0'], 'the number of the first is another one now');
  t.deepEqual(devices(), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  t.deepEqual(
    shown([one('ready', {}, { placement })], {}, seen({ nodes: [] })).replicas[0]?.devices,
    placement.devices,
  );
});

test('addresses are shown only while somebody may call them', t => {
  const addresses = [{ kind: 'network' as const, network: 'n', host: '10.0.0.2', port: 1 }];
  const count = (kind: PhaseKind) => shown([one(kind, { addresses })]).replicas[0]?.addresses.length;
  t.deepEqual((['ready', 'draining', 'starting', 'backoff', 'stopping'] as const).map(count), [1, 1, 0, 0, 0]);
});

test('a pull is shown in bytes', t => {
  const images = {
    [imageKey(pullAction('local', SPEC))]: { kind: 'pulling', receivedBytes: 5, totalBytes: 9 } as const,
  };
  const [view] = shown([one('pulling')], {}, seen({ images })).replicas;
  t.like(view, { pulledBytes: 5, pullTotalBytes: 9, message: 'image:1' });
});

test('what holds a replica up is said in its words: the failed effect, the probe, the drain', t => {
  const failed = { kind: 'failed', at: 1, code: 'unavailable', message: 'why', notBefore: 2 } as const;
  const probes = new Map<string, ProbeReport>([
    [
      'c1',
      {
        containerId: 'c1',
        startup: 'pending',
        warmup: 'pending',
        readiness: 'failing',
        liveness: 'unknown',
        message: 'refused',
      },
    ],
  ]);
  const message = (replica: Replica, observed = seen()) => shown([replica], {}, observed).replicas[0]?.message;
  const creating = one('creating');
  t.is(message(one('pulling'), seen({ effects: { [actionKey(pullAction('local', SPEC))]: failed } })), 'why');
  t.is(message(creating, seen({ effects: { [actionKey(createAction(creating, PLACED, SPEC))]: failed } })), 'why');
  t.is(message(one('starting'), seen({ effects: { 'start c1': failed }, probes })), 'why');
  for (const kind of ['starting', 'warming'] as const) t.is(message(one(kind), seen({ probes })), 'refused');
  t.is(message(one('ready', {}, { impaired: true }), seen({ probes })), 'refused');
  t.is(message(one('ready', {}, { impaired: true })), 'the readiness probe fails');
  t.is(message(one('ready'), seen({ probes })), '');
  t.is(message(one('draining')), 'scaled down');
  t.is(message(one('stopping', {}, { afterwards: { kind: 'retried', cause: CAUSE } })), CAUSE.message);
  t.is(message(one('lost')), 'node local does not answer, nor does its own probe pass');
});

test('one that waits for a place tells of the closest node as it is now, and counts the others', t => {
  const reasons: PendingReason[] = [
    lack(4, 'a'),
    { kind: 'lack', constraint: 'draining', nodes: ['b', 'c'], count: 2 },
  ];
  const spec = aSpec({ resources: { cpus: 4 } });
  const waiting = one('pending', {}, { reasons });
  const holder = one('ready', { service: 'ns/other' }, { placement: { node: 'a', devices: [] } });
  const message = (cpus: number) => {
    const state = DesiredState.from({
      services: [...stateOf([waiting]).services.values()].map(service => ({ ...service, spec })),
      replicas: [waiting, holder],
      nodes: [],
      generations: [
        { service: 'ns/svc', generation: 1, spec },
        { service: 'ns/other', generation: 1, spec: aSpec({ name: 'other', resources: { cpus } }) },
      ],
    });
    return describeServices(state, seen({ nodes: [aNode({ name: 'a' })] }), MOMENT)[0]?.replicas[0]?.message;
  };
  t.is(message(5), 'a: needs 4 CPUs, 3 of 8 are free; and 2 more nodes');
  t.is(message(6), 'a: needs 4 CPUs, 2 of 8 are free; and 2 more nodes');
  t.is(message(1), 'a: needs 4 CPUs, fewer are free; and 2 more nodes', 'a place is looked for next');
});

test('what was told to stop says how long it is waited for, and by whose word', t => {
  const message = (removal: Partial<Service>) => shown([one('stopping')], removal).replicas[0]?.message;
  t.is(message({}), 'waits up to 10 s for it to end (stop_grace_period)');
  t.is(message({ removal: { askedAt: 1, volumes: false, graceMs: 3_000 } }), 'waits up to 3 s for it to end');
  t.is(message({ removal: { askedAt: 1, volumes: false, graceMs: 0 } }), '');
});

for (const what of ['removed', 'stopped'] as const) {
  test(`who waits for an old container that cannot be ${what} says so, also where the service is taken down`, t => {
    const failed = { kind: 'failed', at: 1, notBefore: 2, code: 'internal', message: 'resource busy' } as const;
    const before = (r: Replica) =>
      seen({
        nodes: [aNode({ containers: [aContainer({ id: 'old', replicaId: r.id, attempt: 1, state: 'exited' })] })],
        effects: { [`${what === 'removed' ? 'remove' : 'stop'} old`]: failed },
      });
    const words = `what is left of it cannot be ${what} on local: resource busy`;
    const creating = one('creating', { attempt: 2 });
    const waits = shown([creating], { rollout: SETTLED }, before(creating));
    t.deepEqual([waits.replicas[0]?.message, waits.message], [words, words]);
    const ending = one('stopping');
    const leaves = shown([ending], { removal: { askedAt: 1, volumes: false } }, before(ending));
    t.deepEqual([leaves.replicas[0]?.message, leaves.message], [words, words]);
    t.is(shown([one('creating')], {}, before(creating)).replicas[0]?.message, '', 'of another replica');
  });
}

test('what ends on a node that is away says that it waits for it, and a removal without replicas what is left to do', t => {
  const away = seen({ nodes: [aNode({ answering: false, silentSince: 1, error: 'timed out' })] });
  const ending = shown([one('stopping')], { removal: { askedAt: 1, volumes: false } }, away);
  t.is(ending.replicas[0]?.message, 'it ends once node local answers (timed out)');
  t.regex(ending.message, /node local does not answer \(timed out\)/);
  const retried = { afterwards: { kind: 'retried', cause: CAUSE } };
  t.is(
    shown([one('stopping', {}, retried)], {}, away).replicas[0]?.message,
    `${CAUSE.message}; it ends once node local answers (timed out)`,
  );
  const nodes = [aNode(), aNode({ name: 'b', answering: false, error: 'timed out' })];
  const empty = shown([], { removal: { askedAt: 1, volumes: true } }, seen({ nodes }));
  t.is(empty.message, 'its networks and volumes are still to be removed on b (timed out)');
  t.is(shown([], { removal: { askedAt: 1, volumes: true } }).message, '');
  const unheard = [
    aNode(),
    aNode({ name: 'b', answering: false, silentSince: 1, error: 'timed out', untouched: true }),
  ];
  t.is(shown([], { removal: { askedAt: 2, volumes: true } }, seen({ nodes: unheard })).message, '');
  const free = [aNode(), aNode({ name: 'b', answering: false, silentSince: 1, error: 'timed out' })];
  t.is(shown([], { removal: { askedAt: 2, volumes: false } }, seen({ nodes: free })).message, '', 'it is let off');
});

for (const [words, silentForMs, expected] of [
  ['may still be reached again', DEFAULT_NODE_POLICY.lostAfterMs - 1, 'updating'],
  ['is lost, while others take replicas', DEFAULT_NODE_POLICY.lostAfterMs, 'ready'],
] as const) {
  test(`what leaves on a node that ${words} leaves its service ${expected}`, t => {
    const away = aNode({ name: 'a', answering: false, silentSince: MOMENT.now - silentForMs });
    const leaving = one('draining', {}, { placement: { node: 'a', devices: [] } });
    const state = (...nodes: ReturnType<typeof aNode>[]) =>
      shown([one('ready'), one('ready'), leaving], {}, seen({ nodes })).state;
    t.is(state(aNode(), away), expected);
    t.is(state(aNode({ leaving: true }), away), 'updating', 'nobody else could take it');
  });
}

test('a removal names the nodes that it waits for, and none that it is let off', t => {
  const silentSince = MOMENT.now - DEFAULT_NODE_POLICY.lostAfterMs;
  const nodes = ['a', 'b'].map(name => aNode({ name, answering: false, silentSince, error: 'timed out' }));
  const message = (volumes: boolean, leaving: boolean) => {
    const [a, b] = nodes as [ReturnType<typeof aNode>, ReturnType<typeof aNode>];
    const observed = seen({ nodes: [aNode(), { ...a, leaving }, b] });
    return shown([], { removal: { askedAt: 1, volumes } }, observed).message;
  };
  const words = 'its networks and volumes are still to be removed on';
  t.is(message(true, false), `${words} a (timed out), b (timed out)`);
  t.is(message(true, true), `${words} b (timed out)`, 'what left takes its own along');
  t.is(message(false, false), '', "a network on what is lost is in nobody's way");
});

/** Of one that waits for more than the node is known to have. */
const NO_ROOM = 'local: needs 99 CPUs, fewer are free';

/** It is one of those that are wanted, and there is nothing to be said of it. */
const NOTHING = [undefined, ''];

test('a second replica that is there because of a drain says whose place it takes', t => {
  const on = (node: string) => ({ placement: { node, devices: [] } });
  const messages = (replicas: readonly Replica[], drained: boolean, given: Partial<Service> = {}) => {
    const { services, specOf } = stateOf(replicas, { replicas: 1, ...given });
    const nodes = drained ? [{ name: 'a', drainingSince: 5, quarantined: [] }] : [];
    const generations = [{ service: 'ns/svc' as const, generation: 1, spec: specOf('ns/svc', 1) ?? SPEC }];
    const state = DesiredState.from({ services: [...services.values()], replicas, nodes, generations });
    const observed = seen({ nodes: [aNode({ name: 'a', leaving: !drained }), aNode({ name: 'b' })] });
    return describeServices(state, observed, MOMENT)[0]?.replicas.map(r => [r.purpose, r.message]);
  };
  const old = one('ready', {}, on('a'));
  const waiting = one('pending', {}, { reasons: [lack(99, 'local')] });
  const starting = one('starting', {}, on('b'));
  const place = `to take the place of ${old.id} on a, which`;
  t.deepEqual(messages([old, waiting], true), [NOTHING, [`${place} is drained`, NO_ROOM]]);
  t.deepEqual(messages([old, starting], false), [NOTHING, [`${place} leaves`, '']]);
  t.deepEqual(messages([old, starting], true, { replicas: 2 }), [NOTHING, NOTHING], 'it was wanted anyway');
  t.deepEqual(messages([one('ready', {}, on('b')), starting], true), [NOTHING, NOTHING]);
});

test('each of two replacements names another one, in the order in which those leave', t => {
  const nodes = [{ name: 'a', drainingSince: 5, quarantined: [] }];
  const on = (node: string) => ({ placement: { node, devices: [] } });
  const messages = (replicas: readonly Replica[]) => {
    const { services } = stateOf(replicas);
    const generations = [{ service: 'ns/svc' as const, generation: 1, spec: SPEC }];
    const state = DesiredState.from({ services: [...services.values()], replicas, nodes, generations });
    const observed = seen({ nodes: [aNode({ name: 'a' }), aNode({ name: 'b' })] });
    return describeServices(state, observed, MOMENT)[0]?.replicas.map(r => [r.purpose, r.message]);
  };
  const [old, young] = [one('ready', {}, on('a')), one('ready', {}, on('a'))];
  const [first, second] = [one('starting', {}, on('b')), one('starting', {}, on('b'))];
  const place = ({ id }: Replica) => [`to take the place of ${id} on a, which is drained`, ''];
  t.deepEqual(messages([old, young, first, second]), [NOTHING, NOTHING, place(young), place(old)]);
  const served = { ...phaseOf('ready', 10, on('b')) };
  t.deepEqual(messages([old, { ...first, phase: served }, second]), [NOTHING, NOTHING, place(old)]);
});

test('who does not serve yet leaves a drained node before those that do, and so has the first successor', t => {
  const on = (node: string) => ({ placement: { node, devices: [] } });
  const purposes = (replicas: readonly Replica[], node = 'a') => {
    const { services } = stateOf(replicas);
    const generations = [1, 2].map(generation => ({ service: 'ns/svc' as const, generation, spec: SPEC }));
    const nodes = [{ name: node, drainingSince: 5, quarantined: [] }];
    const state = DesiredState.from({ services: [...services.values()], replicas, nodes, generations });
    const observed = seen({ nodes: [aNode({ name: 'a' }), aNode({ name: 'b' })] });
    return describeServices(state, observed, MOMENT)[0]?.replicas.map(r => r.purpose);
  };
  const [idle, serving] = [one('warming', {}, on('a')), one('ready', {}, on('a'))];
  const [first, second] = [one('pulling', {}, on('b')), one('pending')];
  const place = ({ id }: Replica, why = 'is drained') => `to take the place of ${id} on a, which ${why}`;
  t.deepEqual(purposes([idle, serving, first, second]), [undefined, undefined, place(idle), place(serving)]);
  const eldest = one('ready', { createdAt: 0 }, on('a'));
  t.deepEqual(purposes([eldest, serving, first]), [undefined, undefined, place(serving)], 'the youngest of both');
  const old = one('ready', { generation: 2 }, on('a'));
  t.deepEqual(purposes([old, first, second]), [undefined, undefined, undefined], 'it is replaced by an update');
  const gone = one('ready', {}, on('gone'));
  const [, newcomer] = purposes([gone, one('pending'), one('ready', {}, on('b'))]) ?? [];
  t.is(newcomer, `to take the place of ${gone.id} on gone, which is no node any more`);
});

test('a service that is ready says what waits beside those that serve', t => {
  const waiting = one('pending', {}, { reasons: [lack(99, 'local')] });
  t.like(shown([one('ready'), one('ready'), waiting]), { state: 'ready', message: NO_ROOM });
});

test('what a replica is there for is a part of what its service says', t => {
  const placed = { placement: { node: 'a', devices: [] } };
  const [old, young] = [one('ready', {}, placed), one('pending')];
  const { services } = stateOf([old, young], { replicas: 1 });
  const state = DesiredState.from({
    services: [...services.values()],
    replicas: [old, young],
    nodes: [{ name: 'a', drainingSince: 5, quarantined: [] }],
    generations: [{ service: 'ns/svc', generation: 1, spec: SPEC }],
  });
  const [view] = describeServices(state, seen({ nodes: [aNode({ name: 'a' }), aNode()] }), MOMENT);
  t.is(view?.replicas[1]?.purpose, `to take the place of ${old.id} on a, which is drained`);
  t.is(view?.message, `to take the place of ${old.id} on a, which is drained`);
});

test('who makes room says for whom', t => {
  const idle = one('draining', {}, { reason: 'preempted' });
  const other = one('pending', { service: 'ns/llm' }, { reasons: [{ kind: 'room_made' }] });
  const message = (...replicas: Replica[]) => shown([idle, ...replicas]).replicas[0]?.message;
  t.is(message(other), 'makes room for ns/llm of higher priority');
  t.is(message(), 'makes room for a service of higher priority');
});
