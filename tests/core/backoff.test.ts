import test from 'ava';
import {
  backoffDelayMs,
  FIRST_DELAY_MS,
  FORGIVEN_AFTER_READY_MS,
  failuresAfter,
  LONGEST_DELAY_MS,
} from '../../control-plane/core/lifecycle/backoff.ts';
import { type ReplicaEvent, transition } from '../../control-plane/core/lifecycle/transition.ts';
import type { PhaseTiming, Replica } from '../../control-plane/core/replica.ts';
import { aReplica, CAUSE, phaseOf } from './replicas.ts';

const FOREVER = { startAttempts: null, maxAttempts: null };
const failed = (policy: { startAttempts: number | null; maxAttempts: number | null } = FOREVER): ReplicaEvent => ({
  kind: 'failed',
  cause: CAUSE,
  policy,
});
const ready = (since: number, timings: PhaseTiming[], failures = 4): Replica =>
  aReplica(phaseOf('ready', since), { wasReady: true, failures, timings });

test('the back-off doubles from ten seconds to five minutes, give or take a tenth', t => {
  for (const [failures, expected] of [
    [1, 10_000],
    [2, 20_000],
    [3, 40_000],
    [4, 80_000],
    [5, 160_000],
    [6, 300_000],
    [60, 300_000],
  ] as const) {
    const delay = backoffDelayMs('r0000001', failures);
    t.true(delay >= expected * 0.9 && delay <= expected * 1.1, `${failures} failures: ${delay}`);
  }
  t.is(FIRST_DELAY_MS, 10_000);
  t.is(LONGEST_DELAY_MS, 300_000);
});

test('neighbours that fell together do not return together, and each returns when it said', t => {
  const delays = Array.from({ length: 20 }, (_, i) => backoffDelayMs(`r000000${i}`, 1));
  t.true(new Set(delays).size > 15);
  t.true(Math.max(...delays) - Math.min(...delays) > FIRST_DELAY_MS * 0.1);
  t.is(backoffDelayMs('r', 3), backoffDelayMs('r', 3));
});

test('ten minutes ready forgive what was before, a millisecond less does not', t => {
  t.is(FORGIVEN_AFTER_READY_MS, 600_000);
  t.is(failuresAfter(7, 600_000), 1);
  t.is(failuresAfter(7, 599_999), 8);
  t.is(failuresAfter(0, 0), 1);
});

test('a crash after ten minutes ready is the first again; one before is one more', t => {
  const timings = [{ phase: 'ready' as const, at: 1_000 }];
  t.is(transition(ready(1_000, timings), failed(), 601_000).failures, 1);
  t.is(transition(ready(1_000, timings), failed(), 600_999).failures, 5);
});

test('what counts is how long the present stretch of being ready was', t => {
  const timings = (['ready', 'lost', 'starting', 'ready'] as const).map((phase, i) => ({ phase, at: i * 300_000 }));
  t.is(transition(ready(900_000, timings), failed(), 900_100).failures, 5);
});

test('the time that a stop takes does not count as ready', t => {
  const condemned = transition(
    ready(0, [{ phase: 'ready', at: 0 }]),
    { kind: 'condemned', cause: CAUSE },
    FORGIVEN_AFTER_READY_MS - 1,
  );
  const ended = transition(
    condemned,
    { kind: 'ended', logTail: [], policy: FOREVER },
    FORGIVEN_AFTER_READY_MS + 30_000,
  );
  t.is(ended.failures, 5);
  t.is(ended.phase.kind, 'backoff');
});

test('an attempt begins with timings of its own: readiness of an earlier one forgives nothing', t => {
  const waits = aReplica(phaseOf('backoff', 5_000), {
    wasReady: true,
    failures: 6,
    timings: [
      { phase: 'ready', at: 0 },
      { phase: 'backoff', at: 5_000 },
    ],
  });
  const again = transition(waits, { kind: 'retry' }, 305_000);
  t.deepEqual(again.timings, [{ phase: 'pulling', at: 305_000 }]);
  const fell = transition(again, failed(), 905_000);
  t.is(fell.failures, 7);
});

test('a restart budget of three means three restarts: the fourth failure ends it', t => {
  const policy = { startAttempts: 1, maxAttempts: 3 };
  const outcomes = [0, 1, 2, 3].map(failures => transition(ready(0, [], failures), failed(policy), 10).phase.kind);
  t.deepEqual(outcomes, ['backoff', 'backoff', 'backoff', 'failed']);
});

test('a start budget of three means three attempts: the third failure ends it', t => {
  const policy = { startAttempts: 3, maxAttempts: 0 };
  const outcomes = [0, 1, 2].map(
    failures => transition(aReplica(phaseOf('starting', 0), { failures }), failed(policy), 10).phase.kind,
  );
  t.deepEqual(outcomes, ['backoff', 'backoff', 'failed']);
});

test('a back-off ends as long after the failure as it says, and holds its place', t => {
  const { phase } = transition(aReplica(phaseOf('starting', 0)), failed(), 5_000);
  t.true(phase.kind === 'backoff' && phase.until === 5_000 + backoffDelayMs('r0000001', 1));
  t.like(phase, { placement: { node: 'local' }, cause: CAUSE });
});

test('the story of an attempt is bounded, its newest part is kept', t => {
  let replica = aReplica(phaseOf('starting', 0));
  for (let i = 1; i <= 40; i += 1) {
    replica = transition(replica, { kind: 'node_lost' }, i);
    replica = transition(replica, { kind: 'node_found' }, i);
  }
  t.is(replica.timings.length, 16);
  t.is(replica.timings.at(-1)?.at, 40);
});
