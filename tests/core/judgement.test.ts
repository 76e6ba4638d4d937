import test from 'ava';
import { removeServices } from '../../control-plane/controller/commands.ts';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import type { Action } from '../../control-plane/core/actions.ts';
import { FIRST_DELAY_MS } from '../../control-plane/core/lifecycle/backoff.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import type { EffectState, Observed } from '../../control-plane/core/observed.ts';
import type { Plan } from '../../control-plane/core/plan/plan.ts';
import { reconcile } from '../../control-plane/core/reconcile.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import { type ServiceSpec, serviceKey } from '../../control-plane/core/spec.ts';
import { lackInWords } from '../../control-plane/views/lack-in-words.ts';
import { pendingInWords } from '../../control-plane/views/pending-in-words.ts';
import { ModelWorld } from './model-world.ts';
import { aContainer, aNode, aReplica, CAUSE, type GivenNode, phaseOf, seen } from './replicas.ts';
import { apply, aSpec, exactly } from './specs.ts';

/** A stored state of services that are settled in generation 1, and these replicas. */
function stored(replicas: readonly Replica[], specs: readonly ServiceSpec[] = [aSpec()], given: Partial<Service> = {}) {
  return DesiredState.from({
    replicas,
    nodes: [],
    generations: specs.map(spec => ({ service: serviceKey(spec), generation: 1, spec })),
    services: specs.map(spec => ({
      key: serviceKey(spec),
      spec,
      imageId: null,
      generation: 1,
      latestGeneration: 1,
      replicas: spec.replicas.initial,
      acceptedAt: 0,
      createdBy: '',
      askedBy: '',
      removal: null,
      origin: '',
      rollout: { kind: 'settled' },
      ...given,
    })),
  });
}

function planOf(state: DesiredState, observed: Observed, now = 10_000): Plan {
  let count = 0;
  return reconcile(state, observed, now, () => `new${(count++).toString()}`, DEFAULT_NODE_POLICY);
}

const phaseIn = (world: ModelWorld, service: string) =>
  [...world.state.replicas.values()].filter(r => r.service === `ns/${service}`).map(r => r.phase.kind);

// ---- who is placed first

test('who waited longest is placed first when room appears', t => {
  const world = new ModelWorld({ local: { cpus: 1, memoryBytes: 2 ** 30, devices: [] } });
  const resources = { cpus: 1 };
  for (const name of ['first', 'second', 'third']) {
    apply(world, aSpec({ name, resources }));
    world.settle();
    world.advance(1_000);
  }
  t.deepEqual(
    [phaseIn(world, 'first'), phaseIn(world, 'second'), phaseIn(world, 'third')],
    [['ready'], ['pending'], ['pending']],
  );
  world.commit(removeServices(world.state, { namespace: 'ns', names: ['first'], volumes: false }, world.now).changes);
  world.settle();
  t.deepEqual([phaseIn(world, 'second'), phaseIn(world, 'third')], [['ready'], ['pending']]);
});

test('of two that wait equally long the id decides, so that equal input gives equal output', t => {
  const spec = aSpec({ resources: { cpus: 5 }, replicas: exactly(2) });
  const waiting = ['r2', 'r1'].map(id => aReplica(phaseOf('pending', 5), { id, createdAt: 5 }));
  const plan = planOf(stored(waiting, [spec]), seen());
  t.deepEqual(
    [...plan.replicas.values()].map(r => [r.id, r.phase.kind]),
    [
      ['r2', 'pending'],
      ['r1', 'pulling'],
    ],
  );
});

test('a replica that gave up takes no room', t => {
  const spec = aSpec({ resources: { cpus: 6 }, replicas: exactly(2) });
  const replicas = [aReplica(phaseOf('failed', 5), { id: 'r1' }), aReplica(phaseOf('pending', 5), { id: 'r2' })];
  const plan = planOf(stored(replicas, [spec]), seen());
  t.is(plan.replicas.get('r2')?.phase.kind, 'pulling');
});

test('one that waits for its back-off, or stops, keeps its room', t => {
  const spec = aSpec({ resources: { cpus: 6 }, replicas: exactly(2) });
  for (const kind of ['backoff', 'stopping', 'draining'] as const) {
    const containers = kind === 'backoff' ? [] : [aContainer({ replicaId: 'r1' })];
    const replicas = [
      aReplica(phaseOf(kind, 5, kind === 'backoff' ? { until: 99_999 } : {}), { id: 'r1' }),
      aReplica(phaseOf('pending', 5), { id: 'r2' }),
    ];
    const observed = seen({ nodes: [aNode({ containers })], withdrawn: () => false });
    t.is(planOf(stored(replicas, [spec]), observed).replicas.get('r2')?.phase.kind, 'pending', kind);
  }
});

