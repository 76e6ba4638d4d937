import test, { type ExecutionContext } from 'ava';
import type { ServiceView } from '../../control-plane/views/views.ts';
import { type ConsulAgent, startConsul } from '../agents/consul.ts';
import { ensureBusyboxImage } from '../images/busybox.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { until } from '../until.ts';
import { Line } from './line.ts';
import { web } from './services.ts';

/*
 * The control plane does not reach Consul, while Consul lives and goes on telling its clients what it was told last. Those
 * are asked for here, as they are heard of by nobody.
 */

let consul: ConsulAgent;

test.before(async () => {
  await ensureBusyboxImage();
  consul = await startConsul();
});
test.after.always(() => consul?.kill());

async function begin(t: ExecutionContext, namespace: string, replicas: number) {
  t.timeout(4 * 60_000);
  const line = await Line.to(consul.url);
  t.teardown(() => line.close());
  const controlPlane = await RunningControlPlane.start({
    arguments: ['--registry', 'consul', '--consul-address', line.address],
  });
  t.teardown(() => controlPlane.dispose());
  await controlPlane.apply(version(namespace, replicas, '1'));
  await controlPlane.ready(namespace);
  await until(
    () => `Consul hands out ${replicas}`,
    async () => (await handedOut(namespace)).length === replicas,
  );
  return { line, controlPlane };
}

/** No replica that drains is stopped because of its time alone: that is over at once. */
function version(namespace: string, replicas: number, revision: string, update = {}) {
  return web({ namespace, replicas }, { drain: { timeoutMs: 100 }, environment: { REVISION: revision }, update });
}

/** What Consul tells its clients: `address:port`. */
async function handedOut(namespace: string, generation = /./): Promise<string[]> {
  const found = (await consul.request('GET', `health/service/${namespace}-web?passing=true`)) as {
    Service: { Address: string; Port: number; Meta: Record<string, string> };
  }[];
  return found
    .filter(({ Service }) => generation.test(Service.Meta['generation'] ?? ''))
    .map(({ Service }) => `${Service.Address}:${Service.Port}`)
    .sort();
}

/** Those that a client of Consul is sent to, and that do not answer. */
async function deadEnds(namespace: string): Promise<string[]> {
  const calls = (await handedOut(namespace)).map(async address => {
    const answer = await fetch(`http://${address}/`, { signal: AbortSignal.timeout(10_000) }).catch(() => null);
    await answer?.text();
    return answer?.ok ? [] : [address];
  });
  return (await Promise.all(calls)).flat();
}

const generations = ({ replicas }: ServiceView) => replicas.map(r => r.generation).sort();

test.serial(
  'an update that Consul is not told of takes nobody away whom Consul hands out, and ends once it is told',
  async t => {
    const namespace = 'cut-update';
    const { line, controlPlane } = await begin(t, namespace, 2);
    const before = await handedOut(namespace);
    line.cut();
    await controlPlane.apply(version(namespace, 2, '2'));
    await until(
      async () => `the update waits for the registry; ${JSON.stringify(await controlPlane.service(namespace, 'web'))}`,
      async () => {
        t.deepEqual(await deadEnds(namespace), [], 'Consul sends nobody to a replica that is gone');
        const service = await controlPlane.service(namespace, 'web');
        return service.state === 'ready' || /registry/.test(service.message);
      },
    );
    const halted = await controlPlane.service(namespace, 'web');
    t.log(halted.message);
    t.is(halted.state, 'updating');
    t.deepEqual(generations(halted), [1, 1, 2], 'the new one serves beside those that Consul knows');
    t.deepEqual(await handedOut(namespace), before);
    line.mend();
    await controlPlane.ready(namespace);
    t.deepEqual(generations(await controlPlane.service(namespace, 'web')), [2, 2]);
    await until(
      async () => `Consul hands out the new ones alone; it does ${(await handedOut(namespace)).join(', ')}`,
      async () => (await handedOut(namespace)).length === 2 && (await handedOut(namespace, /^2$/)).length === 2,
    );
    t.deepEqual(await deadEnds(namespace), []);
  },
);

test.serial('nobody is taken away first either, where the old one has to leave before the new one is made', async t => {
  const namespace = 'cut-stop-first';
  const { line, controlPlane } = await begin(t, namespace, 1);
  line.cut();
  await until(
    'the control plane misses Consul',
    async () => !(await controlPlane.get<{ registry: { healthy: boolean } }>('/v1/status')).registry.healthy,
  );
  await controlPlane.apply(version(namespace, 1, '2', { order: 'stop-first' }));
  await until(
    async () => `the update waits for the registry; ${JSON.stringify(await controlPlane.service(namespace, 'web'))}`,
    async () => {
      t.deepEqual(await deadEnds(namespace), []);
      const service = await controlPlane.service(namespace, 'web');
      return service.state === 'ready' || /registry/.test(service.message);
    },
  );
  t.deepEqual(generations(await controlPlane.service(namespace, 'web')), [1]);
  line.mend();
  await controlPlane.ready(namespace);
  t.deepEqual(generations(await controlPlane.service(namespace, 'web')), [2]);
});

test.serial('down does not wait for a Consul that is cut off, not even in the midst of an update', async t => {
  const namespace = 'cut-down';
  const { line, controlPlane } = await begin(t, namespace, 2);
  line.cut();
  await controlPlane.apply(version(namespace, 2, '2'));
  await until('the update is under way', async () =>
    generations(await controlPlane.service(namespace, 'web')).includes(2),
  );
  await controlPlane.remove(namespace);
  await controlPlane.gone(namespace);
  line.mend();
  await until(
    async () => `Consul hands out none of them; it does ${(await handedOut(namespace)).join(', ')}`,
    async () => (await handedOut(namespace)).length === 0,
  );
  t.pass();
});
