import test, { type ExecutionContext } from 'ava';
import { close } from '../../client/index.ts';
import type { StatusView } from '../../control-plane/views/views.ts';
import { type ConsulAgent, startConsul } from '../agents/consul.ts';
import { ensureBusyboxImage } from '../images/busybox.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { until } from '../until.ts';
import { EndpointLog } from './endpoint-log.ts';
import { Line } from './line.ts';
import { livesOf, web } from './services.ts';

let consul: ConsulAgent;

test.before(async () => {
  await ensureBusyboxImage();
  consul = await startConsul();
});
test.after.always(async () => {
  close();
  await consul?.kill();
});

/** Replica ids that Consul calls healthy. */
async function registered(name: string): Promise<string[]> {
  const answer = await consul.request('GET', `health/service/${name}?passing=true`).catch(() => []);
  const entries = answer as { Service: { Meta: Record<string, string> } }[];
  return entries.map(e => e.Service.Meta['replica'] ?? '').sort();
}

/** Of reliability's fault matrix. */
const REGISTERED_AGAIN_WITHIN_MS = 10_000;

async function isRegistered(name: string, replicas: readonly string[], deadlineMs?: number): Promise<void> {
  await until(
    async () => `Consul knows ${replicas.join(', ')}; it knows ${(await registered(name)).join(', ')}`,
    async () => JSON.stringify(await registered(name)) === JSON.stringify([...replicas].sort()),
    deadlineMs === undefined ? {} : { deadlineMs },
  );
}

async function registryIs(controlPlane: RunningControlPlane, healthy: boolean): Promise<StatusView['registry']> {
  return await until(
    () => `the control plane ${healthy ? 'reaches' : 'misses'} Consul`,
    async () => {
      const { registry } = await controlPlane.get<StatusView>('/v1/status');
      return registry.healthy === healthy ? registry : null;
    },
  );
}

interface Scene {
  readonly line: Line;
  readonly replicas: readonly string[];
}

/** Breaks something, resolves once it is broken; the result mends it. Null: it is whole again as soon as it was broken. */
type Fault = (scene: Scene) => Promise<(() => Promise<void>) | null>;

const goesOn = test.macro(async (t: ExecutionContext, word: string, fault: Fault) => {
  t.timeout(2 * 60_000);
  const line = await Line.to(consul.url);
  t.teardown(() => line.close());
  const namespace = `consul-${word}`;
  const controlPlane = await RunningControlPlane.start({
    arguments: ['--registry', 'consul', '--consul-address', line.address],
  });
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(web({ namespace, replicas: 2 }));
  const [service] = await controlPlane.ready(namespace);
  const replicas = service?.replicas.map(r => r.id) ?? [];
  const name = await nameInConsul(replicas);
  await isRegistered(name, replicas);
  const clients = new EndpointLog(controlPlane.socket, `${namespace}/web`);
  t.teardown(() => clients.close());
  await clients.shows(replicas);
  const lives = livesOf(await controlPlane.containers(), 'web');

  const mend = await fault({ line, replicas });
  if (mend) {
    const { message } = await registryIs(controlPlane, false);
    t.truthy(message, 'it says what is wrong with Consul');
    t.log(message);
    t.is((await controlPlane.service(namespace, 'web')).state, 'ready', 'services go on');
    await mend();
  }
  const back = performance.now();
  await isRegistered(name, replicas, REGISTERED_AGAIN_WITHIN_MS);
  t.log(`registered again after ${(performance.now() - back).toFixed(0)} ms`);
  await registryIs(controlPlane, true);
  t.deepEqual(livesOf(await controlPlane.containers(), 'web'), lives, 'no container was touched');
  t.true(
    clients.told.every(told => replicas.every(id => told.replicas.includes(id))),
    'no client lost an endpoint',
  );
});

/** What the service is called there; found by its replicas, as a person would. */
async function nameInConsul(replicas: readonly string[]): Promise<string> {
  return await until(
    () => `Consul knows one of ${replicas.join(', ')}`,
    async () => {
      const services = (await consul.request('GET', 'agent/services')) as Record<
        string,
        { Service: string; Meta: Record<string, string> }
      >;
      return Object.values(services).find(s => replicas.includes(s.Meta['replica'] ?? ''))?.Service;
    },
  );
}

test.serial('Consul killed, and back with nothing', goesOn, 'killed', async () => {
  await consul.kill();
  return () => consul.start();
});

test.serial('Consul hangs', goesOn, 'hung', async () => {
  consul.pause();
  return async () => consul.resume();
});

test.serial('Consul emptied by somebody', goesOn, 'emptied', async ({ replicas }) => {
  const services = (await consul.request('GET', 'agent/services')) as Record<string, { Meta: Record<string, string> }>;
  for (const [id, { Meta }] of Object.entries(services)) {
    if (replicas.includes(Meta['replica'] ?? '')) await consul.request('PUT', `agent/service/deregister/${id}`);
  }
  return null;
});

test.serial('Consul cut off', goesOn, 'cut', async ({ line }) => {
  line.cut();
  return async () => line.mend();
});

test.serial('without Consul a control plane starts all the same, says so, and registers when it comes', async t => {
  t.timeout(2 * 60_000);
  const line = await Line.to(consul.url);
  t.teardown(() => line.close());
  line.cut();
  const controlPlane = await RunningControlPlane.start({
    arguments: ['--registry', 'consul', '--consul-address', line.address],
  });
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(web({ namespace: 'consul-late' }));
  const [service] = await controlPlane.ready('consul-late');
  const { message } = await registryIs(controlPlane, false);
  t.regex(message ?? '', /127\.0\.0\.1:\d+/, 'it says where it looked');
  t.log(message);
  line.mend();
  const replicas = service?.replicas.map(r => r.id) ?? [];
  await isRegistered(await nameInConsul(replicas), replicas);
  t.pass();
});