// ---- an update that fails

const FAILING = [
  aReplica(phaseOf('ready', 5), { id: 'r1', generation: 1 }),
  aReplica(phaseOf('failed', 5), { id: 'r2', generation: 2 }),
];

function updating(onFailure: 'rollback' | 'pause' | 'continue', given: Partial<Service> = {}, next = {}) {
  const spec = aSpec({ image: 'image:2', update: { onFailure }, ...next });
  const before = stored(FAILING, [aSpec({ replicas: { min: 1, max: 2, initial: 1 } })]);
  const service = before.services.get('ns/svc') as Service;
  const rollout = { kind: 'progressing', since: 0, previous: 1 } as const;
  return before.with([
    { kind: 'put_generation', service: 'ns/svc', generation: 2, spec },
    {
      kind: 'put_service',
      service: {
        ...service,
        spec,
        generation: 2,
        latestGeneration: 2,
        replicas: spec.replicas.initial,
        rollout,
        ...given,
      },
    },
  ]);
}
const RUNS = () => seen({ nodes: [aNode({ containers: [aContainer({ replicaId: 'r1' })] })] });

test('a service on its way out is not rolled back', t => {
  const state = updating('rollback', { removal: { askedAt: 1, volumes: false } });
  const service = planOf(state, RUNS()).services.get('ns/svc');
  t.is(service?.generation, 2);
  t.is(service?.rollout.kind, 'progressing');
});

test('on_failure continue goes on with the new generation, and the old one serves meanwhile', t => {
  const plan = planOf(updating('continue'), RUNS());
  t.like(plan.services.get('ns/svc'), { generation: 2, rollout: { kind: 'progressing', since: 0, previous: 1 } });
  t.is(plan.replicas.get('r1')?.phase.kind, 'ready');
});

test('a rollback keeps the number of replicas within the range of the spec it goes back to', t => {
  for (const [wanted, after] of [
    [5, 2],
    [2, 2],
    [0, 1],
  ] as const) {
    const plan = planOf(updating('rollback', {}, { replicas: exactly(wanted) }), RUNS());
    t.like(plan.services.get('ns/svc'), { generation: 1, replicas: after, rollout: { kind: 'rolled_back' } });
  }
});

test('an update without a spec to go back to is paused instead', t => {
  const state = updating('rollback').with([{ kind: 'delete_generation', service: 'ns/svc', generation: 1 }]);
  const alone = state.with([{ kind: 'delete_replica', id: 'r1' }]);
  t.like(planOf(alone, seen()).services.get('ns/svc'), { generation: 2, rollout: { kind: 'paused', cause: CAUSE } });
});

test('a first generation that fails has nothing to go back to: it stays, and says why', t => {
  const state = stored([aReplica(phaseOf('failed', 5))], undefined, {
    rollout: { kind: 'progressing', since: 0, previous: null },
  });
  const plan = planOf(state, seen());
  t.is(plan.services.get('ns/svc')?.rollout.kind, 'progressing');
  t.deepEqual(plan.actions, []);
});

// ---- dependencies

const app = (condition: 'ready' | 'started') => aSpec({ name: 'app', dependsOn: [{ service: 'db', condition }] });
const waitsFor = (world: ModelWorld) => {
  const [replica] = [...world.state.replicas.values()].filter(r => r.service === 'ns/app');
  return replica?.phase.kind === 'pending'
    ? replica.phase.reasons.map(r => pendingInWords(r, lackInWords)).join()
    : replica?.phase.kind;
};

test('nobody waits for a service that is being taken down', t => {
  const world = new ModelWorld();
  world.impaired.add('db:1');
  apply(world, app('ready'), aSpec({ name: 'db', image: 'db:1', drain: { timeoutMs: 100_000 } }));
  world.settle();
  t.is(waitsFor(world), 'waits for service db to be ready');
  for (const replica of world.state.replicas.values()) world.clung.add(replica.id);
  world.commit(removeServices(world.state, { namespace: 'ns', names: ['db'], volumes: false }, world.now).changes);
  world.settle();
  t.true(world.state.services.has('ns/db'), 'it still drains');
  t.is(waitsFor(world), 'ready');
});

