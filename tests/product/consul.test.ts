import { Resolver } from 'node:dns/promises';
import test from 'ava';
import Docker from 'dockerode';
import { close } from '../../client/index.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { type ConsulAgent, startConsul } from '../agents/consul.ts';
import { until } from '../until.ts';
import { EchoClient } from './example-clients.ts';
import { Load } from './load.ts';
import { RunningControlPlane } from './running-control-plane.ts';

const NAMESPACE = 'consul-product';
/** The service's name in Consul. */
const NAME = `${NAMESPACE}-echo`;
const docker = new Docker();

let consul: ConsulAgent;
let controlPlane: RunningControlPlane;

function echo(revision: number, replicas = 2): ServiceSpecInput {
  return {
    namespace: NAMESPACE,
    name: 'echo',
    image: 'outrigger/echo:demo',
    pullPolicy: 'never',
    environment: { REVISION: String(revision) },
    protocol: 'grpc',
    port: 50_051,
    replicas: { min: replicas, max: replicas, initial: replicas },
  };
}

test.before(async t => {
  t.timeout(120_000);
  consul = await startConsul();
  controlPlane = await RunningControlPlane.start({
    arguments: ['--registry', 'consul', '--consul-address', String(consul.url)],
  });
  process.env['OUTRIGGER_ADDRESS'] = `unix://${controlPlane.socket}`;
  await controlPlane.apply(echo(1));
  await controlPlane.ready(NAMESPACE);
});

test.after.always(async t => {
  t.timeout(60_000);
  close();
  await controlPlane.dispose();
  await consul.kill();
});

interface Entry {
  readonly Service: { readonly Address: string; readonly Port: number; readonly Meta: Record<string, string> };
}

/** `address:port` of all that Consul's health API says are passing. */
async function inConsul(): Promise<string[]> {
  const entries = (await consul.request('GET', `health/service/${NAME}?passing`)) as Entry[];
  return entries.map(({ Service }) => `${Service.Address}:${Service.Port}`).sort();
}

async function ready(): Promise<string[]> {
  const { replicas } = await controlPlane.service(NAMESPACE, 'echo');
  return replicas.flatMap(r => r.addresses.map(({ host, port }) => `${host}:${port}`)).sort();
}

test.serial("replicas are found by Consul's health API, with what a client has to know of them", async t => {
  const addresses = await ready();
  t.is(addresses.length, 2);
  await until(
    async () => `Consul has ${addresses}; it has ${await inConsul()}`,
    async () => String(await inConsul()) === String(addresses),
  );
  const [entry] = (await consul.request('GET', `health/service/${NAME}?passing`)) as Entry[];
  t.like(entry?.Service.Meta, { namespace: NAMESPACE, service: 'echo', protocol: 'grpc', generation: '1' });
});

test.serial("replicas are found by Consul's DNS, and answer a stock client there", async t => {
  const resolver = new Resolver();
  resolver.setServers([consul.dns]);
  const hosts = (await ready()).map(address => address.split(':')[0]).sort();
  t.deepEqual((await resolver.resolve4(`${NAME}.service.consul`)).sort(), hosts);
  const records = await resolver.resolveSrv(`${NAME}.service.consul`);
  t.deepEqual(
    records.map(record => record.port),
    [50_051, 50_051],
  );
  for (const host of hosts) {
    const client = new EchoClient(`${host}:50051`, {});
    t.is((await client.echo({ payload: Buffer.from('hello') })).payload.toString(), 'hello');
    client.close();
  }
});

test.serial('a replica has left Consul before its container is told to stop', async t => {
  t.timeout(120_000);
  const old = new Map(
    (await controlPlane.service(NAMESPACE, 'echo')).replicas.map(r => [
      r.containerId ?? '',
      r.addresses.map(({ host, port }) => `${host}:${port}`),
    ]),
  );
  const events = await docker.getEvents({ filters: { event: ['kill'], container: [...old.keys()] } });
  const seen: Promise<{ addresses: readonly string[]; then: string[] }>[] = [];
  events.on('data', chunk => {
    for (const line of String(chunk).trim().split('\n')) {
      const id: string = JSON.parse(line).Actor.ID;
      seen.push(inConsul().then(then => ({ addresses: old.get(id) ?? [], then })));
    }
  });
  await controlPlane.apply(echo(2));
  await until(
    () => `both old containers are told to stop; ${seen.length} were`,
    () => seen.length >= 2,
  );
  (events as unknown as { destroy(): void }).destroy();
  for (const { addresses, then } of await Promise.all(seen)) {
    t.is(addresses.length, 1);
    t.deepEqual(
      then.filter(address => addresses.includes(address)),
      [],
      'what is being stopped is not in Consul',
    );
    t.true(then.length >= 2, 'and as many as wanted are');
  }
  await controlPlane.ready(NAMESPACE);
});

test.serial('no call fails while Consul is killed, and it is told everything when it returns empty', async t => {
  t.timeout(120_000);
  const client = new EchoClient(`outrigger:///${NAMESPACE}/echo`);
  const load = new Load({ name: 'echo', workers: 4, call: async () => (await client.echo({ delayMs: 5 })).replica });
  await load.goesOn();
  await consul.kill();
  await load.goesOn();
  await until(
    'the control plane says that Consul is away',
    async () => !(await controlPlane.get<{ registry: { healthy: boolean } }>('/v1/status')).registry.healthy,
  );
  // Placement, probes and discovery go on without it.
  await controlPlane.apply(echo(2, 3));
  await until(
    'a third replica becomes ready while Consul is away',
    async () => (await controlPlane.service(NAMESPACE, 'echo')).readyReplicas === 3,
  );
  await load.goesOn();
  await consul.start();
  const addresses = await ready();
  t.is(addresses.length, 3);
  await until(
    async () => `Consul has ${addresses} again; it has ${await inConsul()}`,
    async () => String(await inConsul()) === String(addresses),
  );
  await load.goesOn();
  await load.stop();
  client.close();
  t.deepEqual(load.takeFailures(), []);
});

test.serial('a service that was removed is not in Consul any more', async t => {
  await controlPlane.remove(NAMESPACE);
  await controlPlane.gone(NAMESPACE);
  t.deepEqual(await inConsul(), []);
});
