import test from 'ava';
import type { ServiceView } from '../../control-plane/views/views.ts';
import { until } from '../until.ts';
import { GIB, gpuService, SLOW_COMMAND } from './gpu-service.ts';
import { TestCluster } from './test-cluster.ts';

/** Starts of containers that become ready only when they are told; so the tests see who may be under way beside whom. */
const slow = { command: SLOW_COMMAND };
const SHARED = { deviceIds: ['0'], memoryBytes: 10 * GIB, exclusive: false };

async function letGo(cluster: TestCluster, replica: { id: string }): Promise<void> {
  const { node, containerId } = await cluster.holdingOf(replica);
  const { exitCode, output } = await cluster.engine(node).exec(containerId, ['touch', '/tmp/go']);
  if (exitCode !== 0) throw new Error(output);
}

/** Resolves once exactly that many of its containers run. */
async function running(cluster: TestCluster, namespace: string, count: number): Promise<ServiceView> {
  const live = async () => (await cluster.holdings.live()).filter(h => h.namespace === namespace);
  await until(
    async () => `${count} containers run: ${JSON.stringify(await live())}`,
    async () => (await live()).filter(h => h.state === 'running').length === count,
  );
  return await cluster.serviceIs({ namespace, name: 'model' }, 'knows of them', s => {
    return s.replicas.filter(r => ['starting', 'warming', 'ready'].includes(r.phase)).length === count;
  });
}

test.serial('on a shared device one starts at a time: the next when the one before is ready', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a'] });
  const namespace = 'turns';
  await cluster.controlPlane.apply(gpuService({ namespace, replicas: 2, gpu: SHARED }, slow));
  const one = await running(cluster, namespace, 1);
  const first = one.replicas.find(r => r.phase === 'starting' || r.phase === 'warming');
  const second = one.replicas.find(r => r.id !== first?.id);
  await cluster.serviceIs({ namespace, name: 'model' }, 'says what the second waits for', s =>
    s.replicas.some(r => r.id === second?.id && /nvidia\.com\/gpu=0/.test(r.message)),
  );
  t.is((await cluster.holdings.live()).filter(h => h.state === 'running').length, 1);
  await letGo(cluster, { id: first?.id ?? '' });
  const both = await running(cluster, namespace, 2);
  t.is(both.replicas.find(r => r.id === first?.id)?.phase, 'ready', 'the first was ready before the second began');
  await letGo(cluster, { id: second?.id ?? '' });
  await cluster.controlPlane.ready(namespace);
});

test.serial('replicas on devices of their own start all at once', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a'] });
  const namespace = 'together';
  await cluster.controlPlane.apply(gpuService({ namespace, replicas: 4, gpu: {} }, slow));
  // None is let go before all of them run: were they to start one after the other, this would never be.
  const { replicas } = await running(cluster, namespace, 4);
  t.is(new Set(replicas.flatMap(r => r.devices)).size, 4);
  for (const replica of replicas) await letGo(cluster, replica);
  await cluster.controlPlane.ready(namespace);
});

test.serial('a start on a shared device waits for the memory that it declares to be measured as free', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a'] });
  const namespace = 'measured';
  const { gpus } = cluster.engine('a');
  // Somebody else's program holds it, or a stopped one has not given it back yet.
  await gpus.use(0, 20 * 1024);
  await cluster.controlPlane.apply(gpuService({ namespace, gpu: SHARED }));
  const waiting = await cluster.serviceIs({ namespace, name: 'model' }, 'says that too little is free', s =>
    s.replicas.some(r => /free/.test(r.message) && /10 ?GiB/.test(r.message)),
  );
  t.is(waiting.readyReplicas, 0);
  t.deepEqual(
    (await cluster.holdings.live()).filter(h => h.state === 'running'),
    [],
  );
  await gpus.use(0, 12 * 1024);
  await cluster.controlPlane.ready(namespace);
});
