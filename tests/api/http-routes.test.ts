import { Validator } from '@seriousme/openapi-schema-validator';
import test from 'ava';
import { ROUTES } from '../../control-plane/api/routes.ts';
import { embedder, embedderRef, type Served, serve } from './served.ts';

const apply = async (served: Served, spec: object = embedder) =>
  served.request('POST', '/v1/apply', { body: { specs: [spec], origin: '/home/me/compose.yaml' } });

test('every route of the table answers with what its schema says', async t => {
  const served = await serve(t);
  await apply(served);
  const { id } = served.controlPlane.settle(embedderRef).replicas[0]!;
  served.controlPlane.addLogLine({
    service: 'embedder',
    replicaId: id,
    stream: 'stdout',
    timestamp: '2026-01-01T00:00:00.000000001Z',
    text: 'listening',
  });
  const bodies: Record<string, object> = {
    apply: { specs: [embedder] },
    scaleService: { replicas: 3 },
    restartService: { replicaId: id },
  };
  // Removal last: the other routes need the service.
  const routes = [...ROUTES].sort((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));
  for (const route of routes) {
    const name = route.path.startsWith('/v1/nodes/') ? 'local' : 'embedder';
    const target = route.path.replace('{namespace}', 'feature-store').replace('{name}', name);
    const body = bodies[route.operation];
    const answer = await served.request(route.method, target, body ? { body } : {});
    t.is(answer.status, route.status, `${route.operation}: ${answer.text}`);
    const values = route.lines
      ? answer.text
          .trim()
          .split('\n')
          .map(line => JSON.parse(line))
      : [answer.json];
    t.true(values.length > 0);
    for (const value of values) {
      const parsed = route.answer.safeParse(value);
      t.true(parsed.success, `${route.operation}: ${parsed.error?.message}`);
    }
  }
});

test('an applied service is listed with the origin and the spec it was given', async t => {
  const served = await serve(t);
  await apply(served);
  const one = await served.request('GET', '/v1/services/feature-store/embedder');
  t.like(one.json, { name: 'embedder', origin: '/home/me/compose.yaml', wantedReplicas: 2, port: 50_051 });
  t.is(one.json.spec.image, embedder.image);
  t.is((await served.request('GET', '/v1/services?namespace=feature-store')).json.services.length, 1);
  t.is((await served.request('GET', '/v1/services?namespace=other')).json.services.length, 0);
});

test('a dry run changes nothing', async t => {
  const served = await serve(t);
  const answer = await served.request('POST', '/v1/apply', { body: { specs: [embedder], dryRun: true } });
  t.is(answer.json.results[0].outcome, 'created');
  t.is((await served.request('GET', '/v1/services')).json.services.length, 0);
});

test('named services are removed, the others stay', async t => {
  const served = await serve(t);
  for (const name of ['a', 'b', 'c']) await apply(served, { ...embedder, name });
  const answer = await served.request('DELETE', '/v1/services/feature-store?names=a,b&volumes=true');
  t.is(answer.status, 202);
  t.deepEqual(
    answer.json.services.map((s: { name: string }) => s.name),
    ['a', 'b'],
  );
  const left = (await served.request('GET', '/v1/services')).json.services;
  t.deepEqual(
    left.map((s: { name: string }) => s.name),
    ['c'],
  );
});

test('a removal may name a grace of up to a day', async t => {
  const served = await serve(t);
  await apply(served, embedder);
  const tooLong = await served.request('DELETE', '/v1/services/feature-store?graceMs=86400001');
  t.is(tooLong.status, 400);
  t.regex(tooLong.json.error.message, /graceMs.*24 hours/);
  t.is((await served.request('DELETE', '/v1/services/feature-store?graceMs=0')).status, 202);
});

test('a restart without a body replaces all replicas', async t => {
  const served = await serve(t);
  await apply(served);
  const before = served.controlPlane.settle(embedderRef).replicas.map(r => r.id);
  const answer = await served.request('POST', '/v1/services/feature-store/embedder/restart');
  t.is(answer.status, 200);
  t.false(answer.json.replicas.some((r: { id: string }) => before.includes(r.id)));
});

test('endpoints of an unknown service are not found, and say what to do', async t => {
  const served = await serve(t);
  const answer = await served.request('GET', '/v1/endpoints/feature-store/nobody');
  t.is(answer.status, 404);
  t.is(answer.json.error.code, 'not_found');
  t.truthy(answer.json.error.next);
});

