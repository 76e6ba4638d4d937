import test from 'ava';
import { failingReplica, rolloutOutcome } from '../../cli/rollout-outcome.ts';
import { replicaView, serviceView } from './views.ts';

const awaited = { name: 'echo', generation: 2 };

test('a service is ready once its own generation is', t => {
  t.is(rolloutOutcome(awaited, serviceView({ generation: 2 }), undefined).kind, 'ready');
  t.is(rolloutOutcome(awaited, serviceView({ generation: 1 }), undefined).kind, 'waiting');
  t.is(rolloutOutcome(awaited, serviceView({ generation: 2, state: 'updating' }), undefined).kind, 'waiting');
  t.is(rolloutOutcome(awaited, serviceView({ generation: 2, readyReplicas: 0 }), undefined).kind, 'waiting');
});

test('a failed replica of a new service fails it, with that replica as the culprit', t => {
  const culprit = replicaView({ generation: 2, phase: 'failed', exitCode: 3, message: 'it exited with code 3' });
  const view = serviceView({ generation: 2, state: 'starting', readyReplicas: 0, replicas: [culprit] });
  t.is(failingReplica(awaited, view), culprit);
  const outcome = rolloutOutcome(awaited, view, culprit);
  t.like(outcome, { kind: 'failed', provisional: false });
  t.like(outcome, { kind: 'failed', reason: 'replica_failed', message: 'it exited with code 3', culprit });
});

const update = { ...awaited, replacesAcceptedAtMs: 500 };

test('an update whose replica failed is judged for good once it has gone back', t => {
  const failed = replicaView({ id: 'new', generation: 2, phase: 'failed', exitCode: 1 });
  const replicas = [replicaView({ generation: 1 }), failed];
  const updating = serviceView({ generation: 2, state: 'updating', replicas });
  t.like(rolloutOutcome(update, updating, failed), { kind: 'failed', provisional: true });
  t.is(failingReplica(awaited, updating), failed);
  const back = serviceView({
    acceptedAtMs: 600,
    generation: 1,
    message: 'generation 2 failed',
    replicas: [replicaView({ generation: 1 })],
  });
  t.is(rolloutOutcome(update, { ...back, acceptedAtMs: 500 }, failed).kind, 'waiting', 'not yet shown as accepted');
  t.like(rolloutOutcome(update, back, failed), {
    kind: 'failed',
    reason: 'rolled_back',
    culprit: failed,
    provisional: false,
  });
});

test('a service that goes away while it is waited for has failed', t => {
  t.like(rolloutOutcome(awaited, undefined, undefined), { kind: 'failed', reason: 'removed' });
  t.like(rolloutOutcome(awaited, serviceView({ generation: 2, deleting: true }), undefined), { reason: 'removed' });
});

test('a crash that is tried again is not yet a failure, but is remembered as its cause', t => {
  const crashed = replicaView({ generation: 2, phase: 'backoff', exitCode: 1 });
  const view = serviceView({ generation: 2, state: 'starting', readyReplicas: 0, replicas: [crashed] });
  t.is(rolloutOutcome(awaited, view, undefined).kind, 'waiting');
  t.is(failingReplica(awaited, view), crashed);
});

test('a service without a port that ends right away has failed, since nothing else would notice', t => {
  const { port: _, ...view } = serviceView({ generation: 2, state: 'degraded', readyReplicas: 0 });
  const ended = replicaView({ generation: 2, phase: 'backoff', exitCode: 3, message: 'exited with code 3' });
  const outcome = rolloutOutcome(awaited, { ...view, replicas: [ended] }, ended);
  t.like(outcome, { kind: 'failed', reason: 'replica_failed', culprit: ended, provisional: false });
});
