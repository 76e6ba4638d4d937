import test, { type ExecutionContext } from 'ava';
import { controlAddress } from '../../client/control-address.ts';
import { type DiscoveryError, InFlight, type Resolution, resolve, watch } from '../../client/index.ts';
import { parseServiceRef } from '../../client/service-ref.ts';
import { watchOf } from '../../client/watches.ts';
import { until } from '../until.ts';
import { publish, SERVICE, TestControlPlane } from './control-plane.ts';
import { EchoClient, startReplica } from './replicas.ts';

/** The process's watch on a service, held open, so that the test knows what is known. */
function watched(t: ExecutionContext, address: string, service: string) {
  const shared = watchOf(controlAddress({}, address), parseServiceRef(service));
  t.teardown(shared.subscribe(() => undefined));
  return shared;
}

test('resolve gives the ready replicas, each with the address to call it by', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1234 }]);
  const { endpoints, current } = await resolve(SERVICE, { address: control.address });
  t.like(endpoints[0], { replicaId: 'a', host: '127.0.0.1', port: 1234 });
  t.true(current);
  await until('the watch is closed again', () => control.hub.watcherCount() === 0);
});

test('resolve waits for the first replica', async t => {
  const control = await TestControlPlane.start(t);
  const early = resolve(SERVICE, { address: control.address });
  await until('it watches', () => control.hub.watcherCount() === 1);
  publish(control.hub, []);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  t.is((await early).endpoints.length, 1);
});

test('resolve ends at its deadline with what is the matter', async t => {
  const control = await TestControlPlane.start(t);
  const { address } = control;
  const options = { address, timeoutMs: 20 };
  const known = watched(t, address, SERVICE);
  await until('answered', () => known.state.connection.kind === 'current');
  await t.throwsAsync(resolve(SERVICE, options), {
    code: 'not_found',
    message: /no service shop\/embedder\. See `outrigger ps`/,
  });
  publish(control.hub, []);
  await until('it is known', () => known.state.snapshot?.known === true);
  await t.throwsAsync(resolve(SERVICE, options), { code: 'timeout', message: /No replica of shop\/embedder/ });
  await control.kill();
  const other = watched(t, address, 'shop/other');
  await until('refused', () => other.state.connection.kind === 'lost');
  const away = await t.throwsAsync<DiscoveryError>(resolve('shop/other', options), {
    code: 'unavailable',
    message: /No control plane at/,
  });
  t.is(away.next, 'Check the address and that the control plane runs there.');
  t.is(away.message, `${away.problem} ${away.next}`);
});

test('resolve can be given up', async t => {
  const control = await TestControlPlane.start(t);
  const abort = new AbortController();
  const resolution = resolve(SERVICE, { address: control.address, signal: abort.signal });
  abort.abort(new Error('no longer needed'));
  await t.throwsAsync(resolution, { message: 'no longer needed' });
  await until('nobody watches', () => control.hub.watcherCount() === 0);
});

test('watch tells each change, and whether the control plane still says so', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  const told: Resolution[] = [];
  const watching = watch(SERVICE, resolution => told.push(resolution), { address: control.address });
  await until('a', () => told.at(-1)?.endpoints[0]?.replicaId === 'a');
  publish(control.hub, [{ id: 'b', port: 2 }]);
  await until('b', () => told.at(-1)?.endpoints[0]?.replicaId === 'b');
  await control.kill();
  await until('not current', () => told.at(-1)?.current === false);
  t.is(told.at(-1)!.endpoints[0]!.replicaId, 'b');
  await control.start(hub => publish(hub, [{ id: 'b', port: 2 }]));
  await until('current again', () => told.at(-1)?.current === true);
  watching.close();
  await until('nobody watches', () => control.hub.watcherCount() === 0);
});

test('a second watcher hears at once what the first already knows', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  const { address } = control;
  const first = watch(SERVICE, () => undefined, { address });
  const abort = new AbortController();
  const told: Resolution[] = [];
  watch(SERVICE, resolution => told.push(resolution), { address, signal: abort.signal });
  await until('told', () => told.length > 0);
  t.is(control.hub.watcherCount(), 1);
  abort.abort();
  first.close();
  await until('nobody watches', () => control.hub.watcherCount() === 0);
});

test('calls of a grpc-js client are waited for by its interceptor', async t => {
  const control = await TestControlPlane.start(t);
  const a = await startReplica(t, 'a');
  publish(control.hub, [a]);
  const inFlight = new InFlight();
  const client = new EchoClient(t, `outrigger://${control.address}/${SERVICE}`, {
    interceptors: [inFlight.interceptor],
  });
  await client.echo();
  t.is(inFlight.count, 0);
  await inFlight.quiesce();
  a.hold();
  const failing = client.echo('x', 2_000);
  await until('it runs', () => a.held() === 1);
  t.is(inFlight.count, 1);
  await t.throwsAsync(inFlight.quiesce({ timeoutMs: 20 }), { code: 'timeout', message: /1 calls still run/ });
  const quiet = inFlight.quiesce();
  await t.throwsAsync(failing, { message: /DEADLINE_EXCEEDED/ });
  await quiet;
  t.is(inFlight.count, 0);
});
