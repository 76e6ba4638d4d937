import { Resolver } from 'node:dns/promises';
import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import { randomWord } from '../../control-plane/ids.ts';
import { ConsulRegistry, type ConsulRegistryOptions } from '../../control-plane/registry/consul.ts';
import { type ConsulAgent, startConsul } from '../agents/consul.ts';
import { registryContract } from '../contract/registry.ts';
import { endpoint } from '../fakes/endpoint.ts';
import { until } from '../until.ts';

let consul: ConsulAgent;
test.before(async () => {
  consul = await startConsul();
});
test.after.always(async () => {
  await Promise.all(opened.map(registry => registry.close({ withdraw: false }, limit())));
  await consul?.kill();
});

const limit = () => AbortSignal.timeout(60_000);
const opened: ConsulRegistry[] = [];

function open(options: Partial<ConsulRegistryOptions> = {}): ConsulRegistry {
  const registry = new ConsulRegistry({
    connection: { url: consul.url },
    instance: randomWord(12),
    clock: createSteadyClock(),
    ...options,
  });
  opened.push(registry);
  return registry;
}

registryContract(test, 'consul', async options => open(options));

interface Found {
  readonly Service: { readonly ID: string; readonly Address: string; readonly Port: number };
}
async function passing(name: string): Promise<string[]> {
  const found = (await consul.request('GET', `health/service/${name}?passing=1`)) as Found[];
  return found.map(f => f.Service.ID).sort();
}

test('a foreign service of the same name is never touched', async t => {
  const foreign = { ID: 'by-hand', Name: 'shop-cart', Address: '10.9.9.9', Port: 80 };
  await consul.request('PUT', 'agent/service/register', foreign);
  const registry = open({ instance: 'insta' });
  registry.publish([endpoint({ replicaId: 'r', service: 'shop/cart' })]);
  await until('both', async () => (await passing('shop-cart')).join() === 'by-hand,outrigger-insta-r');
  t.deepEqual(
    (await registry.read('shop/cart', limit())).map(e => e.replicaId),
    ['r'],
  );
  await registry.close({ withdraw: true }, limit());
  await until('only the foreign one', async () => (await passing('shop-cart')).join() === 'by-hand');
});

test('a foreign service under an id of ours is left alone, and the status says so', async t => {
  const foreign = { ID: 'outrigger-instb-r', Name: 'somebody', Address: '10.9.9.8', Port: 81 };
  await consul.request('PUT', 'agent/service/register', foreign);
  const registry = open({ instance: 'instb' });
  registry.publish([
    endpoint({ replicaId: 'r', service: 'shop/till' }),
    endpoint({ replicaId: 's', service: 'shop/till' }),
  ]);
  await until('the other replica', async () => (await passing('shop-till')).join() === 'outrigger-instb-s');
  const words = /registered by somebody else.*replica r of shop\/till is not listed/;
  await until('the status', () => words.test(registry.status().message ?? ''));
  await registry.close({ withdraw: true }, limit());
  t.like(await consul.request('GET', 'agent/service/outrigger-instb-r'), { Service: 'somebody', Port: 81 });
});

test('what an earlier life left is kept until the first publish, then withdrawn unless it is wanted', async t => {
  const before = open({ instance: 'instc', timings: { ttlMs: 600_000 } });
  before.publish([endpoint({ replicaId: 'old', service: 'x/y' }), endpoint({ replicaId: 'kept', service: 'x/y' })]);
  await until('registered', async () => (await passing('x-y')).length === 2);
  await before.close({ withdraw: false }, limit());

  const after = open({ instance: 'instc' });
  await until('found', () => after.status().healthy && after.published().size === 2);
  t.is((await passing('x-y')).length, 2);
  after.publish([endpoint({ replicaId: 'kept', service: 'x/y' })]);
  await until('withdrawn', async () => (await passing('x-y')).join() === 'outrigger-instc-kept');
  await until('known to be', () => [...after.published()].join() === 'kept');
  await after.close({ withdraw: true }, limit());
});

test('heartbeats outlast the time to live, and without them an endpoint is handed out no more', async t => {
  const timings = { intervalMs: 100, heartbeatMs: 200, ttlMs: 1_500 };
  const registry = open({ instance: 'instd', timings });
  registry.publish([endpoint({ replicaId: 'r', service: 'beat/it' })]);
  await until('registered', async () => (await passing('beat-it')).length === 1);
  // Somebody lets it fail: the next heartbeat mends that.
  await consul.request('PUT', 'agent/check/fail/outrigger-instd-r');
  await until('mended', async () => (await passing('beat-it')).length === 1);
  await registry.close({ withdraw: false }, limit());
  await until('expired', async () => (await passing('beat-it')).length === 0);

  const next = open({ instance: 'instd', timings });
  await until('alive again before anything is published', async () => (await passing('beat-it')).length === 1);
  t.deepEqual([...next.published()], ['r']);
  await next.close({ withdraw: true }, limit());
});