test('nobody waits for a service that is wanted with no replica, nor for one that Outrigger does not know', t => {
  const world = new ModelWorld();
  apply(world, app('ready'), aSpec({ name: 'db', replicas: exactly(0) }));
  world.settle();
  t.is(waitsFor(world), 'ready');
  const alone = new ModelWorld();
  apply(alone, app('ready'));
  alone.settle();
  t.is(waitsFor(alone), 'ready');
});

test('a condition of started is met by a container that runs, ready or not', t => {
  const world = new ModelWorld();
  world.impaired.add('db:1');
  apply(world, app('started'), aSpec({ name: 'db', image: 'db:1' }));
  world.settle();
  t.is(waitsFor(world), 'ready');
  const missing = new ModelWorld();
  missing.missing.add('db:1');
  apply(missing, app('started'), aSpec({ name: 'db', image: 'db:1' }));
  missing.settle();
  t.is(waitsFor(missing), 'waits for service db to be started');
});

test('a replica that runs already is not taken down because what it depends on is gone', t => {
  const world = new ModelWorld();
  apply(world, app('ready'), aSpec({ name: 'db', image: 'db:1' }));
  world.settle();
  world.impaired.add('db:1');
  world.settle();
  t.is(waitsFor(world), 'ready');
});

// ---- what the sidecar is told

test('only a replica that was past its probes goes on without them: one that starts or warms up has to pass', t => {
  for (const [kind, resume] of [
    ['starting', false],
    ['warming', false],
    ['ready', true],
    ['draining', true],
  ] as const) {
    const observed = seen({ nodes: [aNode({ containers: [aContainer()] })], withdrawn: () => false });
    const plan = planOf(stored([aReplica(phaseOf(kind, 5))]), observed);
    t.deepEqual(
      plan.probed.map(p => [p.replica.id, p.containerId, p.resume]),
      [['r0000001', 'c1', resume]],
      kind,
    );
  }
});

test('the sidecar is told once nobody can call a draining replica any more', t => {
  const withdrawnIn = (kind: 'ready' | 'draining', isConfirmed: boolean) => {
    const nodes = [aNode({ containers: [aContainer()] })];
    // Its load keeps it from being stopped at once.
    const report = {
      containerId: 'c1',
      startup: 'passed',
      warmup: 'done',
      readiness: 'passing',
      liveness: 'passing',
      load: { inFlight: 1, at: 0 },
    } as const;
    const probes = new Map([['c1', report]]);
    const observed = seen({ nodes, probes, withdrawn: () => isConfirmed });
    return planOf(stored([aReplica(phaseOf(kind, 5))]), observed).probed.map(p => p.withdrawn);
  };
  t.deepEqual(withdrawnIn('draining', true), [true]);
  t.deepEqual(withdrawnIn('draining', false), [false]);
  t.deepEqual(withdrawnIn('ready', true), [false]);
});

test('only running containers are probed', t => {
  const exited = aContainer({ state: 'exited', exit: { code: 0, oomKilled: false, error: '', logTail: [] } });
  for (const container of [aContainer({ state: 'created' }), exited]) {
    const observed = seen({ nodes: [aNode({ containers: [container] })] });
    t.deepEqual(planOf(stored([aReplica(phaseOf('starting', 5))]), observed).probed, []);
  }
});

test('a replica whose readiness fails is published no more and probed on', t => {
  const addresses = [{ kind: 'network' as const, network: 'ns_default', host: '10.0.0.2', port: 50051 }];
  const observed = seen({ nodes: [aNode({ containers: [aContainer()] })] });
  const impaired = planOf(stored([aReplica(phaseOf('ready', 5, { impaired: true }), { addresses })]), observed);
  t.is(impaired.endpoints.length, 0);
  t.is(impaired.probed.length, 1);
  t.is(planOf(stored([aReplica(phaseOf('ready', 5), { addresses })]), observed).endpoints.length, 1);
});

test('a ready replica that has no address has no endpoint', t => {
  const observed = seen({ nodes: [aNode({ containers: [aContainer({ addresses: [] })] })] });
  t.deepEqual(planOf(stored([aReplica(phaseOf('ready', 5))]), observed).endpoints, []);
});

