import test from 'ava';
import {
  type AdmittedSpec,
  applySpecs,
  removeServices,
  restartService,
  type Step,
  scaleService,
} from '../../control-plane/controller/commands.ts';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import { aReplica, CAUSE, phaseOf } from './replicas.ts';
import { aSpec, exactly } from './specs.ts';

const REF = { namespace: 'ns', name: 'svc' };
const EMPTY = DesiredState.from({ services: [], replicas: [], nodes: [], generations: [] });

function applied(state: DesiredState, spec: ServiceSpec, given: Partial<AdmittedSpec> = {}, now = 100) {
  return applySpecs(state, [{ spec, imageId: null, warnings: [], ...given }], { origin: 'shop.yaml' }, now);
}
const after = (state: DesiredState, step: Step<unknown>) => state.with(step.changes);
const serviceIn = (state: DesiredState) => state.services.get('ns/svc') as Service;
const events = (step: Step<unknown>) => step.changes.flatMap(c => (c.kind === 'event' ? [c.event] : []));
const outcome = (step: ReturnType<typeof applied>) => step.result[0]?.outcome;

/** The service of `aSpec()` in generation 1, with something of its record changed. */
function running(given: Partial<Service> = {}, spec = aSpec()): DesiredState {
  const state = after(EMPTY, applied(EMPTY, spec));
  return state.with([
    { kind: 'put_service', service: { ...serviceIn(state), rollout: { kind: 'settled' }, ...given } },
  ]);
}

test('a new service begins as generation 1 with the initial number of replicas, and is told as applied', t => {
  const step = applied(EMPTY, aSpec({ replicas: { min: 1, max: 5, initial: 2 } }), { warnings: ['careful'] });
  t.deepEqual(step.result, [{ service: REF, outcome: 'created', generation: 1, warnings: ['careful'] }]);
  const state = after(EMPTY, step);
  t.like(serviceIn(state), {
    generation: 1,
    replicas: 2,
    acceptedAt: 100,
    createdBy: '',
    askedBy: '',
    origin: 'shop.yaml',
    removal: null,
    rollout: { kind: 'progressing', since: 100, previous: null },
  });
  t.is(state.specOf('ns/svc', 1)?.image, 'image:1');
  t.like(events(step), [{ at: 100, service: 'ns/svc', type: 'service.applied' }]);
});

test('several services are applied in one step', t => {
  const admitted = ['a', 'b'].map(name => ({ spec: aSpec({ name }), imageId: null, warnings: [] }));
  const step = applySpecs(EMPTY, admitted, { origin: 'o' }, 1);
  t.deepEqual(
    step.result.map(r => r.service.name),
    ['a', 'b'],
  );
  t.is(after(EMPTY, step).services.size, 2);
});

const needing = (name: string, ...needed: string[]) =>
  aSpec({ name, dependsOn: needed.map(service => ({ service, condition: 'ready' as const })) });
const applyAll = (state: DesiredState, ...specs: ServiceSpec[]) =>
  applySpecs(
    state,
    specs.map(spec => ({ spec, imageId: null, warnings: [] })),
    { origin: 'o' },
    1,
  );

for (const [what, stored, asked, cycle] of [
  ['depends on itself', [], [needing('a', 'a')], 'no service that depends on itself, found ns/a -> ns/a'],
  ['needs another that needs it', [], [needing('a', 'b'), needing('b', 'a')], 'ns/a -> ns/b -> ns/a'],
  [
    'would wait for itself by way of what is there',
    [needing('b', 'x', 'c'), needing('c', 'a'), needing('x')],
    [needing('z', 'a'), needing('a', 'x', 'b')],
    'ns/a -> ns/b -> ns/c -> ns/a',
  ],
] as const) {
  test(`a service that ${what} is refused, and nothing with it is applied`, t => {
    const state = after(EMPTY, applyAll(EMPTY, ...stored));
    const error = t.throws(() => applyAll(state, ...asked), { instanceOf: OutriggerError });
    t.is(error.code, 'invalid_argument');
    t.true(error.message.endsWith(cycle), error.message);
  });
}