const refused = test.macro({
  exec: async (
    t,
    given: { method?: string; target: string; body?: unknown; headers?: Record<string, string> },
    wanted: { status: number; says: RegExp },
  ) => {
    const served = await serve(t);
    await apply(served);
    const { method = 'GET', target, ...options } = given;
    const answer = await served.request(method, target, options);
    t.is(answer.status, wanted.status, answer.text);
    t.regex(answer.json.error.message, wanted.says);
    t.is((await served.request('GET', '/v1/services/feature-store/embedder')).json.generation, 1);
  },
  title: title => `refused: ${title}`,
});

const scale = '/v1/services/feature-store/embedder/scale';
test('an unknown path', refused, { target: '/v1/nothing' }, { status: 404, says: /not part of the API/ });
test(
  'an unknown query field',
  refused,
  { target: '/v1/services?nmespace=a' },
  { status: 400, says: /"nmespace".*namespace/ },
);
test(
  'a query field twice',
  refused,
  { target: '/v1/services?namespace=a&namespace=b' },
  { status: 400, says: /twice/ },
);
test(
  'a query field named like a property of every object',
  refused,
  { target: '/v1/services?constructor=a' },
  { status: 400, says: /unknown field/ },
);
test(
  'a namespace with a slash in it',
  refused,
  { target: '/v1/services/feature%2Fstore/embedder' },
  { status: 400, says: /namespace: expected 1-63 characters/ },
);
test('a malformed escape', refused, { target: '/v1/services/%zz/embedder' }, { status: 400, says: /malformed escape/ });
test(
  'a number that is none',
  refused,
  { target: '/v1/events?past=many' },
  { status: 400, says: /past: expected an integer/ },
);
test(
  'a truth that is none',
  refused,
  { target: '/v1/logs/feature-store?follow=maybe' },
  { status: 400, says: /expected true or false/ },
);
test(
  'a method that the path does not have',
  refused,
  { method: 'PUT', target: '/v1/services' },
  { status: 405, says: /only GET/ },
);
test(
  'a body that is not JSON',
  refused,
  { method: 'POST', target: scale, body: '{"replicas":' },
  { status: 400, says: /not JSON/ },
);
test(
  'a body that is no object',
  refused,
  { method: 'POST', target: scale, body: [3] },
  { status: 400, says: /JSON object/ },
);
test(
  'a body of another type',
  refused,
  {
    method: 'POST',
    target: scale,
    body: 'replicas=3',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },
  { status: 415, says: /application\/json/ },
);
test(
  'a body in another charset',
  refused,
  { method: 'POST', target: scale, body: '{}', headers: { 'content-type': 'application/json; charset=utf-16' } },
  { status: 415, says: /UTF-8/ },
);
test(
  'a compressed body',
  refused,
  { method: 'POST', target: scale, body: '{}', headers: { 'content-encoding': 'gzip' } },
  { status: 415, says: /compressed/ },
);
test(
  'an unknown body field',
  refused,
  { method: 'POST', target: scale, body: { replica: 3 } },
  { status: 400, says: /"replica" in the body: expected replicas/ },
);
test(
  'a path field in the body',
  refused,
  { method: 'POST', target: scale, body: { replicas: 3, name: 'other' } },
  { status: 400, says: /unknown field "name"/ },
);
test('a missing body', refused, { method: 'POST', target: scale }, { status: 400, says: /replicas/ });
test(
  'a negative scale',
  refused,
  { method: 'POST', target: scale, body: { replicas: -1 } },
  { status: 400, says: /replicas/ },
);
test(
  'an apply without specs',
  refused,
  { method: 'POST', target: '/v1/apply', body: { specs: [] } },
  { status: 400, says: /specs/ },
);
test(
  'a spec that the schema refuses',
  refused,
  { method: 'POST', target: '/v1/apply', body: { specs: [{ ...embedder, image: 7 }] } },
  { status: 400, says: /image/ },
);
test(
  'a body where none is expected',
  refused,
  { method: 'DELETE', target: '/v1/services/feature-store', body: {} },
  { status: 400, says: /takes no body/ },
);