test('an endpoint follows its container to a new address', t => {
  const observed = (ip: string) =>
    seen({ nodes: [aNode({ containers: [aContainer({ addresses: [{ network: 'n', ip }] })] })] });
  const first = planOf(stored([aReplica(phaseOf('ready', 5))]), observed('10.0.0.2'));
  const state = stored([...first.replicas.values()]);
  const second = planOf(state, observed('10.0.0.9'));
  t.deepEqual(
    [first, second].map(p => p.endpoints[0]?.addresses[0]?.host),
    ['10.0.0.2', '10.0.0.9'],
  );
  t.is(
    planOf(state, observed('10.0.0.2')).replicas.get('r0000001'),
    state.replicas.get('r0000001'),
    'no change, no write',
  );
});

test('a ready replica whose address comes late, as after an engine that hung, is published and left alone', t => {
  const observed = seen({ nodes: [aNode({ containers: [aContainer()] })] });
  const plan = planOf(stored([aReplica(phaseOf('ready', 5), { addresses: [] })]), observed, 60_000);
  t.deepEqual(plan.actions, []);
  t.is(plan.endpoints.length, 1);
});

// ---- effects

const STOPPING = stored([aReplica(phaseOf('stopping', 5))], [aSpec({ replicas: exactly(0), stopGraceMs: 2_500 })]);
const withEffect = (effect: EffectState | null, listedFrom = 6) =>
  seen({
    nodes: [aNode({ listedFrom, containers: [aContainer()] })],
    effects: effect ? { 'stop c1': effect } : {},
  });

test('a container is stopped with the grace of its own spec', t => {
  t.like(planOf(STOPPING, withEffect(null)).actions, [{ kind: 'stop', containerId: 'c1', graceMs: 2_500 }]);
});

test('a removal that names a grace stops with that one', t => {
  const request = { namespace: 'ns', names: [], volumes: false, graceMs: 0 };
  const removed = STOPPING.with(removeServices(STOPPING, request, 10).changes);
  t.like(planOf(removed, withEffect(null)).actions, [{ kind: 'stop', containerId: 'c1', graceMs: 0 }]);
});

test('a container of nobody is stopped with a grace of ten seconds', t => {
  t.like(planOf(stored([], []), withEffect(null)).actions, [{ kind: 'stop', containerId: 'c1', graceMs: 10_000 }]);
});

test('what is under way is not asked for again, nor what settled before a listing shows it', t => {
  t.deepEqual(planOf(STOPPING, withEffect({ kind: 'under_way' })).actions, []);
  const settled: EffectState = { kind: 'settled', at: 100 };
  t.deepEqual(planOf(STOPPING, withEffect(settled, 100)).actions, []);
  t.is(planOf(STOPPING, withEffect(settled, 101)).actions.length, 1, 'it runs all the same: once more');
});

test('what failed is asked for again at its time, and the loop wakes for it', t => {
  const failed: EffectState = { kind: 'failed', at: 5, code: 'unavailable', message: 'away', notBefore: 12_345 };
  const waiting = planOf(STOPPING, withEffect(failed), 12_344);
  t.deepEqual(waiting.actions, []);
  t.is(waiting.wakeAt, 12_345);
  const due = planOf(STOPPING, withEffect(failed), 12_345);
  t.is(due.actions.length, 1);
  t.is(due.wakeAt, null);
});

test('the loop wakes for the end of a back-off and of a drain, the earlier first', t => {
  const spec = aSpec({ replicas: exactly(1), drain: { timeoutMs: 30_000 } });
  const backoff = aReplica(phaseOf('backoff', 5, { until: 40_000 }), { id: 'r1' });
  const draining = aReplica(phaseOf('draining', 5), { id: 'r2' });
  const observed = seen({ nodes: [aNode({ containers: [aContainer({ replicaId: 'r2' })] })], withdrawn: () => false });
  t.is(planOf(stored([backoff], [spec]), observed).wakeAt, 40_000);
  t.is(planOf(stored([backoff, draining], [spec]), observed).wakeAt, 30_005);
  t.is(planOf(stored([], []), seen()).wakeAt, null, 'at rest there is nothing to wake for');
});

test('the loop wakes where a container has waited long enough for the first answer of its own check', t => {
  const placement = { node: 'local', devices: ['nvidia.com/gpu=0'] };
  const starting = aReplica(phaseOf('starting', 5, { placement }));
  const devices = [{ id: 'nvidia.com/gpu=0', driver: 'cdi' as const }];
  const observed = seen({ nodes: [aNode({ devices, containers: [aContainer()] })] });
  const wakeAt = (check?: string[]) =>
    planOf(stored([starting], [aSpec({ resources: { gpu: { count: 1, ...(check && { check }) } } })]), observed).wakeAt;
  t.is(wakeAt(['see']), 30_005);
  t.is(wakeAt(), null, "the vendor's own tool is not waited for");
});

