import test from 'ava';
import { registryContract } from '../contract/registry.ts';
import { endpoint } from '../fakes/endpoint.ts';
import { FakeRegistry } from '../fakes/registry.ts';

registryContract(test, 'fake', async ({ instance = 'instance1' } = {}) => new FakeRegistry(instance));

test('while the fake is away the last known stays, and afterwards it converges', async t => {
  const registry = new FakeRegistry();
  registry.slow();
  registry.publish([endpoint({ replicaId: 'a' })]);
  registry.converge();
  registry.away();
  registry.publish([endpoint({ replicaId: 'b' })]);
  registry.converge();
  t.deepEqual([...registry.published()], ['a']);
  await t.throwsAsync(registry.read('a/b', AbortSignal.timeout(1_000)), { code: 'unavailable' });
  registry.lose();
  registry.back();
  t.deepEqual([...registry.published()], ['a']);
  registry.converge();
  t.deepEqual([...registry.published()], ['b']);
});

test('registrations whose answers were lost count as published', t => {
  const registry = new FakeRegistry();
  registry.slow();
  registry.publish([endpoint({ replicaId: 'a' })]);
  registry.loseAnswers();
  t.deepEqual([[...registry.held.keys()], [...registry.published()]], [['a'], ['a']]);
  registry.publish([]);
  registry.converge();
  t.deepEqual([...registry.published()], ['a']);
});

test('that the fake hangs is noticed after the time that an answer may take', t => {
  let now = 0;
  const registry = new FakeRegistry('instance1', () => now);
  registry.slow();
  registry.publish([endpoint({ replicaId: 'a' })]);
  registry.converge();
  registry.hang();
  registry.publish([endpoint({ replicaId: 'b' })]);
  registry.converge();
  t.deepEqual([registry.status().healthy, registry.standing('a').withdrawable], [true, true]);
  t.false(registry.standing('b').announced);
  now = 2_000;
  registry.converge();
  t.deepEqual([registry.status().healthy, registry.standing('a').withdrawable], [false, false]);
  registry.back();
  registry.converge();
  t.deepEqual([...registry.published()], ['b']);
});

test('what the fake holds is handed out for an hour after it was renewed, over lives', t => {
  let now = 0;
  const registry = new FakeRegistry('instance1', () => now);
  registry.slow();
  registry.publish([endpoint({ replicaId: 'a' })]);
  registry.converge();
  now = 1_000;
  registry.converge();
  registry.away();
  const next = new FakeRegistry('instance1', () => now, registry);
  now = 3_600_999;
  registry.converge();
  t.deepEqual([registry.standing('a').letGoAt, registry.handedOut('a')?.replicaId], [null, 'a']);
  now = 3_601_000;
  registry.converge();
  t.deepEqual([registry.standing('a').letGoAt, registry.handedOut('a')], [3_601_000, undefined]);
  t.deepEqual([next.status().healthy, next.standing('a').letGoAt, next.handedOut('a')], [false, 3_601_000, undefined]);
});
