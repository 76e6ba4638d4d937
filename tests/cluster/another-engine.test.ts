import test from 'ava';
import { until } from '../until.ts';
import { gpuService } from './gpu-service.ts';
import { TestCluster } from './test-cluster.ts';

const NAMESPACE = 'slip';
const SERVICE = { namespace: NAMESPACE, name: 'model' };

test.serial(
  'an address that leads to another machine by a slip costs no loaded model, and leaves nothing there',
  async t => {
    const cluster = await TestCluster.of(t, { nodes: ['a'] });
    const { controlPlane } = cluster;
    const z = await cluster.startEngine('z');
    const running = async () => (await cluster.holdings.all()).map(h => `${h.node} ${h.containerId} ${h.state}`).sort();
    await controlPlane.apply(gpuService({ namespace: NAMESPACE, replicas: 2, gpu: { count: 1 } }));
    await cluster.serviceIs(SERVICE, 'is ready', s => s.readyReplicas === 2);
    const before = await running();

    const tls = z.certificates!.client;
    const elsewhere = { engine: z.url, tls: { ca: tls.ca, cert: tls.cert, key: tls.key } };
    await cluster.writeNodes(['a'], { a: elsewhere });
    await cluster.nodesAre('a says that another engine answers', ([a]) => a?.error?.includes('answers now') === true);
    const { silentSinceMs = 0, state } = await cluster.node('a');
    t.is(state, 'silent');
    // Long enough for a replacement, where one were made.
    await until(
      'a stays silent',
      async () => (await cluster.node('a')).state === 'silent' && Date.now() > silentSinceMs + 10_000,
      { deadlineMs: 30_000 },
    );
    t.deepEqual(await running(), before);

    await cluster.writeNodes(['a']);
    await cluster.nodesAre('a answers again', ([a]) => a?.state === 'answering');
    const back = await cluster.serviceIs(SERVICE, 'is ready', s => s.readyReplicas === 2);
    t.deepEqual(await running(), before, 'the same containers');
    t.deepEqual(
      back.replicas.map(r => r.attempt),
      [1, 1],
    );
    await controlPlane.request('DELETE', `/v1/services/${NAMESPACE}`);
    await until(
      async () => `nothing is left; there are ${await running()}`,
      async () => (await running()).length === 0,
      { deadlineMs: 60_000 },
    );
  },
);