test('services that need the same ones, or one that is taken down or that nobody knows, are no cycle', t => {
  const diamond = [needing('a', 'b', 'c'), needing('b', 'd'), needing('c', 'd'), needing('d', 'unknown')];
  const state = after(EMPTY, applyAll(EMPTY, ...diamond));
  t.is(state.services.size, 4);
  t.throws(() => applyAll(state, needing('d', 'a')), { message: /ns\/d -> ns\/a -> ns\/b -> ns\/d/ });
  const a = state.services.get('ns/a')!;
  const leaving = state.with([{ kind: 'put_service', service: { ...a, removal: { askedAt: 1, volumes: false } } }]);
  t.notThrows(() => applyAll(leaving, needing('d', 'a')));
  t.notThrows(() => applyAll(state, needing('d', 'a'), needing('b'), needing('c')));
});

test('a chain of thousands of services is no cycle, and its end may not need its beginning', t => {
  const chain = Array.from({ length: 5_000 }, (_, i) => needing(`s${i}`, `s${i + 1}`));
  const state = after(EMPTY, applyAll(EMPTY, ...chain));
  const error = t.throws(() => applyAll(state, needing('s5000', 's0')), { instanceOf: OutriggerError });
  t.is((error.details['cycle'] as string[]).length, 5_002);
  t.true(error.message.length < 2_000, 'the longest part is left out');
});

test('the same spec again changes nothing', t => {
  const step = applied(running(), aSpec());
  t.is(outcome(step), 'unchanged');
  t.deepEqual(step.changes, []);
});

test('the same spec with its keys in another order changes nothing', t => {
  const reversed = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([key, inner]) => [key, reversed(inner)]),
        )
      : value;
  const spec = aSpec({ environment: { A: '1', B: '2' } });
  const step = applied(running({}, spec), reversed(spec) as ServiceSpec);
  t.is(outcome(step), 'unchanged');
  t.deepEqual(step.changes, []);
});

test('the same file from another folder is no change', t => {
  const step = applySpecs(
    running(),
    [{ spec: aSpec(), imageId: null, warnings: [] }],
    { origin: 'elsewhere.yaml' },
    100,
  );
  t.is(step.result[0]?.outcome, 'unchanged');
  t.deepEqual(step.changes, []);
});

test('what an image tag points to is remembered once it is known, and is no change then', t => {
  const step = applied(running(), aSpec(), { imageId: 'sha-1' });
  t.is(outcome(step), 'unchanged');
  t.is(serviceIn(after(running(), step)).imageId, 'sha-1');
  const again = applied(running({ imageId: 'sha-1' }), aSpec(), { imageId: 'sha-1' });
  t.deepEqual(again.changes, []);
  t.deepEqual(applied(running({ imageId: 'sha-1' }), aSpec()).changes, [], 'nor is it forgotten where nobody knows');
});

test('a tag that points to another image now is a new generation', t => {
  const state = running({ imageId: 'sha-1' });
  const step = applied(state, aSpec(), { imageId: 'sha-2' });
  t.like(step.result[0], { outcome: 'updated', generation: 2 });
  t.is(serviceIn(after(state, step)).imageId, 'sha-2');
});

test('a changed container is a new generation that can go back to the one before', t => {
  const step = applied(running(), aSpec({ image: 'image:2' }));
  t.like(step.result[0], { outcome: 'updated', generation: 2 });
  const state = after(running(), step);
  t.like(serviceIn(state), { generation: 2, latestGeneration: 2, rollout: { kind: 'progressing', previous: 1 } });
  t.is(state.specOf('ns/svc', 1)?.image, 'image:1');
  t.is(state.specOf('ns/svc', 2)?.image, 'image:2');
});

test('an update on top of one that is not through yet goes back to the last that was', t => {
  const second = after(running(), applied(running(), aSpec({ image: 'image:2' })));
  const third = after(second, applied(second, aSpec({ image: 'image:3' })));
  t.like(serviceIn(third), { generation: 3, rollout: { kind: 'progressing', previous: 1 } });
});

test('an update after one that was paused goes back to the last that worked, not to the one that failed', t => {
  const paused = running({
    generation: 2,
    latestGeneration: 2,
    rollout: { kind: 'paused', cause: CAUSE, previous: 1 },
  });
  const third = after(paused, applied(paused, aSpec({ image: 'image:3' })));
  t.like(serviceIn(third), { generation: 3, rollout: { kind: 'progressing', previous: 1 } });
});