test('the loop looks again soon while the load of a draining replica decides', t => {
  const probes: Observed['probes'] = new Map([
    [
      'c1',
      {
        containerId: 'c1',
        startup: 'passed',
        warmup: 'done',
        readiness: 'passing',
        liveness: 'passing',
        load: { inFlight: 1, at: 9_000 },
      },
    ],
  ]);
  const spec = aSpec({ replicas: exactly(0), drain: { timeoutMs: 30_000 } });
  const plan = planOf(
    stored([aReplica(phaseOf('draining', 5))], [spec]),
    seen({ nodes: [aNode({ containers: [aContainer()] })], probes }),
  );
  t.true(plan.wakeAt !== null && plan.wakeAt > 10_000 && plan.wakeAt <= 10_500);
});

test('an image with two pull policies or platforms is two pulls, each with an outcome of its own', t => {
  const specs = [
    aSpec({ name: 'a', pullPolicy: 'never' }),
    aSpec({ name: 'b', pullPolicy: 'missing' }),
    aSpec({ name: 'c', platform: 'linux/arm64' }),
  ];
  const replicas = specs.map((spec, i) =>
    aReplica(phaseOf('pulling', 5), { id: `r${i}`, service: serviceKey(spec), attempt: 0 }),
  );
  const { actions } = planOf(stored(replicas, specs), seen());
  t.deepEqual(
    actions.map(a => (a.kind === 'pull' ? [a.policy, a.platform] : a.kind)),
    [
      ['never', undefined],
      ['missing', undefined],
      ['missing', 'linux/arm64'],
    ],
  );
  const world = new ModelWorld();
  apply(world, ...specs);
  world.settle();
  t.is(new Set(world.history.filter(a => a.kind === 'pull').map(a => JSON.stringify(a))).size, 3);
});

test('what is left of an earlier attempt is removed before the next container is made', t => {
  const kinds = (plan: Plan) => plan.actions.map((a: Action) => a.kind);
  const creating = stored([aReplica(phaseOf('creating', 5), { attempt: 2 })]);
  const with1 = (state: 'running' | 'exited') =>
    seen({ nodes: [aNode({ containers: [aContainer({ state, attempt: 1 })] })] });
  t.deepEqual(kinds(planOf(creating, with1('exited'))), ['remove']);
  t.deepEqual(kinds(planOf(creating, with1('running'))), ['stop']);
  t.deepEqual(kinds(planOf(creating, seen())), ['create']);
});

test('a replica that starts has its container started until it was seen to run', t => {
  const starting = stored([aReplica(phaseOf('starting', 5))]);
  const kinds = (containers: readonly ReturnType<typeof aContainer>[], listedFrom = 6) =>
    planOf(starting, seen({ nodes: [aNode({ containers, listedFrom })] })).actions.map(a => a.kind);
  t.deepEqual(kinds([aContainer({ state: 'created' })]), ['start']);
  t.deepEqual(kinds([], 4), ['start'], 'the listing is older than the container');
  t.deepEqual(kinds([aContainer()]), []);
});

test('a replica tried again after a stop by us has its old container removed and its start comes after the back-off', t => {
  const afterwards = { kind: 'retried' as const, cause: CAUSE };
  const state = stored([aReplica(phaseOf('stopping', 5, { afterwards }), { wasReady: true })]);
  t.like(planOf(state, seen({ nodes: [aNode({ containers: [aContainer()] })] })).actions, [{ kind: 'stop' }]);
  const exit = { code: 143, oomKilled: false, error: '', logTail: [] };
  const ended = planOf(
    state,
    seen({ nodes: [aNode({ containers: [aContainer({ state: 'exited', exit })] })] }),
    20_000,
  );
  const phase = ended.replicas.get('r0000001')?.phase;
  t.true(phase?.kind === 'backoff' && phase.until >= 20_000 + FIRST_DELAY_MS * 0.9);
  t.deepEqual(ended.actions, [], 'it stays for its logs');
});

// ---- the end

