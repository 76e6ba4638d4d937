import test from 'ava';
import { toStruct } from '../../control-plane/api/struct.ts';
import type { Node__Output } from '../../proto/generated/outrigger/v1/Node.ts';
import type { Why__Output } from '../../proto/generated/outrigger/v1/Why.ts';
import { call, embedder, embedderRef, grpcClients, serve } from './served.ts';

test('one socket answers HTTP and gRPC', async t => {
  const served = await serve(t);
  const { control, health } = grpcClients(t, `unix:${served.socket}`);
  t.is((await served.request('GET', '/healthz')).text, 'ok\n');
  const overHttp = await served.request('GET', '/v1/status');
  const overGrpc = await call(done => control.getStatus({}, done));
  t.is(overHttp.status, 200);
  t.is(overHttp.json.instance, 'fake');
  t.is((overGrpc as { instance: string }).instance, 'fake');
  t.deepEqual(await call(done => health.check({ service: '' }, done)), { status: 'SERVING' });
});

test('a service applied over one protocol is seen over the other', async t => {
  const served = await serve(t);
  const { control, discovery } = grpcClients(t, `unix:${served.socket}`);
  const applied = await served.request('POST', '/v1/apply', { body: { specs: [embedder], origin: 'test' } });
  t.is(applied.status, 200, applied.text);
  t.is(applied.json.results[0].outcome, 'created');
  const again = await call(done => control.apply({ specs: [toStruct(embedder)], origin: 'test' }, done));
  t.is((again as { results: { outcome: string }[] }).results[0]!.outcome, 'unchanged');
  served.controlPlane.settle(embedderRef);
  const snapshot = await served.request('GET', '/v1/endpoints/feature-store/embedder');
  t.is(snapshot.json.endpoints.length, 2);
  const resolved = await call(done => discovery.resolve({ namespace: 'feature-store', service: 'embedder' }, done));
  t.is((resolved as { endpoints: unknown[] }).endpoints.length, 2);
});

test('a node drained over one protocol is seen so over the other', async t => {
  const served = await serve(t);
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const drained = await call<Node__Output>(done => control.drainNode({ name: 'local' }, done));
  t.is(drained.state, 'drained');
  t.true(drained.drainingSinceMs > 0);
  t.is((await served.request('GET', '/v1/nodes')).json.nodes[0].state, 'drained');
  served.controlPlane.quarantined = true;
  const released = await call<Node__Output>(done => control.undrainNode({ name: 'local', device: 'GPU-0' }, done));
  t.like(released, { state: 'drained', devices: [{ state: 'free' }] });
  t.is((await call<Node__Output>(done => control.undrainNode({ name: 'local' }, done))).state, 'answering');
  await t.throwsAsync(
    call(done => control.drainNode({ name: 'nowhere' }, done)),
    { message: /nowhere/ },
  );
});

test('that the driver of a node cannot be asked is told alike over both protocols', async t => {
  const served = await serve(t);
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const told = async () => {
    const [node] = (await served.request('GET', '/v1/nodes')).json.nodes;
    const { nodes } = await call<{ nodes: Node__Output[] }>(done => control.listNodes({}, done as never));
    return [node.driverTrouble, nodes[0]?.driverTrouble];
  };
  t.deepEqual(await told(), [undefined, '']);
  served.controlPlane.driverTrouble = 'nvidia-smi hangs';
  t.deepEqual(await told(), ['nvidia-smi hangs', 'nvidia-smi hangs']);
});

test('why a service waits is told alike over both protocols', async t => {
  const served = await serve(t);
  const { control } = grpcClients(t, `unix:${served.socket}`);
  await served.request('POST', '/v1/apply', { body: { specs: [embedder] } });
  served.controlPlane.settle(embedderRef);
  served.controlPlane.wait(embedderRef);
  const { json } = await served.request('GET', '/v1/services/feature-store/embedder/why');
  const waiting = json.replicas.find((r: { waiting: boolean }) => r.waiting);
  t.like(waiting.groups[0], { constraint: 'gpu_memory', nodes: ['local'], requested: 96 * 2 ** 30 });
  const why = await call<Why__Output>(done => control.why(embedderRef, done));
  const overGrpc = why.replicas.find(r => r.waiting)!;
  t.like(overGrpc, { id: waiting.id, phase: 'pending', summary: waiting.summary });
  t.like(overGrpc.groups[0], { constraint: 'gpu_memory', free: 80 * 2 ** 30, help: waiting.groups[0].help });
  t.like(overGrpc.groups[0]?.requested, { kind: 'numberValue', numberValue: 96 * 2 ** 30 });
  t.like(overGrpc.rejections[0], { node: 'local', device: '', message: waiting.rejections[0].message });
  t.is((await served.request('GET', '/v1/services/feature-store/nobody/why')).status, 404);
});

test('metrics count the calls of both protocols by their outcome', async t => {
  const served = await serve(t);
  const { control } = grpcClients(t, `unix:${served.socket}`);
  await call(done => control.getStatus({}, done));
  await t.throwsAsync(call(done => control.getService(embedderRef, done)));
  await served.request('GET', '/v1/services/feature-store/embedder');
  const { text } = await served.request('GET', '/metrics');
  for (const labels of [
    'protocol="grpc",route="/outrigger.v1.Control/GetStatus",code="ok"',
    'protocol="grpc",route="/outrigger.v1.Control/GetService",code="not_found"',
    'protocol="http",route="GET /v1/services/{namespace}/{name}",code="not_found"',
  ]) {
    t.true(text.includes(`outrigger_api_requests_total{${labels}} 1\n`), labels);
  }
});