test('a generation never gets a number that was given before', t => {
  const rolledBack = running({
    latestGeneration: 4,
    rollout: { kind: 'rolled_back', failed: 4, to: 1, cause: CAUSE },
  });
  t.is(applied(rolledBack, aSpec({ image: 'image:5' })).result[0]?.generation, 5);
  const leaving = running({ latestGeneration: 4, removal: { askedAt: 1, volumes: true } });
  const step = applied(leaving, aSpec());
  t.like(step.result[0], { outcome: 'created', generation: 5 });
  t.is(serviceIn(after(leaving, step)).removal, null, 'it is wanted again, volumes and all');
});

test('policies and counts change without new containers', t => {
  const spec = aSpec({ drain: { timeoutMs: 5 }, restart: { maxAttempts: 2 }, update: { maxSurge: 3 } });
  const step = applied(running(), spec);
  t.like(step.result[0], { outcome: 'updated', generation: 1 });
  const state = after(running(), step);
  t.is(state.specOf('ns/svc', 1)?.drain.timeoutMs, 5, 'the running replicas have them too');
  t.is(serviceIn(state).spec.update.maxSurge, 3);
  t.like(applied(running(), aSpec({ replicas: exactly(3) })).result[0], { outcome: 'scaled', generation: 1 });
});

test('a range keeps the present number of replicas as far as it reaches, a plain number sets it', t => {
  const scaled = (present: number, replicas: ServiceSpec['replicas'] | object) => {
    const state = running({ replicas: present });
    return serviceIn(after(state, applied(state, aSpec({ replicas })))).replicas;
  };
  t.is(scaled(3, { min: 1, max: 5, initial: 1 }), 3);
  t.is(scaled(9, { min: 1, max: 5, initial: 1 }), 5);
  t.is(scaled(0, { min: 2, max: 5, initial: 4 }), 2);
  t.is(scaled(9, exactly(4)), 4);
});

test('the same file again after a pause is another try', t => {
  const paused = running({ rollout: { kind: 'paused', cause: CAUSE, previous: null } });
  t.like(applied(paused, aSpec()).result[0], { outcome: 'updated', generation: 2 });
});

test('asking for what a rollback went back to forgets the failure', t => {
  const state = running({ latestGeneration: 2, rollout: { kind: 'rolled_back', failed: 2, to: 1, cause: CAUSE } });
  const step = applied(state, aSpec());
  t.is(step.result[0]?.generation, 1);
  t.is(serviceIn(after(state, step)).rollout.kind, 'settled');
});

test('asking again replaces the replicas that gave up, and only those of the service', t => {
  const state = running().with(
    [
      aReplica(phaseOf('failed', 1), { id: 'gaveup' }),
      aReplica(phaseOf('ready', 1), { id: 'well' }),
      aReplica(phaseOf('failed', 1), { id: 'other', service: 'ns/other' }),
    ].map(replica => ({ kind: 'put_replica' as const, replica })),
  );
  const step = applied(state, aSpec());
  t.like(step.result[0], { outcome: 'updated', generation: 1 });
  t.deepEqual(
    step.changes.flatMap(c => (c.kind === 'put_replica' ? [[c.replica.id, c.replica.replace]] : [])),
    [['gaveup', true]],
  );
});

// ---- remove

test('removal keeps the record until its replicas are gone, and is told once', t => {
  const step = removeServices(running(), { namespace: 'ns', names: ['svc'], volumes: false }, 500);
  t.deepEqual(step.result, [REF]);
  const state = after(running(), step);
  t.deepEqual(serviceIn(state).removal, { askedAt: 500, volumes: false });
  t.is(serviceIn(state).acceptedAt, 100, 'when it was accepted stays as it was');
  t.deepEqual(
    events(step).map(e => e.type),
    ['service.deleting'],
  );
  const again = removeServices(state, { namespace: 'ns', names: ['svc'], volumes: false }, 600);
  t.deepEqual(again.changes, []);
  t.deepEqual(again.result, [REF]);
});

test('volumes may be asked for later, and are not un-asked for', t => {
  const asked = (state: DesiredState, volumes: boolean, now: number) =>
    after(state, removeServices(state, { namespace: 'ns', names: [], volumes }, now));
  const first = asked(running(), false, 500);
  const second = asked(first, true, 600);
  t.is(serviceIn(second).removal?.volumes, true);
  t.is(serviceIn(asked(second, false, 700)).removal, serviceIn(second).removal);
});