test('a node that is away keeps the last service of a namespace until it was cleaned there too', t => {
  const removal = { askedAt: 77, volumes: true };
  const state = stored([], [aSpec()], { removal });
  const nodes = [aNode(), aNode({ name: 'away', answering: false })];
  const first = planOf(state, seen({ nodes }));
  t.like(first.actions, [{ kind: 'clean_namespace', node: 'local', namespace: 'ns', volumes: true, askedAt: 77 }]);
  t.is(first.actions.length, 1);
  const settled = { kind: 'settled', at: 5 } as const;
  const effects = { 'clean_namespace local ns 77': settled };
  t.true(planOf(state, seen({ nodes, effects })).services.has('ns/svc'));
  const all = { ...effects, 'clean_namespace away ns 77': settled };
  t.false(planOf(state, seen({ nodes, effects: all })).services.has('ns/svc'));
});

test('a node that never answered holds up no removal, volumes or not', t => {
  const state = stored([], [aSpec()], { removal: { askedAt: 77, volumes: true } });
  const effects = { 'clean_namespace local ns 77': { kind: 'settled', at: 80 } as const };
  const isKept = (untouched: boolean) => {
    const away = aNode({
      name: 'away',
      answering: false,
      silentSince: 70,
      containers: [],
      ...(untouched && { untouched }),
    });
    return planOf(state, seen({ nodes: [aNode(), away], effects }), 90).services.has('ns/svc');
  };
  t.false(isKept(true));
  t.true(isKept(false));
});

test('a node that was silent when the removal was asked for holds up no removal, unless volumes are to go', t => {
  const done = { 'clean_namespace local ns 77': { kind: 'settled', at: 80 } as const };
  const isKept = (away: GivenNode, { volumes = false, alone = false } = {}) => {
    const node = aNode({ name: 'away', answering: false, silentSince: 70, containers: [], ...away });
    const nodes = alone ? [node] : [aNode(), node];
    const state = stored([], [aSpec()], { removal: { askedAt: 77, volumes } });
    return planOf(state, seen({ nodes, effects: done }), 90).services.has('ns/svc');
  };
  t.false(isKept({}));
  t.true(isKept({}, { volumes: true }), 'they are data, and may be there');
  t.true(isKept({}, { alone: true }), 'nobody else can have had it');
  t.true(isKept({ silentSince: 78 }), 'it answered when the removal was asked for, and had its networks');
  t.true(isKept({ containers: [aContainer({ service: 'ns/other' })] }));
  t.false(isKept({ containers: [aContainer({ service: 'ns2/other' })] }));
});

test('networks stay while another service of the namespace is left', t => {
  const specs = [aSpec(), aSpec({ name: 'other', replicas: exactly(0) })];
  const state = stored([], specs);
  const service = state.services.get('ns/svc') as Service;
  const leaving = state.with([
    { kind: 'put_service', service: { ...service, removal: { askedAt: 7, volumes: false } } },
  ]);
  const plan = planOf(leaving, seen());
  t.false(plan.services.has('ns/svc'));
  t.deepEqual(plan.actions, []);
});

test('after a restart of ours beside engines that are away, what is stored says where to probe, and what passes stays', t => {
  const addresses = [
    { kind: 'network', network: 'n', host: '10.0.0.2', port: 50051 },
    { kind: 'published', host: '192.0.2.7', port: 32_768 },
  ] as const;
  const timings = [
    { phase: 'creating', at: 3 },
    { phase: 'ready', at: 5 },
  ] as const;
  const replica = aReplica(phaseOf('ready', 5), { addresses, timings });
  const node = aNode({ answering: false, silentSince: 10_000, listedFrom: 0, containers: [] });
  const look = (now: number, passes: boolean) => {
    const report = {
      containerId: 'c1',
      startup: 'passed',
      warmup: 'done',
      readiness: passes ? 'passing' : 'failing',
      liveness: 'passing',
    } as const;
    return planOf(stored([replica]), seen({ nodes: [node], probes: new Map([['c1', report]]) }), now);
  };
  const [probed] = look(10_001, false).probed;
  t.like(probed, { containerId: 'c1', resume: true, container: undefined });
  t.deepEqual(probed?.hosts, [
    { host: '10.0.0.2', portOf: null },
    { host: '192.0.2.7', portOf: { 50051: 32_768 } },
  ]);
  t.is(look(60_000, true).endpoints.length, 1);
  t.is(look(60_000, false).endpoints.length, 0);
  t.is(look(60_000, false).replicas.get('r0000001')?.phase.kind, 'lost');
  const answering = aNode({ listedFrom: 20_000, containers: [] });
  const gone = planOf(stored([replica]), seen({ nodes: [answering] }), 20_001);
  t.deepEqual(gone.probed, [], 'an engine that answers and does not list it knows better');
});
