import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { eventsBetween } from '../../control-plane/controller/events-between.ts';
import { transition } from '../../control-plane/core/lifecycle/transition.ts';
import type { PhaseTiming, Replica } from '../../control-plane/core/replica.ts';
import type { Rollout, Service } from '../../control-plane/core/service.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import { aReplica, CAUSE, phaseOf } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';

function aService(rollout: Rollout, key: ServiceKey = 'ns/svc'): Service {
  return {
    key,
    spec: aSpec(),
    imageId: null,
    generation: 2,
    latestGeneration: 2,
    replicas: 1,
    acceptedAt: 0,
    createdBy: '',
    askedBy: '',
    removal: null,
    origin: '',
    rollout,
  };
}

/** Type, time and message of what happened from one list of replicas and services to the other. */
function told(before: { replicas?: Replica[]; services?: Service[] }, after: typeof before, now = 900) {
  const state = (list: typeof before) =>
    DesiredState.from({ replicas: list.replicas ?? [], services: list.services ?? [], nodes: [], generations: [] });
  return eventsBetween(state(before), state(after), now).map(e => [e.type, e.at, e.message]);
}

const at = (phase: PhaseTiming['phase'], time: number): PhaseTiming => ({ phase, at: time });

test('each phase that was entered is told with its own time, also those that were passed through', t => {
  const before = aReplica(phaseOf('pending', 1), { timings: [at('pending', 1)] });
  const after = aReplica(phaseOf('creating', 3), { timings: [at('pending', 1), at('pulling', 2), at('creating', 3)] });
  t.deepEqual(told({ replicas: [before] }, { replicas: [after] }), [
    ['replica.pulling', 2, 'placed on local'],
    ['replica.creating', 3, 'on local'],
  ]);
  t.deepEqual(told({ replicas: [after] }, { replicas: [after] }), []);
});

test('a new replica is told from its first phase on', t => {
  t.deepEqual(told({}, { replicas: [aReplica(phaseOf('pending', 5))] }), [['replica.pending', 5, '']]);
});

test('a replica that waits for a place again says why, and one that makes room for whom', t => {
  const pulling = aReplica(phaseOf('pulling', 2), { timings: [at('pulling', 2)] });
  const nodes = ['gpu-a'];
  const reasons = [{ kind: 'lack' as const, constraint: 'image' as const, requested: 'app:1', nodes, count: 1 }];
  const waiting = aReplica(phaseOf('pending', 5, { reasons }), { timings: [at('pending', 5)] });
  t.deepEqual(told({ replicas: [pulling] }, { replicas: [waiting] }), [
    ['replica.pending', 5, 'gpu-a: the image app:1 is not there'],
  ]);
  const idle = aReplica(phaseOf('draining', 7, { reason: 'preempted' }), { id: 'idle' });
  const awaited = { service: 'ns/llm' as const, id: 'awaited', timings: [] };
  const other = aReplica(phaseOf('pending', 7, { reasons: [{ kind: 'room_made' }] }), awaited);
  t.deepEqual(told({}, { replicas: [idle, other] })[0], [
    'replica.draining',
    7,
    'makes room for ns/llm of higher priority',
  ]);
});

test('a phase that is entered a second time is told a second time', t => {
  const first = aReplica(phaseOf('backoff', 5), { timings: [at('pulling', 1), at('backoff', 5)] });
  const second = aReplica(phaseOf('pulling', 9), { timings: [at('pulling', 9)] });
  t.deepEqual(
    told({ replicas: [first] }, { replicas: [second] }).map(([type]) => type),
    ['replica.pulling'],
  );
});

test('a placement says where and on which devices, a drain says why, an end says its cause', t => {
  const message = (replica: Replica) => told({}, { replicas: [replica] })[0]?.[2];
  t.is(message(aReplica(phaseOf('pulling', 1))), 'placed on local');
  const placement = { node: 'local', devices: ['nvidia.com/gpu=0', 'nvidia.com/gpu=1'] };
  t.is(
    message(aReplica(phaseOf('pulling', 1, { placement }))),
    'placed on local with nvidia.com/gpu=0, nvidia.com/gpu=1',
  );
  t.is(message(aReplica(phaseOf('draining', 1))), 'scaled down');
  t.is(message(aReplica(phaseOf('backoff', 1))), CAUSE.message);
  t.is(message(aReplica(phaseOf('failed', 1))), CAUSE.message);
  const afterwards = { kind: 'retried', cause: { ...CAUSE, message: 'the liveness probe failed' } };
  t.is(message(aReplica(phaseOf('stopping', 1, { afterwards }))), 'the liveness probe failed');
  t.is(message(aReplica(phaseOf('stopping', 1))), '');
});

test('what is told of a placement carries its node, also where the phase was passed through', t => {
  const placement = { node: 'gpu-a', devices: ['nvidia.com/gpu=1'] };
  const timings = [at('pulling', 1), at('creating', 2), at('starting', 3)];
  const replica = aReplica(phaseOf('starting', 3, { placement }), { timings });
  const state = (replicas: Replica[]) => DesiredState.from({ services: [], replicas, nodes: [], generations: [] });
  t.deepEqual(
    eventsBetween(state([]), state([replica]), 900).map(e => [e.type, e.node, e.message]),
    [
      ['replica.pulling', 'gpu-a', 'placed on gpu-a with nvidia.com/gpu=1'],
      ['replica.creating', 'gpu-a', 'on gpu-a with nvidia.com/gpu=1'],
      ['replica.starting', undefined, ''],
    ],
  );
});

test('a replica that is gone is told as stopped', t => {
  t.deepEqual(told({ replicas: [aReplica(phaseOf('stopping', 5))] }, {}), [['replica.stopped', 900, '']]);
});

