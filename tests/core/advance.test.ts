import test from 'ava';
import { actionKey, createAction, pullAction } from '../../control-plane/core/actions.ts';
import type { ErrorCode } from '../../control-plane/core/errors.ts';
import { advance } from '../../control-plane/core/lifecycle/advance.ts';
import type { ReplicaFacts } from '../../control-plane/core/lifecycle/replica-facts.ts';
import { transition } from '../../control-plane/core/lifecycle/transition.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { JudgedNodes } from '../../control-plane/core/nodes/judged-nodes.ts';
import { type EffectState, imageKey, type ProbeReport } from '../../control-plane/core/observed.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import { mayServe } from '../../control-plane/core/rollout/may-serve.ts';
import type { ServiceSpec, ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { aContainer, aNode, aReplica, CAUSE, PLACED, phaseOf, seen } from './replicas.ts';
import { aSpec } from './specs.ts';

const imageOf = (spec = aSpec()) => imageKey(pullAction('local', spec));

function moved(replica: Replica, facts: Partial<ReplicaFacts>): Replica {
  const { observed = seen(), now = 500 } = facts;
  const nodes = new JudgedNodes({ observed, records: new Map(), policy: DEFAULT_NODE_POLICY, now });
  return advance(replica, {
    spec: aSpec(),
    observed,
    containers: [],
    nodes,
    now,
    pulledSince: Number.POSITIVE_INFINITY,
    isContested: false,
    isKnownToWork: false,
    isUpdate: false,
    isDeleted: false,
    ...facts,
  });
}

const createKey = (replica: Replica) => actionKey(createAction(replica, PLACED, aSpec()));
const failedAt = (at: number, code: ErrorCode): EffectState => ({
  kind: 'failed',
  at,
  code,
  message: 'why',
  notBefore: at + 500,
});

function probes(report: Partial<ProbeReport>): ReadonlyMap<string, ProbeReport> {
  const base: ProbeReport = {
    containerId: 'c1',
    startup: 'passed',
    warmup: 'done',
    readiness: 'passing',
    liveness: 'passing',
  };
  return new Map([['c1', { ...base, ...report }]]);
}

// ---- the image

test('a pull policy of always is satisfied by a pull of this attempt, not by an image from before', t => {
  const replica = aReplica(phaseOf('pulling', 100), { attempt: 0 });
  const spec = aSpec({ pullPolicy: 'always' });
  const at = (ms: number, of = spec) => seen({ images: { [imageOf(of)]: { kind: 'present', at: ms } } });
  t.is(moved(replica, { spec, observed: at(99) }).phase.kind, 'pulling');
  t.is(moved(replica, { spec, observed: at(100) }).phase.kind, 'creating');
  t.is(moved(replica, { observed: at(99, aSpec()) }).phase.kind, 'creating', 'any other policy takes what is there');
});

test('a pull that failed for an earlier attempt does not fail this one; one that failed for this attempt does', t => {
  const replica = aReplica(phaseOf('pulling', 100), { attempt: 0 });
  const failed = (at: number, code: ErrorCode) =>
    seen({ images: { [imageOf()]: { kind: 'failed', code, message: 'no such image', at } } });
  t.is(moved(replica, { observed: failed(99, 'image_unavailable') }).phase.kind, 'pulling');
  t.like(moved(replica, { observed: failed(100, 'image_unavailable') }).phase, {
    kind: 'failed',
    cause: { kind: 'image', message: 'no such image' },
  });
  t.is(moved(replica, { observed: failed(100, 'unavailable') }).phase.kind, 'pulling', 'an engine that is away');
});

// ---- the create

test('a create that failed before the replica came to it says nothing of this one', t => {
  const replica = aReplica(phaseOf('creating', 100));
  const effects = (at: number) => seen({ effects: { [createKey(replica)]: failedAt(at, 'container_rejected') } });
  t.is(moved(replica, { observed: effects(99) }).phase.kind, 'creating');
  t.like(moved(replica, { observed: effects(100) }).phase, { kind: 'failed', cause: { kind: 'rejected' } });
});

test('an image that vanished before the create is pulled again', t => {
  const replica = aReplica(phaseOf('creating', 100));
  const observed = seen({ effects: { [createKey(replica)]: failedAt(150, 'image_unavailable') } });
  t.is(moved(replica, { observed }).phase.kind, 'pulling');
});

for (const code of ['conflict', 'unavailable', 'timeout'] as const) {
  test(`a create or start that met "${code}" is tried again and fails nobody`, t => {
    const creating = aReplica(phaseOf('creating', 100));
    t.is(
      moved(creating, { observed: seen({ effects: { [createKey(creating)]: failedAt(150, code) } }) }).phase.kind,
      'creating',
    );
    const starting = aReplica(phaseOf('starting', 100));
    const observed = seen({ effects: { 'start c1': failedAt(150, code) } });
    t.is(moved(starting, { observed, containers: [aContainer({ state: 'created' })] }).phase.kind, 'starting');
  });
}

test('a create whose name is taken for good fails the attempt, on its budget', t => {
  const creating = aReplica(phaseOf('creating', 100));
  const observed = seen({
    effects: { [createKey(creating)]: { ...failedAt(150, 'conflict'), isForGood: true } as EffectState },
  });
  t.like(moved(creating, { observed }).phase, { kind: 'failed', cause: { kind: 'rejected', message: 'why' } });
  const patient = aSpec({ restart: { startAttempts: null } });
  const effects = { [actionKey(createAction(creating, PLACED, patient))]: [...observed.effects.values()][0]! };
  t.is(moved(creating, { spec: patient, observed: seen({ effects }) }).phase.kind, 'backoff');
});

test('a create that is refused for what the file itself asks for is final at the first start, whatever the budget', t => {
  const spec = aSpec({ restart: { startAttempts: null } });
  const phase = (wasReady: boolean, code: ErrorCode) => {
    const creating = aReplica(phaseOf('creating', 100), { wasReady });
    const effects = { [actionKey(createAction(creating, PLACED, spec))]: failedAt(150, code) };
    return moved(creating, { spec, observed: seen({ effects }) }).phase;
  };
  t.like(phase(false, 'invalid_argument'), { kind: 'failed', cause: { kind: 'rejected', message: 'why' } });
  t.is(phase(false, 'container_rejected').kind, 'backoff', 'what the node lacks may come');
  t.is(phase(true, 'invalid_argument').kind, 'backoff', 'what served once is an outage');
});

test('a create that meets conflicts in a row fails the attempt once it is long between two, on its budget', t => {
  const creating = aReplica(phaseOf('creating', 100));
  const after = (pauseMs: number, restart: ServiceSpecInput['restart']) => {
    const spec = aSpec({ restart });
    const refused = { ...failedAt(999_000, 'conflict'), notBefore: 999_000 + pauseMs } as EffectState;
    const effects = { [actionKey(createAction(creating, PLACED, spec))]: refused };
    return moved(creating, { spec, now: 1_000_000, observed: seen({ effects }) }).phase;
  };
  t.is(after(14_999, { startAttempts: 1 }).kind, 'creating', 'however long it waited for its turn before');
  t.like(after(15_000, { startAttempts: 1 }), { kind: 'failed', cause: { kind: 'rejected', message: 'why' } });
  t.is(after(15_000, { startAttempts: null }).kind, 'backoff');
});

test('a start that a conflict keeps up for seconds is given to another container, whatever the budget', t => {
  const spec = aSpec({ restart: { startAttempts: 1, maxAttempts: 0 } });
  const starting = aReplica(phaseOf('starting', 100));
  const observed = seen({ effects: { 'start c1': failedAt(5_000, 'conflict') } });
  const at = (now: number) => moved(starting, { spec, observed, now, containers: [aContainer({ state: 'created' })] });
  t.is(at(5_099).phase.kind, 'starting');
  t.is(at(5_100).phase.kind, 'backoff');
});

test('a port in use and a refused start are final', t => {
  for (const code of ['port_in_use', 'container_rejected', 'not_found'] as const) {
    const observed = seen({ effects: { 'start c1': failedAt(150, code) } });
    const starting = aReplica(phaseOf('starting', 100));
    t.is(moved(starting, { observed, containers: [aContainer({ state: 'created' })] }).phase.kind, 'failed', code);
  }
});

test('a generation that is known to work waits for a port that is in use, and for nothing else that is refused', t => {
  const after = (code: ErrorCode) => {
    const observed = seen({ effects: { 'start c1': failedAt(150, code) } });
    const starting = aReplica(phaseOf('starting', 100));
    return moved(starting, { observed, isKnownToWork: true, containers: [aContainer({ state: 'created' })] }).phase
      .kind;
  };
  t.is(after('port_in_use'), 'backoff');
  t.is(after('container_rejected'), 'failed');
});

test('a running container of an earlier attempt is not taken for this one', t => {
  const replica = aReplica(phaseOf('creating', 100), { attempt: 2 });
  t.is(moved(replica, { containers: [aContainer({ attempt: 1 })] }).phase.kind, 'creating');
  t.like(moved(replica, { containers: [aContainer({ attempt: 2 })] }).phase, {
    kind: 'starting',
    container: { id: 'c1' },
  });
});

// ---- start-up, warm-up, life

test('without a report nothing is concluded', t => {
  for (const kind of ['starting', 'warming', 'ready'] as const) {
    const replica = aReplica(phaseOf(kind, 100));
    t.is(moved(replica, { containers: [aContainer()] }), replica);
  }
});

test('a service with a warm-up is ready only after it', t => {
  const spec = aSpec({ warmup: { http: { path: '/warm' } } });
  const starting = aReplica(phaseOf('starting', 100));
  const facts = { spec, containers: [aContainer()] };
  const warming = moved(starting, { ...facts, observed: seen({ probes: probes({ warmup: 'pending' }) }) });
  t.is(warming.phase.kind, 'warming');
  t.false(warming.wasReady);
  const ready = moved(warming, { ...facts, observed: seen({ probes: probes({}) }) });
  t.is(ready.phase.kind, 'ready');
  t.true(ready.wasReady);
});

for (const [phase, report, kind] of [
  ['starting', { startup: 'failed' }, 'startup_timeout'],
  ['warming', { warmup: 'failed' }, 'warmup'],
  ['ready', { liveness: 'failing' }, 'liveness'],
] as const) {
  test(`a replica that is ${phase} and whose probe gives up is stopped, to be tried again: ${kind}`, t => {
    const observed = seen({ probes: probes({ ...report, message: 'connection refused' }) });
    const stopping = moved(aReplica(phaseOf(phase, 100)), { observed, containers: [aContainer()] });
    t.is(stopping.phase.kind, 'stopping');
    t.like(stopping.phase, { container: { id: 'c1' }, afterwards: { kind: 'retried' } });
    const { afterwards } = stopping.phase as Extract<Replica['phase'], { kind: 'stopping' }>;
    t.true(afterwards.kind === 'retried' && afterwards.cause.kind === kind);
    t.true(afterwards.kind === 'retried' && afterwards.cause.message.endsWith(': connection refused'));
  });
}

test('a device check that has never passed fails the start, on its budget; one that has passed tells of a lost device', t => {
  const placement = { node: 'local', devices: ['nvidia.com/gpu=0'] };
  const after = (given: { unproven?: true }) => {
    const report = { kind: 'lost', message: 'see ended with 1', at: 400, ...given } as const;
    const observed = seen({ deviceReports: new Map([['c1', report]]), probes: probes({ startup: 'pending' }) });
    return moved(aReplica(phaseOf('starting', 100, { placement })), { observed, containers: [aContainer()] }).phase;
  };
  t.like(after({ unproven: true }), {
    kind: 'stopping',
    afterwards: {
      kind: 'retried',
      cause: { kind: 'startup_timeout', message: 'x-outrigger.gpu.check never passed: see ended with 1' },
    },
  });
  t.like(after({}), { kind: 'stopping', afterwards: { kind: 'retried', cause: { kind: 'device_lost' } } });
});

test('that its own check saw its devices is known of a container for as long as it is the present one', t => {
  const placement = { node: 'local', devices: ['nvidia.com/gpu=0'] };
  const after = (kind: 'sees' | 'unknown', spec: ServiceSpec) => {
    const observed = seen({
      deviceReports: new Map([['c1', { kind, message: '', at: 400 }]]),
      probes: probes({ startup: 'pending' }),
    });
    return moved(aReplica(phaseOf('starting', 100, { placement })), { observed, containers: [aContainer()], spec });
  };
  const gpu = { count: 1 } as const;
  const checked = aSpec({ resources: { gpu: { ...gpu, check: ['see'] } } });
  t.false(after('sees', aSpec({ resources: { gpu } })).hasSeenDevices, "the vendor's tool needs no proof");
  t.false(after('unknown', checked).hasSeenDevices);
  const proven = after('sees', checked);
  t.true(proven.hasSeenDevices);
  const next = [{ kind: 'node_lost' }, { kind: 'node_found' }] as const;
  const found = next.reduce((r, event) => transition(r, event, 500), proven);
  t.true(found.hasSeenDevices);
  const anew = transition(found, { kind: 'failed', cause: CAUSE, policy: aSpec().restart }, 600);
  t.false(anew.hasSeenDevices);
});

test('however often the node of a replica was lost, its container served, until there is another one', t => {
  let replica = transition(aReplica(phaseOf('starting', 0)), { kind: 'started_up', warmup: false }, 1);
  for (let i = 1; i <= 20; i += 1) {
    replica = transition(replica, { kind: 'node_lost' }, i * 10);
    replica = transition(replica, { kind: 'node_found' }, i * 10 + 5);
  }
  t.true(replica.hasServed);
  t.true(mayServe(replica));
  const failed = transition(
    replica,
    { kind: 'failed', cause: CAUSE, policy: { startAttempts: null, maxAttempts: null } },
    1_000,
  );
  t.false(transition(failed, { kind: 'retry' }, 20_000).hasServed);
});

test('a liveness probe that fails speaks of the container only once its node was heard since: the way may be cut', t => {
  const ready = aReplica(phaseOf('ready', 100));
  const when = (node: Partial<ReturnType<typeof aNode>>) =>
    moved(ready, {
      containers: [aContainer()],
      observed: seen({ nodes: [aNode(node)], probes: probes({ liveness: 'failing', notAliveSince: 300 }) }),
    }).phase.kind;
  t.is(when({ listedFrom: 299 }), 'ready');
  t.is(when({ listedFrom: 300 }), 'ready');
  t.is(when({ listedFrom: 301, answering: false, silentSince: 310 }), 'ready');
  t.is(when({ listedFrom: 301 }), 'stopping');
});

test('a readiness probe that fails takes the endpoint and not the container, and gives it back', t => {
  const containers = [aContainer()];
  const ready = aReplica(phaseOf('ready', 100));
  const impaired = moved(ready, { containers, observed: seen({ probes: probes({ readiness: 'failing' }) }) });
  t.like(impaired.phase, { kind: 'ready', impaired: true });
  const unknown = moved(impaired, { containers, observed: seen({ probes: probes({ readiness: 'unknown' }) }) });
  t.like(unknown.phase, { kind: 'ready', impaired: true }, 'unknown is not passing');
  const regained = moved(impaired, { containers, observed: seen({ probes: probes({}) }) });
  t.like(regained.phase, { kind: 'ready', impaired: false });
});

test('a replica that runs without any address is tried again, once a listing that is fresh says so', t => {
  const ready = aReplica(phaseOf('ready', 100));
  const bare = { containers: [aContainer({ addresses: [] })] };
  const listed = (listedFrom: number, answering = true) => seen({ nodes: [aNode({ listedFrom, answering })] });
  const late = { ...bare, now: 20_000 };
  t.is(moved(ready, { ...bare, observed: listed(10_050), now: 10_099 }), ready, 'the listing may lag behind the start');
  t.is(moved(ready, { ...late, observed: listed(10_100) }), ready, 'so may one that was made then');
  t.is(moved(ready, { ...late, observed: listed(10_101, false) }), ready, 'unknown is not dead');
  t.like(moved(ready, { ...late, observed: listed(10_101) }).phase, {
    kind: 'stopping',
    afterwards: { kind: 'retried' },
  });
  const { port: _, ...portless } = aSpec();
  t.is(moved(ready, { ...late, spec: portless, observed: listed(10_101) }), ready, 'nobody calls it');
  const published = [{ containerPort: 50051, hostIp: '127.0.0.1', hostPort: 1_234, protocol: 'tcp' as const }];
  const containers = [aContainer({ addresses: [], publishedPorts: published })];
  t.is(moved(ready, { ...late, containers, observed: listed(10_101) }), ready, 'its published port leads to it');
});

// ---- how a container ends

for (const [exit, kind, words] of [
  [{ code: 137, oomKilled: true, error: '', logTail: ['l'] }, 'oom_killed', /out of memory/],
  [{ code: 137, oomKilled: false, error: '', logTail: ['l'] }, 'killed', /SIGKILL/],
  [{ code: 3, oomKilled: false, error: '', logTail: ['l'] }, 'exited', /^exited with code 3$/],
  [{ code: 127, oomKilled: false, error: 'no such file', logTail: ['l'] }, 'exited', /code 127: no such file/],
] as const) {
  test(`an exit with code ${exit.code}, oom ${exit.oomKilled}, error "${exit.error}" is told as ${kind}`, t => {
    const ready = aReplica(phaseOf('ready', 100), { wasReady: true });
    const { phase } = moved(ready, { containers: [aContainer({ state: 'exited', exit })] });
    t.like(phase, { kind: 'backoff', cause: { kind, exitCode: exit.code } });
    t.true(phase.kind === 'backoff' && words.test(phase.cause.message) && phase.cause.logTail[0] === 'l');
  });
}

test('an exit before the first readiness says so', t => {
  const exit = { code: 1, oomKilled: false, error: '', logTail: [] };
  const { phase } = moved(aReplica(phaseOf('starting', 100)), { containers: [aContainer({ state: 'exited', exit })] });
  t.true(phase.kind === 'failed' && phase.cause.message === 'exited with code 1 before it was ready');
});

test('only a listing that began after a container was learnt of, from an engine that answers, can deny it', t => {
  const ready = aReplica(phaseOf('ready', 100), { wasReady: true });
  const listed = (listedFrom: number, answering = true) => seen({ nodes: [aNode({ listedFrom, answering })] });
  t.is(moved(ready, { observed: listed(100) }), ready);
  t.is(moved(ready, { observed: listed(101, false) }), ready);
  t.is(moved(ready, { observed: seen({ nodes: [] }) }), ready);
  t.like(moved(ready, { observed: listed(101) }).phase, { kind: 'backoff', cause: { kind: 'vanished' } });
});

// ---- the way out

const draining = aReplica(phaseOf('draining', 100));
const waiting = { spec: aSpec({ drain: { timeoutMs: 10_000 } }), containers: [aContainer()] };

test('a draining replica is stopped once everybody let go and its load reads zero since', t => {
  const load = (inFlight: number, at: number) => seen({ probes: probes({ load: { inFlight, at } }) });
  t.is(moved(draining, { ...waiting, observed: load(2, 200) }), draining, 'requests run');
  t.is(moved(draining, { ...waiting, observed: load(0, 100) }), draining, 'the reading may be from before');
  t.is(moved(draining, { ...waiting, observed: load(0, 101) }).phase.kind, 'stopping');
  t.is(moved(draining, { ...waiting, observed: seen({ probes: probes({}) }) }).phase.kind, 'stopping', 'says no load');
});

test('a draining replica has its time from when the registry let it go, unless it is deleted or gives up its place', t => {
  const standing = (letGoAt: number | null) => () => ({ announced: true, withdrawable: false, letGoAt });
  const at = (letGoAt: number | null, now: number, more: Partial<ReplicaFacts> = {}, replica = draining) => {
    const withdrawn = () => letGoAt !== null;
    const observed = seen({
      standing: standing(letGoAt),
      withdrawn,
      probes: probes({ load: { inFlight: 1, at: 200 } }),
    });
    return moved(replica, { ...waiting, observed, now, ...more }).phase.kind;
  };
  t.is(at(null, 1_000_000), 'draining', 'the registry may still hand it out');
  t.is(at(900_000, 909_999), 'draining');
  t.is(at(900_000, 910_000), 'stopping');
  t.is(at(Number.NEGATIVE_INFINITY, 10_100), 'stopping', 'from the start where it was never handed out');
  t.is(at(null, 10_100, { isDeleted: true }), 'stopping', 'its service is removed');
  for (const reason of ['deleted', 'preempted'] as const) {
    t.is(at(null, 10_099, {}, aReplica(phaseOf('draining', 100, { reason }))), 'draining');
    t.is(at(null, 10_100, {}, aReplica(phaseOf('draining', 100, { reason }))), 'stopping', reason);
  }
});

test('a draining replica that was not asked for its load yet waits for that, until its deadline', t => {
  // After a restart of ours there is no report at all at first.
  for (const reports of [probes({ loadUnread: true }), new Map()]) {
    const observed = seen({ probes: reports });
    t.is(moved(draining, { ...waiting, observed, now: 10_099 }), draining);
    t.is(moved(draining, { ...waiting, observed, now: 10_100 }).phase.kind, 'stopping');
  }
});

test('a draining replica that somebody may still call is stopped at its deadline and not before', t => {
  const observed = seen({ withdrawn: () => false });
  t.is(moved(draining, { ...waiting, observed, now: 10_099 }), draining);
  t.like(moved(draining, { ...waiting, observed, now: 10_100 }).phase, {
    kind: 'stopping',
    afterwards: { kind: 'stopped' },
  });
});

test('a draining replica whose container ended by itself waits for nobody', t => {
  const exit = { code: 0, oomKilled: false, error: '', logTail: [] };
  const containers = [aContainer({ state: 'exited', exit })];
  t.is(moved(draining, { ...waiting, containers, observed: seen({ withdrawn: () => false }) }).phase.kind, 'stopping');
});

const leaving = aReplica(phaseOf('stopping', 100, { container: null }));

test('a replica on its way out waits for a create that may still bring a container', t => {
  const observed = seen({ effects: { [createKey(leaving)]: { kind: 'under_way' } } });
  t.is(moved(leaving, { observed }), leaving);
  t.is(moved(leaving, {}).phase.kind, 'stopped');
});

test('a replica on its way out is not gone while a container of any attempt is left', t => {
  t.is(moved(leaving, { containers: [aContainer({ state: 'created' })] }), leaving);
  const second = aReplica(phaseOf('stopping', 100, { container: { id: 'c2', seenAt: 90 } }), { attempt: 2 });
  const removed: EffectState = { kind: 'settled', at: 200 };
  const containers = [aContainer({ id: 'c1', state: 'exited' }), aContainer({ id: 'c2', attempt: 2 })];
  t.is(moved(second, { containers, observed: seen({ effects: { 'remove c2': removed } }) }), second);
  const both = seen({ effects: { 'remove c1': removed, 'remove c2': removed } });
  t.is(moved(second, { containers, observed: both }).phase.kind, 'stopped', 'the listing is older than the removals');
});

test('a replica on its way out is gone only by a listing from after its last create', t => {
  const create: EffectState = { kind: 'settled', at: 200, containerId: 'c9' };
  const listed = (listedFrom: number, answering = true) =>
    seen({ nodes: [aNode({ listedFrom, answering })], effects: { [createKey(leaving)]: create } });
  t.is(moved(leaving, { observed: listed(200) }), leaving);
  t.is(moved(leaving, { observed: listed(201, false) }), leaving);
  t.is(moved(leaving, { observed: listed(201) }).phase.kind, 'stopped');
  const late = aReplica(phaseOf('stopping', 100, { container: { id: 'c1', seenAt: 300 } }));
  t.is(moved(late, { observed: listed(300) }), late, 'nor by one from before its container was learnt of');
  const asked = aReplica(phaseOf('stopping', 400, { container: null }));
  t.is(moved(asked, { observed: listed(400) }), asked, 'nor by one from before it was told to go');
});

test('a condemned replica is tried again only once its container was seen to end', t => {
  const afterwards = { kind: 'retried', cause: CAUSE };
  const condemned = aReplica(phaseOf('stopping', 100, { afterwards }), { wasReady: true });
  t.is(moved(condemned, { containers: [aContainer()] }), condemned);
  const exit = { code: 143, oomKilled: false, error: '', logTail: [] };
  t.like(moved(condemned, { containers: [aContainer({ state: 'exited', exit })] }).phase, {
    kind: 'backoff',
    cause: CAUSE,
  });
});

test('a back-off ends at its time and not a millisecond before', t => {
  const waits = aReplica(phaseOf('backoff', 100, { until: 700 }));
  t.is(moved(waits, { now: 699 }), waits);
  t.is(moved(waits, { now: 700 }).phase.kind, 'pulling');
});

test('what ends for good waits for a create that is under way, which may bring another container', t => {
  const stopping = aReplica(phaseOf('stopping', 100));
  const effects = (create: EffectState): Record<string, EffectState> => ({
    'remove c1': { kind: 'settled', at: 300 },
    [createKey(stopping)]: create,
  });
  const after = (create: EffectState) => moved(stopping, { observed: seen({ effects: effects(create) }) }).phase.kind;
  t.is(after({ kind: 'under_way' }), 'stopping');
  t.is(after({ kind: 'settled', at: 200, containerId: 'c1' }), 'stopped');
});
