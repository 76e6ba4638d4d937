import test from 'ava';
import fc from 'fast-check';
import type { ConsulService } from '../../control-plane/registry/consul-api.ts';
import { consulConnection } from '../../control-plane/registry/consul-connection.ts';
import { consulName } from '../../control-plane/registry/consul-name.ts';
import { planRepair, readListing, type Wanted } from '../../control-plane/registry/consul-plan.ts';
import { registrationOf } from '../../control-plane/registry/registration.ts';
import { endpoint } from '../fakes/endpoint.ts';

const PREFIX = 'outrigger-i-';

const services = fc.constantFrom('a/b', 'a-b/c', 'a/b-c', 'shop/cart');
const ids = fc.constantFrom('r1', 'r2', 'r3', 'r4');
const anyWanted: fc.Arbitrary<ReadonlyMap<string, Wanted>> = fc
  .uniqueArray(fc.record({ replicaId: ids, service: services, generation: fc.nat(2), reachable: fc.boolean() }), {
    selector: e => e.replicaId,
  })
  .map(
    list =>
      new Map(
        list.map(({ reachable, ...given }) => {
          const e = endpoint(reachable ? given : { ...given, addresses: [] });
          const wanted = { service: e.service, name: consulName(e.service), entry: registrationOf(e, 'i', 'network') };
          return [e.replicaId, wanted];
        }),
      ),
  );
const anyHeld: fc.Arbitrary<ConsulService[]> = fc.uniqueArray(
  fc
    .record({ id: ids, service: services, owner: fc.constantFrom('i', 'j', undefined), port: fc.nat(3) })
    .map(({ id, service, owner, port }) => ({
      id: PREFIX + id,
      name: consulName(service),
      address: '10.0.0.1',
      port,
      tags: [],
      meta: {
        ...(owner && { instance: owner }),
        namespace: service.split('/')[0]!,
        service: service.split('/')[1]!,
      },
    })),
  { selector: s => s.id },
);

test('one repair leads to a state that needs none, touches nothing foreign and never mixes two services', t => {
  fc.assert(
    fc.property(anyWanted, anyHeld, (wanted, held) => {
      const world = new Map(held.map(s => [s.id, s]));
      const listing = readListing(held, PREFIX, 'i');
      const plan = planRepair(wanted, listing, PREFIX);
      for (const id of plan.withdraw) t.true(world.delete(PREFIX + id));
      for (const { service } of plan.register) world.set(service.id, service);
      for (const s of held.filter(s => s.meta['instance'] !== 'i')) t.is(world.get(s.id), s);

      const after = readListing([...world.values()], PREFIX, 'i');
      const again = planRepair(wanted, after, PREFIX);
      t.deepEqual([again.withdraw, again.register], [[], []]);
      t.is(after.ours.size, again.keep.length);
      t.is(after.ours.size + again.problems.length, wanted.size, 'each is registered, or it is said why not');
      const owners = new Map<string, string>();
      for (const s of after.ours.values()) {
        const service = `${s.meta['namespace']}/${s.meta['service']}`;
        t.is(owners.get(s.name) ?? service, service);
        owners.set(s.name, service);
      }
    }),
    { numRuns: 500 },
  );
});

test('before anything is wanted everything that is held is kept', t => {
  const held = fc.sample(anyHeld, { numRuns: 1, seed: 9 })[0]!;
  const listing = readListing(held, PREFIX, 'i');
  const plan = planRepair(null, listing, PREFIX);
  t.deepEqual([plan.withdraw, plan.register, plan.problems], [[], [], []]);
  t.deepEqual(
    plan.keep.map(k => k.id),
    [...listing.ours.keys()],
  );
});

test('a name in Consul is a DNS label, whatever the service is called', t => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,62}$/);
  fc.assert(
    fc.property(name, name, (namespace, service) => {
      t.regex(consulName(`${namespace}/${service}`), /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    }),
  );
  t.is(consulName('feature-store/embedder'), 'feature-store-embedder');
  t.is(consulName('shop/my_cart'), 'shop-my-cart');
  t.not(consulName(`${'n'.repeat(63)}/a`), consulName(`${'n'.repeat(63)}/b`));
});

const addresses: [written: string | undefined, environment: Record<string, string>, url: string][] = [
  [undefined, {}, 'http://127.0.0.1:8500/'],
  [undefined, { CONSUL_HTTP_ADDR: 'consul:8600' }, 'http://consul:8600/'],
  [undefined, { CONSUL_HTTP_ADDR: 'https://consul' }, 'https://consul:8501/'],
  [undefined, { CONSUL_HTTP_ADDR: 'https://consul:443' }, 'https://consul/'],
  [undefined, { CONSUL_HTTP_ADDR: 'consul', CONSUL_HTTP_SSL: 'true' }, 'https://consul:8501/'],
  ['http://[::1]:85', { CONSUL_HTTP_ADDR: 'consul:8600' }, 'http://[::1]:85/'],
];
for (const [written, environment, url] of addresses) {
  test(`Consul's address from ${written ?? 'no option'} and ${JSON.stringify(environment)} is ${url}`, t => {
    t.is(consulConnection(environment, written).url.href, url);
  });
}

for (const bad of ['', 'unix:///run/consul.sock', 'http://consul:8500/ui', 'consul:99999', 'http://']) {
  test(`"${bad}" as Consul's address is refused with what to write`, t => {
    const error = t.throws(() => consulConnection({}, bad), { code: 'invalid_argument' } as never);
    t.regex((error as unknown as { next: string }).next, /host:port/);
  });
}

test('token and certificates come from the environment that the programs of Consul read', t => {
  const environment = {
    CONSUL_HTTP_TOKEN: 'secret',
    CONSUL_HTTP_TOKEN_FILE: '/unused',
    CONSUL_CACERT: '/ca.pem',
    CONSUL_CLIENT_CERT: '/cert.pem',
    CONSUL_CLIENT_KEY: '/key.pem',
    CONSUL_TLS_SERVER_NAME: 'server.dc1.consul',
    CONSUL_HTTP_SSL_VERIFY: 'false',
  };
  t.like(consulConnection(environment), {
    token: 'secret',
    caFile: '/ca.pem',
    certFile: '/cert.pem',
    keyFile: '/key.pem',
    serverName: 'server.dc1.consul',
    verify: false,
  });
  t.deepEqual(consulConnection({ CONSUL_HTTP_TOKEN_FILE: '/token' }).token, { file: '/token' });
});
