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