test('a drained node takes no replicas until it is undrained; a device of it is trusted again by itself', async t => {
  const served = await serve(t);
  const drained = await served.request('POST', '/v1/nodes/local/drain');
  t.like(drained.json, { name: 'local', state: 'drained' });
  t.is(typeof drained.json.drainingSinceMs, 'number');
  served.controlPlane.quarantined = true;
  const undrain = (body?: object) => served.request('POST', '/v1/nodes/local/undrain', body ? { body } : {});
  t.is((await undrain({ device: 'GPU-0' })).json.devices[0].state, 'free');
  t.is((await served.request('GET', '/v1/nodes')).json.nodes[0].state, 'drained');
  t.is((await undrain()).json.state, 'answering');
  t.is((await undrain({ device: 'GPU-9' })).status, 404);
  const unknown = await served.request('POST', '/v1/nodes/nowhere/drain');
  t.is(unknown.status, 404);
  t.truthy(unknown.json.error.next);
});

test('events are found by namespace, by service, by a name in any namespace, and by node', async t => {
  const served = await serve(t);
  for (const ref of [embedderRef, { ...embedderRef, namespace: 'other' }, { namespace: 'other', name: 'x' }]) {
    served.controlPlane.addEvent(ref, 'replica.ready', `${ref.namespace}/${ref.name}`);
  }
  const found = async (query: string) =>
    (await served.request('GET', `/v1/events${query}`)).json.events.map((e: { message: string }) => e.message);
  t.is((await found('')).length, 3);
  t.deepEqual(await found('?namespace=other'), ['other/embedder', 'other/x']);
  t.deepEqual(await found('?namespace=other&name=x'), ['other/x']);
  t.deepEqual(await found('?name=embedder'), ['feature-store/embedder', 'other/embedder']);
  t.deepEqual(await found('?name=embedder&past=1'), ['other/embedder']);
  t.deepEqual(await found('?after=2'), ['other/x']);
  t.deepEqual(await found('?past=0'), []);
  served.controlPlane.addNodeEvent('gpu-a', 'node.silent', 'no answer');
  served.controlPlane.addNodeEvent('gpu-b', 'node.silent', 'none here either');
  t.deepEqual(await found('?node=gpu-a'), ['no answer']);
  t.is((await found('')).length, 5);
});

test('a method that is not possible names those that are', async t => {
  const served = await serve(t);
  t.is((await served.request('PUT', '/v1/services')).headers['allow'], 'GET');
  t.is((await served.request('POST', '/healthz')).status, 405);
});

test('HEAD answers with the headers of GET alone', async t => {
  const served = await serve(t);
  const answer = await served.request('HEAD', '/v1/status');
  t.is(answer.status, 200);
  t.true(Number(answer.headers['content-length']) > 0);
});

test('the OpenAPI document is valid, served, and names every route', async t => {
  const served = await serve(t);
  const { json } = await served.request('GET', '/v1/openapi.json');
  const result = await new Validator().validate(structuredClone(json));
  t.true(result.valid, JSON.stringify(result.errors));
  for (const route of ROUTES) t.is(json.paths[route.path][route.method.toLowerCase()].operationId, route.operation);
});

test('metrics show services, replicas, nodes, devices, endpoints and the requests that were answered', async t => {
  const served = await serve(t);
  await apply(served);
  served.controlPlane.settle(embedderRef);
  await served.request('GET', '/v1/nothing');
  const { text, status } = await served.request('GET', '/metrics');
  t.is(status, 200);
  for (const line of [
    'outrigger_services{state="ready"} 1',
    'outrigger_replicas{namespace="feature-store",service="embedder",phase="ready"} 2',
    'outrigger_endpoints{namespace="feature-store",service="embedder"} 2',
    'outrigger_api_requests_total{protocol="http",route="POST /v1/apply",code="ok"} 1',
    'outrigger_api_requests_total{protocol="http",route="unknown",code="not_found"} 1',
    'outrigger_registry_healthy{kind="embedded"} 1',
    'outrigger_replicas_waiting{namespace="feature-store",service="embedder"} 0',
    'outrigger_node_answering{node="local"} 1',
    'outrigger_node_cpus{node="local",share="held"} 0.5',
    'outrigger_devices{node="local",kind="nvidia.com/gpu",state="free"} 1',
    'outrigger_device_memory_bytes{node="local",device="GPU-0",share="all"} 85899345920',
  ]) {
    t.true(text.includes(`${line}\n`), line);
  }
  t.regex(text, /^process_resident_memory_bytes \d+$/m);
});
