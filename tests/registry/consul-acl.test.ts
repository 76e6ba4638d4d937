import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import { ConsulRegistry } from '../../control-plane/registry/consul.ts';
import { startConsul } from '../agents/consul.ts';
import { endpoint } from '../fakes/endpoint.ts';
import { until } from '../until.ts';

const limit = () => AbortSignal.timeout(60_000);
const operator = '00000000-0000-4000-8000-000000000001';

test('where Consul denies by default, a token with the rules that the error names is enough, and without it the status says so', async t => {
  const hcl = `acl { enabled = true default_policy = "deny" tokens { master = "${operator}" agent = "${operator}" } }`;
  const consul = await startConsul({ hcl, token: operator });
  t.teardown(() => consul.kill());
  await consul.request('PUT', 'acl/policy', {
    Name: 'outrigger',
    Rules: 'service_prefix "" { policy = "write" } node_prefix "" { policy = "read" }',
  });
  const made = (await consul.request('PUT', 'acl/token', { Policies: [{ Name: 'outrigger' }] })) as {
    SecretID: string;
  };

  const open = (token?: string) =>
    new ConsulRegistry({
      connection: { url: consul.url, ...(token ? { token } : {}) },
      instance: 'acl',
      clock: createSteadyClock(),
      timings: { intervalMs: 50 },
    });
  const without = open();
  // Also where the test fails: its rounds would keep the process.
  t.teardown(() => without.close({ withdraw: false }, limit()).catch(() => {}));
  without.publish([endpoint({ replicaId: 'r' })]);
  await until('denied', () => /403 Permission denied/.test(without.status().message ?? ''));
  await until('nothing counts as published', () => without.published().size === 0);
  await without.close({ withdraw: true }, limit());

  const registry = open(made.SecretID);
  registry.publish([endpoint({ replicaId: 'r' })]);
  await until('registered', async () => (await registry.read('feature-store/embedder', limit())).length === 1);
  await until('healthy', () => registry.status().healthy);
  await registry.close({ withdraw: true }, limit());
  await until('gone', async () => {
    const found = await consul.request('GET', 'health/service/feature-store-embedder');
    return Array.isArray(found) && found.length === 0;
  });
  t.pass();
});
