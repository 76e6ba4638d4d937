import { once } from 'node:events';
import { type ClientDuplexStream, type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import test from 'ava';
import type { ListServicesResponse__Output } from '../../proto/generated/outrigger/v1/ListServicesResponse.ts';
import type { Snapshot__Output } from '../../proto/generated/outrigger/v1/Snapshot.ts';
import { until } from '../until.ts';
import { eventSource } from './event-source.ts';
import { embedder, embedderRef, grpcClients, type Served, serve } from './served.ts';

const key = 'feature-store/embedder';
const subscription = { subscribe: { namespace: 'feature-store', service: 'embedder' } };
const apply = (served: Served) => served.controlPlane.apply({ specs: [embedder], origin: 'test', dryRun: false });

test('services are sent at once and after every change, until the client leaves', async t => {
  const served = await serve(t);
  await apply(served);
  const events = eventSource(served.http, '/v1/services?namespace=feature-store');
  const first = (await events.next()).value!;
  t.is(first.event, 'services');
  t.is(first.data.services[0].readyReplicas, 0);
  served.controlPlane.settle(embedderRef);
  t.is((await events.next()).value!.data.services[0].readyReplicas, 2);
  t.is(served.controlPlane.changeListeners, 1);
  await events.return(undefined);
  await until('the listener is gone', () => served.controlPlane.changeListeners === 0);
});

test('a change elsewhere says nothing to who watches one namespace', async t => {
  const served = await serve(t);
  const events = eventSource(served.http, '/v1/services?namespace=other');
  t.deepEqual((await events.next()).value!.data.services, []);
  await apply(served);
  await served.controlPlane.apply({ specs: [{ ...embedder, namespace: 'other' }], origin: '', dryRun: false });
  t.deepEqual(
    (await events.next()).value!.data.services.map((s: { namespace: string }) => s.namespace),
    ['other'],
  );
});

test('endpoints of a service that does not exist yet are watched until it comes and goes', async t => {
  const served = await serve(t);
  const events = eventSource(served.http, '/v1/endpoints/feature-store/embedder');
  t.like((await events.next()).value!.data, { known: false, endpoints: [], service: 'embedder' });
  await apply(served);
  t.like((await events.next()).value!.data, { known: true, endpoints: [] });
  served.controlPlane.settle(embedderRef);
  t.is((await events.next()).value!.data.endpoints.length, 2);
  await served.controlPlane.remove({ namespace: 'feature-store', names: [], volumes: false });
  t.like((await events.next()).value!.data, { known: false, endpoints: [] });
});

test('a watcher by server-sent events has a snapshot in use once it was sent', async t => {
  const served = await serve(t);
  await apply(served);
  const [replica] = served.controlPlane.settle(embedderRef).replicas;
  const events = eventSource(served.http, '/v1/endpoints/feature-store/embedder');
  await events.next();
  await served.controlPlane.scale(embedderRef, 0);
  served.controlPlane.settle(embedderRef);
  await events.next();
  await until('confirmed', () => served.controlPlane.hub.withdrawalConfirmed(key, replica!.id));
  t.pass();
});

test('events resume after the last one that was seen, without gap or repetition', async t => {
  const served = await serve(t);
  for (let i = 1; i <= 5; i++) served.controlPlane.addEvent(embedderRef, 'replica.ready', `${i}`);
  const events = eventSource(served.http, '/v1/events?namespace=feature-store', { 'last-event-id': '2' });
  const seen: string[] = [];
  for (let i = 0; i < 3; i++) seen.push((await events.next()).value!.id!);
  served.controlPlane.addEvent({ namespace: 'other', name: 'x' }, 'replica.ready', 'not asked for');
  served.controlPlane.addEvent(embedderRef, 'replica.ready', '7');
  const last = (await events.next()).value!;
  seen.push(last.id!);
  t.deepEqual(seen, ['3', '4', '5', '7']);
  t.like(last, { event: 'event', data: { message: '7' } });
});

test('events that happen while the past is read are neither lost nor repeated', async t => {
  const served = await serve(t);
  const { controlPlane } = served;
  for (let i = 1; i <= 3; i++) controlPlane.addEvent(embedderRef, 'a', `${i}`);
  const read = controlPlane.pastEvents.bind(controlPlane);
  controlPlane.pastEvents = async query => {
    controlPlane.addEvent(embedderRef, 'a', '4');
    const past = await read(query);
    controlPlane.addEvent(embedderRef, 'a', '5');
    return past;
  };
  const events = eventSource(served.http, '/v1/events?past=2');
  const seen: string[] = [];
  while (seen.at(-1) !== '5') seen.push((await events.next()).value!.data.message);
  t.deepEqual(seen, ['3', '4', '5']);
});

test('an event stream without a past begins with what happens now', async t => {
  const served = await serve(t);
  served.controlPlane.addEvent(embedderRef, 'a', 'old');
  const events = eventSource(served.http, '/v1/events');
  const next = events.next();
  const response = await served.request('GET', '/v1/status');
  t.is(response.status, 200);
  await until('somebody listens', async () => {
    served.controlPlane.addEvent(embedderRef, 'a', 'new');
    return Promise.race([next.then(() => true), new Promise<boolean>(r => setImmediate(() => r(false)))]);
  });
  t.is((await next).value!.data.message, 'new');
});

test('an idle event stream is kept alive with comments', async t => {
  const served = await serve(t, { limits: { heartbeatMs: 20 } });
  const response = await served.http.request({
    origin: 'http://localhost',
    path: '/v1/events',
    method: 'GET',
    headers: { accept: 'text/event-stream' },
  });
  response.body.setEncoding('utf8');
  const [first] = (await once(response.body, 'data')) as [string];
  t.is(first, ':\n\n');
  response.body.destroy();
});

test('logs follow, and end when the client leaves', async t => {
  const served = await serve(t);
  await apply(served);
  const line = (text: string) => ({
    service: 'embedder',
    replicaId: 'r',
    stream: 'stdout' as const,
    timestamp: '',
    text,
  });
  served.controlPlane.addLogLine(line('one'));
  served.controlPlane.addLogLine(line('two'));
  const response = await served.http.request({
    origin: 'http://localhost',
    path: '/v1/logs/feature-store?names=embedder&tail=1&follow=true',
    method: 'GET',
  });
  t.is(response.headers['content-type'], 'application/x-ndjson');
  response.body.setEncoding('utf8');
  const lines = response.body[Symbol.asyncIterator]();
  t.is(JSON.parse((await lines.next()).value).text, 'two');
  served.controlPlane.addLogLine(line('three'));
  t.is(JSON.parse((await lines.next()).value).text, 'three');
  response.body.destroy();
  const metrics = () => served.request('GET', '/metrics');
  await until('the stream is closed', async () => (await metrics()).text.includes('outrigger_api_open_streams 0\n'));
  t.pass();
});

test('quiet logs answer at once and send when something is said', async t => {
  const served = await serve(t);
  await apply(served);
  const response = await served.http.request({
    origin: 'http://localhost',
    path: '/v1/logs/feature-store?follow=true',
    method: 'GET',
  });
  t.is(response.statusCode, 200);
  response.body.destroy();
});

test('logs of a service that does not exist are not found', async t => {
  const served = await serve(t);
  t.is((await served.request('GET', '/v1/logs/feature-store?names=nobody')).status, 404);
});

test('logs that break off say why in their last line', async t => {
  const served = await serve(t);
  await apply(served);
  served.controlPlane.logs = async function* () {
    yield { service: 'embedder', replicaId: 'r', stream: 'stdout', timestamp: '', text: 'one' };
    throw new TypeError('the engine went away');
  };
  const { text, status } = await served.request('GET', '/v1/logs/feature-store');
  t.is(status, 200);
  const lines = text
    .trim()
    .split('\n')
    .map(l => JSON.parse(l));
  t.is(lines[0].text, 'one');
  t.is(lines[1].error.code, 'internal');
});

test('a gRPC watch sends the newest snapshot and confirms withdrawals by its acknowledgements alone', async t => {
  const served = await serve(t);
  const { hub } = served.controlPlane;
  const { discovery } = grpcClients(t, `unix:${served.socket}`);
  const watch = discovery.watch();
  const snapshots = collect(watch);
  watch.write(subscription);
  t.like(await snapshots.next(), { known: false, epoch: 'epoch-1', namespace: 'feature-store', service: 'embedder' });
  await apply(served);
  await snapshots.next();
  const [replica] = served.controlPlane.settle(embedderRef).replicas;
  const two = await snapshots.next();
  t.is(two.endpoints.length, 2);
  t.deepEqual(
    two.endpoints[0]!.addresses.map(a => a.kind),
    ['NETWORK', 'PUBLISHED'],
  );
  watch.write({ acknowledgedVersion: two.version });
  await served.controlPlane.scale(embedderRef, 0);
  served.controlPlane.settle(embedderRef);
  const none = await snapshots.next();
  t.deepEqual(none.endpoints, []);
  t.false(hub.withdrawalConfirmed(key, replica!.id));
  watch.write({ acknowledgedVersion: none.version });
  await until('confirmed', () => hub.withdrawalConfirmed(key, replica!.id));
  watch.end();
  await until('the watcher is gone', () => hub.watcherCount() === 0);
});

for (const [what, message] of [
  ['an acknowledgement before the subscription', { acknowledgedVersion: 1 }],
  ['an empty message', {}],
  ['a name that cannot be', { subscribe: { namespace: 'a/b', service: '' } }],
] as const) {
  test(`a gRPC watch refuses ${what}`, async t => {
    const served = await serve(t);
    const { discovery } = grpcClients(t, `unix:${served.socket}`);
    const watch = discovery.watch();
    watch.write(message);
    watch.resume();
    const [error] = (await once(watch, 'error')) as [ServiceError];
    t.deepEqual(error.metadata.get('outrigger-code'), ['invalid_argument']);
    t.is(served.controlPlane.hub.watcherCount(), 0);
  });
}

test('a second subscription on one watch is refused', async t => {
  const served = await serve(t);
  const { discovery } = grpcClients(t, `unix:${served.socket}`);
  const watch = discovery.watch();
  watch.write(subscription);
  watch.write(subscription);
  watch.resume();
  const [error] = (await once(watch, 'error')) as [ServiceError];
  t.regex(error.details, /acknowledged_version/);
  await until('the watcher is gone', () => served.controlPlane.hub.watcherCount() === 0);
});

test('of two watches of a service with one client_id the earlier one is ended, and says why', async t => {
  const served = await serve(t);
  const { discovery } = grpcClients(t, `unix:${served.socket}`);
  const [earlier, later] = [discovery.watch(), discovery.watch()];
  const known = { subscribe: { ...subscription.subscribe, clientId: 'same' } };
  earlier.write(known);
  await collect(earlier).next();
  const ended = once(earlier, 'error');
  later.write(known);
  const snapshots = collect(later);
  await snapshots.next();
  const [error] = (await ended) as [ServiceError];
  t.deepEqual(error.metadata.get('outrigger-code'), ['conflict']);
  t.regex(error.details, /client_id/);
  await apply(served);
  t.like(await snapshots.next(), { known: true });
  await until('one is left', () => served.controlPlane.hub.watcherCount() === 1);
});

test('what a client says it uses is kept of replicas that the service has', async t => {
  const served = await serve(t);
  const { hub } = served.controlPlane;
  await apply(served);
  const [replica] = served.controlPlane.settle(embedderRef).replicas;
  const { discovery } = grpcClients(t, `unix:${served.socket}`);
  const watch = discovery.watch();
  const replicasInUse = [replica!.id, 'invented'];
  watch.write({ subscribe: { ...subscription.subscribe, clientId: 'liar', replicasInUse } });
  await collect(watch).next();
  hub.publish(new Set([key]), []);
  t.false(hub.withdrawalConfirmed(key, replica!.id));
  t.true(hub.withdrawalConfirmed(key, 'invented', { expectReturns: false }));
});

test('a watch that never says what to watch is ended', async t => {
  const served = await serve(t, { limits: { requestTimeoutMs: 50 } });
  const { discovery } = grpcClients(t, `unix:${served.socket}`);
  const watch = discovery.watch();
  watch.resume();
  const [error] = (await once(watch, 'error')) as [ServiceError];
  t.deepEqual(error.metadata.get('outrigger-code'), ['timeout']);
});

test('gRPC streams services, events and logs', async t => {
  const served = await serve(t);
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const services = control.watchServices({ namespace: '' });
  const lists = collect<ListServicesResponse__Output>(services);
  t.deepEqual((await lists.next()).services, []);
  await apply(served);
  t.is((await lists.next()).services[0]!.spec!.fields['image']!.stringValue, embedder.image);
  services.cancel();

  const past = await all(control.watchEvents({ past: 10 }));
  t.deepEqual(
    past.map(e => e.type),
    ['service.applied'],
  );
  const following = control.watchEvents({ follow: true, afterSequence: 1 });
  const events = collect(following);
  served.controlPlane.addEvent(embedderRef, 'replica.ready', 'now');
  t.is((await events.next()).message, 'now');
  following.cancel();

  served.controlPlane.addLogLine({ service: 'embedder', replicaId: 'r', stream: 'stderr', timestamp: '', text: 'one' });
  t.deepEqual(
    (await all(control.logs({ namespace: 'feature-store' }))).map(l => l.text),
    ['one'],
  );
  await until('all streams have ended', () => served.controlPlane.changeListeners === 0);
});

test('closing ends streams and lets a request under way finish', async t => {
  const served = await serve(t);
  const { control, discovery } = grpcClients(t, `unix:${served.socket}`);
  const watch = discovery.watch();
  watch.write(subscription);
  const ended = once(watch, 'error');
  watch.resume();
  await until('it watches', () => served.controlPlane.hub.watcherCount() === 1);
  const events = eventSource(served.http, '/v1/services');
  await events.next();

  const release = Promise.withResolvers<void>();
  let started = 0;
  const scale = served.controlPlane.scale.bind(served.controlPlane);
  await apply(served);
  served.controlPlane.scale = async (ref, replicas) => {
    started++;
    await release.promise;
    return scale(ref, replicas);
  };
  const http = served.request('POST', '/v1/services/feature-store/embedder/scale', { body: { replicas: 1 } });
  const grpc = new Promise((resolve, reject) => {
    control.scale({ service: embedderRef, replicas: 1 }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  await until('both are under way', () => started === 2);
  const closed = served.api.close(AbortSignal.timeout(20_000));
  t.is(((await ended) as [ServiceError])[0].code, status.UNAVAILABLE);
  while (!(await events.next()).done);
  release.resolve();
  t.is((await http).status, 200);
  t.like(await grpc, { wantedReplicas: 1 });
  await closed;
  t.is(served.controlPlane.hub.watcherCount(), 0);
});

test('closing does not wait for those who say nothing once its time is up', async t => {
  const served = await serve(t);
  served.controlPlane.scale = () => new Promise(() => {});
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const http = served.request('POST', '/v1/services/feature-store/embedder/scale', { body: { replicas: 1 } });
  const grpc = new Promise((resolve, reject) => {
    control.scale({ service: embedderRef, replicas: 1 }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  const refused = [t.throwsAsync(http), t.throwsAsync(grpc)];
  await served.request('GET', '/healthz');
  await served.api.close(AbortSignal.timeout(100));
  await Promise.all(refused);
});

/** Messages of a stream, one after the other. */
function collect<T = Snapshot__Output>(stream: ClientReadableStream<T> | ClientDuplexStream<never, T>) {
  const iterator = (stream as AsyncIterable<T>)[Symbol.asyncIterator]();
  stream.on('error', () => {});
  return { next: async () => (await iterator.next()).value as T };
}

async function all<T>(stream: ClientReadableStream<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream as AsyncIterable<T>) messages.push(message);
  return messages;
}