test('a grace asked for with a removal holds, may be changed while it goes on, and is not un-asked for', t => {
  const asked = (state: DesiredState, graceMs: number | undefined, now: number) =>
    after(state, removeServices(state, { namespace: 'ns', names: [], volumes: false, graceMs }, now));
  const first = asked(running(), undefined, 500);
  const second = asked(first, 2_000, 600);
  t.deepEqual(serviceIn(second).removal, { askedAt: 600, volumes: false, graceMs: 2_000 });
  t.is(serviceIn(asked(second, undefined, 700)).removal, serviceIn(second).removal);
  t.is(serviceIn(asked(second, 0, 700)).removal?.graceMs, 0);
});

test('without names the whole namespace goes, and nothing of another', t => {
  const two = after(running(), applied(running(), aSpec({ name: 'b' })));
  const state = after(two, applied(two, aSpec({ namespace: 'elsewhere' })));
  const step = removeServices(state, { namespace: 'ns', names: [], volumes: false }, 1);
  t.deepEqual(step.result.map(r => `${r.namespace}/${r.name}`).sort(), ['ns/b', 'ns/svc']);
  t.deepEqual(removeServices(state, { namespace: 'nobody', names: [], volumes: false }, 1).result, []);
});

test('an unknown name removes nothing at all and says what there is', t => {
  const error = t.throws(
    () => removeServices(running(), { namespace: 'ns', names: ['svc', 'typo'], volumes: false }, 1),
    { instanceOf: OutriggerError, message: /no service typo in namespace ns/ },
  );
  t.is(error?.code, 'not_found');
  t.is(error?.next, 'the namespace has svc');
});

// ---- scale

test('a plain number is scaled to any other, and the file of its generation with it', t => {
  const step = scaleService(running(), REF, 4, 7);
  const state = after(running(), step);
  t.is(serviceIn(state).replicas, 4);
  t.deepEqual(state.specOf('ns/svc', 1)?.replicas, { min: 4, max: 4, initial: 4 });
  t.like(events(step), [{ at: 7, type: 'service.scaled', message: 'scaled from 1 to 4 replica(s)' }]);
  t.deepEqual(scaleService(running(), REF, 1, 7).changes, []);
});

test('a range is kept to, its ends included', t => {
  const state = running({ replicas: 2 }, aSpec({ replicas: { min: 1, max: 3, initial: 2 } }));
  for (const replicas of [1, 3])
    t.is(serviceIn(after(state, scaleService(state, REF, replicas, 1))).replicas, replicas);
  for (const replicas of [0, 4])
    t.throws(() => scaleService(state, REF, replicas, 1), { message: /1 to 3 replicas/, code: 'invalid_argument' });
  t.deepEqual(serviceIn(after(state, scaleService(state, REF, 3, 1))).spec.replicas, { min: 1, max: 3, initial: 2 });
});

// ---- restart

test('a restart replaces every replica of the service, or the one that was named', t => {
  const replicas = [
    aReplica(phaseOf('ready', 1), { id: 'r1' }),
    aReplica(phaseOf('ready', 1), { id: 'r2' }),
    aReplica(phaseOf('ready', 1), { id: 'r3', service: 'ns/other' }),
  ];
  const state = running().with(replicas.map(replica => ({ kind: 'put_replica' as const, replica })));
  const replaced = (step: Step<unknown>) =>
    step.changes.flatMap(c => (c.kind === 'put_replica' && c.replica.replace ? [c.replica.id] : []));
  t.deepEqual(replaced(restartService(state, REF, undefined, 1)), ['r1', 'r2']);
  t.deepEqual(replaced(restartService(state, REF, 'r2', 1)), ['r2']);
  t.deepEqual(
    events(restartService(state, REF, 'r2', 9)).map(e => [e.at, e.type, e.message]),
    [[9, 'service.restarting', 'replacing replica r2']],
  );
  const error = t.throws(() => restartService(state, REF, 'r3', 1), { code: 'not_found' });
  t.true(error instanceof OutriggerError && /r1, r2/.test(error.next ?? ''));
});