test('a readiness probe that begins or ceases to fail is told, once', t => {
  const well = aReplica(phaseOf('ready', 5));
  const ill = aReplica(phaseOf('ready', 5, { impaired: true }));
  const types = (a: Replica, b: Replica) => told({ replicas: [a] }, { replicas: [b] }).map(([type]) => type);
  t.deepEqual(types(well, ill), ['replica.impaired']);
  t.deepEqual(types(ill, well), ['replica.recovered']);
  t.deepEqual(types(ill, ill), []);
});

test('the end of an update is told, with its cause where it failed', t => {
  const progressing: Rollout = { kind: 'progressing', since: 1, previous: 1 };
  const ends = (rollout: Rollout) =>
    told({ services: [aService(progressing)] }, { services: [aService(rollout)] }).map(([type, , words]) => [
      type,
      words,
    ]);
  t.deepEqual(ends({ kind: 'settled' }), [['service.ready', 'generation 2 is in place']]);
  t.deepEqual(ends({ kind: 'paused', cause: CAUSE, previous: null }), [
    ['service.paused', `generation 2 failed: ${CAUSE.message}`],
  ]);
  t.deepEqual(ends({ kind: 'rolled_back', failed: 2, to: 1, cause: CAUSE }), [
    ['service.rolled_back', `generation 2 failed: ${CAUSE.message}; back to generation 1`],
  ]);
  t.deepEqual(ends(progressing), []);
});

test('the beginning of a service or an update is not told here: its command told it', t => {
  t.deepEqual(told({}, { services: [aService({ kind: 'settled' })] }), []);
  const progressing: Rollout = { kind: 'progressing', since: 1, previous: 1 };
  t.deepEqual(told({ services: [aService({ kind: 'settled' })] }, { services: [aService(progressing)] }), []);
});

test('a service that is gone is told as deleted', t => {
  t.deepEqual(told({ services: [aService({ kind: 'settled' })] }, {}), [['service.deleted', 900, '']]);
});

test('what is lost is told with its node, and what is found again', t => {
  const about = (before: Replica, after: Replica) => {
    const state = (replica: Replica) =>
      DesiredState.from({ replicas: [replica], services: [], nodes: [], generations: [] });
    return eventsBetween(state(before), state(after), 900).map(e => [e.type, e.at, e.node]);
  };
  const ready = aReplica(phaseOf('ready', 1), { timings: [at('ready', 1)] });
  const lost = aReplica(phaseOf('lost', 5), { timings: [at('ready', 1), at('lost', 5)] });
  t.deepEqual(about(ready, lost), [['replica.lost', 5, 'local']]);
  const timings = [at('ready', 1), at('lost', 5), at('starting', 8)];
  const found = aReplica(phaseOf('starting', 8), { returnedAt: 8, timings });
  t.deepEqual(about(lost, found), [
    ['replica.found', 8, 'local'],
    ['replica.starting', 8, undefined],
  ]);
  t.deepEqual(about(found, found), []);
  const leaving = aReplica(phaseOf('stopping', 8), {
    returnedAt: 8,
    timings: [...timings, at('draining', 8), at('stopping', 8)],
  });
  const types = ['replica.found', 'replica.starting', 'replica.draining', 'replica.stopping'];
  t.deepEqual(
    about(lost, leaving).map(([type]) => type),
    types,
    'it is found before anything is done about it',
  );
  const said = (after: Replica) => {
    const state = (replica: Replica) =>
      DesiredState.from({ replicas: [replica], services: [], nodes: [], generations: [] });
    return eventsBetween(state(lost), state(after), 900).find(e => e.type === 'replica.found')?.message;
  };
  t.is(said(found), 'its node is heard of again; it is probed anew');
  t.is(said(leaving), 'its node is heard of again');
});

test('a device that is given to nobody, and that is given again, is told once, with its node', t => {
  const quarantine = { device: 'nvidia.com/gpu=0', since: 5, reason: 'ns/svc replica r1 lost sight of it' };
  const state = (...quarantined: (typeof quarantine)[]) =>
    DesiredState.from({
      replicas: [],
      services: [],
      nodes: quarantined.length > 0 ? [{ name: 'a', drainingSince: null, quarantined }] : [],
      generations: [],
    });
  const events = (before: DesiredState, after: DesiredState) =>
    eventsBetween(before, after, 900).map(e => [e.type, e.node, e.message]);
  t.deepEqual(events(state(), state(quarantine)), [
    ['device.quarantined', 'a', `nvidia.com/gpu=0 is given to nobody: ${quarantine.reason}`],
  ]);
  t.deepEqual(events(state(quarantine), state()), [
    ['device.released', 'a', 'nvidia.com/gpu=0 is given to replicas again'],
  ]);
  t.deepEqual(events(state(quarantine), state(quarantine)), []);
});

test('a replica that failed says why, also where its generation is rolled back in the same pass and it leaves', t => {
  const starting = aReplica(phaseOf('starting', 3), { timings: [at('starting', 3)] });
  const failed = transition(
    starting,
    { kind: 'failed', cause: CAUSE, policy: { startAttempts: 1, maxAttempts: 0 } },
    5,
  );
  const leaving = transition(failed, { kind: 'drain', reason: 'replaced' }, 5);
  t.deepEqual(told({ replicas: [starting] }, { replicas: [leaving] }), [
    ['replica.failed', 5, CAUSE.message],
    ['replica.stopping', 5, ''],
  ]);
  const stopped = transition(leaving, { kind: 'ended', policy: aSpec().restart, logTail: [] }, 9);
  t.deepEqual(stopped.phase, { kind: 'stopped', since: 9, reason: 'replaced' });
});
