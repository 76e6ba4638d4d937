import { readFile, rename, writeFile } from 'node:fs/promises';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { until } from '../until.ts';
import { gpuService } from './gpu-service.ts';
import { TestCluster } from './test-cluster.ts';

test('a node that takes over the name of another one begins nothing on devices that are held, and the other leaves', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a', 'b'] });
  const [namespace, name] = ['taken', 'model'];
  await cluster.controlPlane.apply(gpuService({ namespace, gpu: { count: 1 }, replicas: 4 }));
  await cluster.controlPlane.ready(namespace);
  const onFirst = (await cluster.holdings.live()).filter(h => h.node === 'a').map(h => h.containerId);
  t.true(onFirst.length > 0 && onFirst.length < 4, 'both have some');
  const { nodes, ...policy } = parse(await readFile(cluster.nodesFile, 'utf8'));
  await writeFile(`${cluster.nodesFile}.new`, stringify({ ...policy, nodes: { b: nodes.a } }));
  await rename(`${cluster.nodesFile}.new`, cluster.nodesFile);
  const doubled: string[] = [];
  await until(
    async () => `all is on the one node that is left: ${JSON.stringify(await cluster.controlPlane.nodes())}`,
    async () => {
      const live = await cluster.holdings.live();
      const held = live.flatMap(h => h.devices.map(device => `${h.node} ${device}`));
      doubled.push(...held.filter((device, i) => held.indexOf(device) !== i));
      const left = (await cluster.controlPlane.nodes()).map(n => n.name).join();
      const { readyReplicas } = await cluster.controlPlane.service(namespace, name);
      return left === 'b' && readyReplicas === 4 && live.length === 4 && live.every(h => h.node === 'a');
    },
    { deadlineMs: 120_000 },
  );
  t.deepEqual(doubled, []);
  const still = (await cluster.holdings.live()).map(h => h.containerId);
  t.true(
    onFirst.every(id => still.includes(id)),
    'what was on the renamed one went on',
  );
});