for (const [words, given] of [
  ['being taken down', { removal: { askedAt: 1, volumes: false } }],
  ['is paused', { rollout: { kind: 'paused', cause: CAUSE, previous: null } }],
] as const) {
  test(`a service that ${words} is neither scaled nor restarted: it could not come true`, t => {
    const state = running(given);
    for (const ask of [() => scaleService(state, REF, 3, 1), () => restartService(state, REF, undefined, 1)]) {
      const error = t.throws(ask, { instanceOf: OutriggerError, message: new RegExp(words) });
      t.is(error?.code, 'conflict');
      t.truthy(error?.next);
    }
  });
}

test('scaling or restarting what does not exist says where to look', t => {
  for (const ask of [() => scaleService(EMPTY, REF, 3, 1), () => restartService(EMPTY, REF, undefined, 1)]) {
    const error = t.throws(ask, { instanceOf: OutriggerError });
    t.is(error?.code, 'not_found');
    t.regex(error?.next ?? '', /outrigger ps/);
  }
});

/** After requests of these ids, each for the same service in that image. */
function askedBy(...requests: readonly (readonly [requestId: string, image: string])[]) {
  let state = EMPTY;
  const outcomes = requests.map(([requestId, image]) => {
    const admitted = [{ spec: aSpec({ image }), imageId: null, warnings: [] }];
    const step = applySpecs(state, admitted, { origin: 'shop.yaml', requestId }, 100);
    state = after(state, step);
    return step.result[0]?.outcome;
  });
  return { state, outcomes };
}

const removed = (state: DesiredState, askedBy: string, names: readonly string[] = ['svc']) =>
  removeServices(state, { namespace: 'ns', names, volumes: false, askedBy }, 1).result.map(r => r.name);

test('who created a service and who asked for it last is kept, also where that changed nothing', t => {
  const first = askedBy(['a', 'image:1']);
  t.like(serviceIn(first.state), { createdBy: 'a', askedBy: 'a' });
  const { state, outcomes } = askedBy(['a', 'image:1'], ['b', 'image:1']);
  t.deepEqual(outcomes, ['created', 'unchanged']);
  t.like(serviceIn(state), { createdBy: 'a', askedBy: 'b', generation: 1 });
  t.like(serviceIn(askedBy(['a', 'image:1'], ['b', 'image:2']).state), { createdBy: 'a', askedBy: 'b', generation: 2 });
});

test('a request that is sent again after its answer was lost is told once more that it created the service', t => {
  t.deepEqual(askedBy(['a', 'image:1'], ['a', 'image:1']).outcomes, ['created', 'created']);
  t.deepEqual(askedBy(['', 'image:1'], ['', 'image:1']).outcomes, ['created', 'unchanged']);
  t.deepEqual(askedBy(['a', 'image:1'], ['b', 'image:1'], ['a', 'image:1']).outcomes.slice(1), [
    'unchanged',
    'unchanged',
  ]);
});

test('a request takes back only what nobody else has asked for since, and what is gone is no mistake', t => {
  const { state } = askedBy(['a', 'image:1']);
  t.deepEqual(removed(state, 'a'), ['svc']);
  t.deepEqual(removed(state, 'a', []), ['svc']);
  t.deepEqual(removed(state, 'a', ['other']), []);
  t.deepEqual(removed(state, 'b'), []);
  t.deepEqual(removed(askedBy(['a', 'image:1'], ['b', 'image:1']).state, 'a'), []);
  t.deepEqual(removed(EMPTY, 'a'), []);
  const scaled = after(state, scaleService(state, REF, 2, 1));
  t.deepEqual(removed(scaled, 'a'), ['svc'], 'more or fewer of it are still of the same request');
});

test('a service that was removed and asked for again is that of the second request', t => {
  const { state } = askedBy(['a', 'image:1']);
  const leaving = after(state, removeServices(state, { namespace: 'ns', names: ['svc'], volumes: false }, 1));
  const admitted = [{ spec: aSpec(), imageId: null, warnings: [] }];
  const anew = after(leaving, applySpecs(leaving, admitted, { origin: '', requestId: 'b' }, 2));
  t.like(serviceIn(anew), { createdBy: 'b', askedBy: 'b' });
  t.deepEqual(removed(anew, 'a'), []);
});
