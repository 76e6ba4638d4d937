import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import type { NodeView } from '../../control-plane/views/views.ts';
import { until } from '../until.ts';
import { GIB, gpuService } from './gpu-service.ts';
import { TestCluster } from './test-cluster.ts';

const OUTRIGGER = path.join(import.meta.dirname, '../../bin/outrigger');

/** What `outrigger why` says of a service that has no place. */
async function why(cluster: TestCluster, namespace: string, name = 'model'): Promise<string> {
  const { stdout } = await promisify(execFile)(OUTRIGGER, ['why', `${namespace}/${name}`], {
    env: { ...process.env, OUTRIGGER_ADDRESS: `unix://${cluster.controlPlane.socket}`, NO_COLOR: '1' },
  });
  return stdout;
}

test.serial('requests that no node can meet say which of their words is to blame', async t => {
  const cluster = await TestCluster.of(t);
  for (const [namespace, gpu, words] of [
    ['no-device', { deviceIds: ['nvidia.com/gpu=9'] }, /nvidia\.com\/gpu=9/],
    ['no-uuid', { deviceIds: ['GPU-00000000-0000-0000-0000-000000000000'] }, /GPU-00000000/],
    ['no-memory', { memoryBytes: 200 * GIB }, /200 ?GiB[\s\S]*80 ?GiB|80 ?GiB[\s\S]*200 ?GiB/],
    ['no-model', { models: ['H100'] }, /H100[\s\S]*SIM-[AB]|SIM-[AB][\s\S]*H100/],
    ['no-number', { count: 5 }, /5[\s\S]*4|4[\s\S]*5/],
    ['no-kind', { kind: 'amd.com/gpu' }, /amd\.com\/gpu/],
  ] as const) {
    const request = { ...gpu, ...('deviceIds' in gpu ? { deviceIds: [...gpu.deviceIds] } : {}) };
    await cluster.controlPlane.apply(gpuService({ namespace, gpu: request as Record<string, unknown> }));
    const service = await cluster.serviceIs({ namespace, name: 'model' }, 'waits and says why', s =>
      s.replicas.some(r => r.phase === 'pending' && r.message !== ''),
    );
    t.regex(service.replicas[0]?.message ?? '', words, namespace);
    const told = await why(cluster, namespace);
    t.regex(told, words, namespace);
    t.log(`${namespace}:\n${told}`);
  }
  await cluster.controlPlane.apply(gpuService({ namespace: 'fine', replicas: 3, gpu: {} }));
  t.is((await cluster.controlPlane.ready('fine'))[0]?.readyReplicas, 3, 'others are not held up');
  t.is((await cluster.holdings.live()).length, 3);
});

test.serial('a node with the wrong certificate and one that does not answer say so; the others go on', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a', 'b', 'c'] });
  const { stranger, client } = cluster.engine('c').certificates ?? {};
  const service = gpuService({ namespace: 'fine', replicas: 2, gpu: {} });
  // A control plane that has seen none of them answer.
  await cluster.engine('b').cutOff();
  await cluster.writeNodes(['a', 'b', 'c'], {
    c: { tls: { ca: client?.ca, cert: stranger?.cert, key: stranger?.key } },
  });
  await cluster.controlPlane.kill();
  await cluster.controlPlane.launch();
  await cluster.controlPlane.apply(service);
  await cluster.controlPlane.ready('fine');
  t.deepEqual([...new Set((await cluster.holdings.live()).map(h => h.node))], ['a']);
  for (const [name, words] of [
    ['b', /no answer|did not answer|does not answer/],
    ['c', /certificate|TLS/i],
  ] as const) {
    await cluster.nodesAre(`${name} says ${words}`, nodes =>
      nodes.some(n => n.name === name && !n.answering && words.test(n.error ?? '')),
    );
  }

  // Mended, while it runs.
  await cluster.engine('b').reconnect();
  await cluster.writeNodes(['a', 'b', 'c']);
  await cluster.answering(['a', 'b', 'c']);
  await cluster.controlPlane.request('POST', '/v1/services/fine/model/scale', { replicas: 3 });
  const grown = await cluster.serviceIs({ namespace: 'fine', name: 'model' }, 'has three', s => s.readyReplicas === 3);
  t.true(grown.replicas.some(r => r.node !== 'a'));
});

test.serial('a server that no authority of ours vouches for is refused', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a', 'c'] });
  const [a, c] = [cluster.engine('a').certificates, cluster.engine('c').certificates];
  await cluster.writeNodes(['a', 'c'], { c: { tls: { ca: a?.client.ca, cert: c?.client.cert, key: c?.client.key } } });
  await cluster.nodesAre('c is refused, and says why', nodes =>
    nodes.some(n => n.name === 'c' && !n.answering && /certificate|authority/i.test(n.error ?? '')),
  );
  t.is((await cluster.node('a')).state, 'answering');
});

test.serial('a nodes file that is broken changes nothing, and its error says where', async t => {
  const cluster = await TestCluster.of(t, { nodes: ['a', 'b'] });
  const before = names(await cluster.controlPlane.nodes());
  const good = `nodes:\n  a: {engine: ${cluster.engine('a').url}}\n`;
  for (const [text, words] of [
    [`${good}  a: {engine: tcp://10.0.0.1:2375}\n`, /nodes\.yaml:3\b[\s\S]*\ba\b/],
    [`${good}  c: {engin: tcp://10.0.0.1:2375}\n`, /nodes\.yaml:3\b[\s\S]*engin/],
    [`${good}  c: {engine: ftp://10.0.0.1}\n`, /nodes\.yaml:3\b[\s\S]*ftp/],
    [`${good}  c: {engine: tcp://10.0.0.1:2376, tls: {ca: missing.pem}}\n`, /missing\.pem/],
  ] as const) {
    const written = cluster.controlPlane.output.length;
    await writeFile(cluster.nodesFile, text);
    await until(
      () => `the log says ${words} of\n${text}\nit says ${cluster.controlPlane.output.slice(written)}`,
      () => words.test(cluster.controlPlane.output.slice(written).replaceAll('\\n', '\n')),
    );
    t.deepEqual(names(await cluster.controlPlane.nodes()), before, text);
  }
  await cluster.controlPlane.apply(gpuService({ namespace: 'fine', replicas: 2, gpu: {} }));
  await cluster.controlPlane.ready('fine');
  t.deepEqual([...new Set((await cluster.holdings.live()).map(h => h.node))].sort(), ['a', 'b']);
});

function names(nodes: readonly NodeView[]): readonly string[] {
  return nodes.map(n => `${n.name} ${n.state}`);
}