test('a registration that was removed or changed by hand is repaired', async t => {
  const registry = open({ instance: 'inste', timings: { intervalMs: 100 } });
  registry.publish([endpoint({ replicaId: 'r', service: 'by/hand' })]);
  await until('registered', async () => (await passing('by-hand')).length === 1);
  await consul.request('PUT', 'agent/service/deregister/outrigger-inste-r');
  await until('back', async () => (await passing('by-hand')).length === 1);
  const [found] = await registry.read('by/hand', limit());
  await consul.request('PUT', 'agent/service/register', {
    ID: 'outrigger-inste-r',
    Name: 'by-hand',
    Port: 1,
    Meta: found?.metadata,
  });
  await until('the right port', async () => (await registry.read('by/hand', limit()))[0]?.port === 50_051);
  await registry.close({ withdraw: true }, limit());
  t.pass();
});

test('two services that would share a name in Consul: one is listed, the status names both', async t => {
  const registry = open({ timings: { intervalMs: 100 } });
  registry.publish([endpoint({ replicaId: 'q', service: 'p-q/r' })]);
  await until('registered', () => registry.published().has('q'));
  registry.publish([endpoint({ replicaId: 'q', service: 'p-q/r' }), endpoint({ replicaId: 'p', service: 'p/q-r' })]);
  const words = /p\/q-r would have the same name in Consul \(p-q-r\) as p-q\/r/;
  await until('the status', () => words.test(registry.status().message ?? ''));
  t.deepEqual([...registry.published()], ['q']);
  registry.publish([endpoint({ replicaId: 'p', service: 'p/q-r' })]);
  await until('free for the other', () => registry.status().healthy && [...registry.published()].join() === 'p');
  await registry.close({ withdraw: true }, limit());
});

test('the advertised kind of address is registered; an endpoint without one is named in the status', async t => {
  const registry = open({ advertise: 'published' });
  registry.publish([
    endpoint({ replicaId: 'has', service: 'adv/ertise' }),
    endpoint({ replicaId: 'lacks', service: 'adv/ertise', addresses: [] }),
  ]);
  await until('registered', async () => (await registry.read('adv/ertise', limit())).length === 1);
  const [found] = await registry.read('adv/ertise', limit());
  t.like(found, { replicaId: 'has', host: '127.0.0.1', port: 32_768 });
  await until('the status', () => /replica lacks of adv\/ertise has no address/.test(registry.status().message ?? ''));
  await registry.close({ withdraw: true }, limit());
});

test('stock DNS finds a replica under the name that Compose would give it', async t => {
  const registry = open();
  registry.publish([endpoint({ replicaId: 'r', service: 'feature_store/dns-test' })]);
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([consul.dns]);
  const name = 'feature-store-dns-test.service.consul';
  await until('DNS knows it', async () => (await resolver.resolve4(name).catch(() => [])).join() === '172.18.0.2');
  const [record] = await resolver.resolveSrv(`generation-1.${name}`);
  t.is(record?.port, 50_051);
  await registry.close({ withdraw: true }, limit());
  await until('DNS has forgotten it', async () => (await resolver.resolve4(name).catch(() => [])).length === 0);
});

test('hundreds of replicas are registered and withdrawn, and in between nothing is done', async t => {
  const registry = open({ instance: 'many', timings: { intervalMs: 50 } });
  const all = Array.from({ length: 300 }, (_, i) => endpoint({ replicaId: `r${i}`, service: 'many/replicas' }));
  registry.publish(all);
  await until('registered', async () => (await passing('many-replicas')).length === 300);
  await until('healthy', () => registry.status().healthy);
  type Indexed = { Service: { ID: string; ModifyIndex: number } }[];
  const indexes = async () =>
    ((await consul.request('GET', 'health/service/many-replicas')) as Indexed)
      .filter(f => f.Service.ID !== 'outrigger-many-r0')
      .map(f => `${f.Service.ID} ${f.Service.ModifyIndex}`)
      .sort()
      .join();
  const before = await indexes();
  // A change by hand is repaired by a later look, so by then several have gone by.
  for (let look = 0; look < 3; look++) {
    await consul.request('PUT', 'agent/service/deregister/outrigger-many-r0');
    await until('repaired', async () => (await passing('many-replicas')).length === 300);
  }
  t.is(await indexes(), before, 'a steady state writes nothing');
  registry.publish([]);
  await until('withdrawn', async () => (await passing('many-replicas')).length === 0);
  await registry.close({ withdraw: true }, limit());
});
