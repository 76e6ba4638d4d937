import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { parseControlAddress } from '../../client/control-address.ts';
import { ServiceWatch, type WatchState, type WatchTiming } from '../../client/service-watch.ts';
import { tcpServer } from '../sidecar/servers.ts';
import { until } from '../until.ts';
import { publish, SERVICE, TestControlPlane } from './control-plane.ts';

const NAME = { namespace: 'shop', service: 'embedder' };
const FAST: WatchTiming = { firstRetryMs: 5, longestRetryMs: 20, unknownGraceMs: 60_000 };

function watching(address: string, timing: Partial<WatchTiming> = {}) {
  const watch = new ServiceWatch(parseControlAddress(address), NAME, { ...FAST, ...timing });
  const states: WatchState[] = [];
  const close = watch.subscribe(state => states.push(state));
  const replicas = () => watch.state.snapshot?.endpoints.map(e => e.replicaId);
  return { watch, states, close, replicas, kind: () => watch.state.connection.kind };
}

test('the newest snapshot is handed out with every address, and acknowledged', async t => {
  const control = await TestControlPlane.start(t);
  const { close, watch, replicas } = watching(control.address);
  t.teardown(close);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  await until('a is there', () => replicas()?.[0] === 'a');
  t.deepEqual(watch.state.snapshot!.endpoints[0]!.addresses, [{ kind: 'published', host: '127.0.0.1', port: 1 }]);
  publish(control.hub, []);
  await until('acknowledged', () => control.hub.withdrawalConfirmed(SERVICE, 'a'));
  t.deepEqual(replicas(), []);
});

test('with the control plane gone the last good set stays, and its return is found', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  const { close, replicas, kind } = watching(control.address);
  t.teardown(close);
  await until('current', () => kind() === 'current');
  await control.kill();
  await until('lost', () => kind() === 'lost');
  t.deepEqual(replicas(), ['a']);
  await control.start(hub => publish(hub, [{ id: 'b', port: 2 }]));
  await until('b is there', () => replicas()?.[0] === 'b');
  t.is(kind(), 'current');
});

test('a restarted control plane that does not know the service yet does not empty a good set', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  const { close, replicas, states } = watching(control.address);
  t.teardown(close);
  await until('a is there', () => replicas()?.[0] === 'a');
  await control.kill();
  await control.start();
  await until('it watches again', () => control.hub.watcherCount() === 1);
  publish(control.hub, [{ id: 'b', port: 2 }]);
  await until('b is there', () => replicas()?.[0] === 'b');
  t.false(states.some(state => state.snapshot?.known === false));
});

test('one that still does not know it after the grace is believed', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  const { close, watch, replicas } = watching(control.address, { unknownGraceMs: 30 });
  t.teardown(close);
  await until('a is there', () => replicas()?.[0] === 'a');
  await control.kill();
  await control.start();
  await until('unknown', () => watch.state.snapshot?.known === false);
  t.deepEqual(replicas(), []);
});

test('a service that is deleted while it is watched is gone at once', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  const { close, watch, replicas } = watching(control.address);
  t.teardown(close);
  await until('a is there', () => replicas()?.[0] === 'a');
  control.hub.publish(new Set(), []);
  await until('unknown', () => watch.state.snapshot?.known === false);
  t.pass();
});

test('a restarted control plane with an empty set is believed: it reads its state before it listens', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  const { close, replicas } = watching(control.address);
  t.teardown(close);
  await until('a is there', () => replicas()?.[0] === 'a');
  await control.kill();
  await control.start(hub => publish(hub, []));
  await until('empty', () => replicas()?.length === 0);
  t.pass();
});

for (const [what, speak] of Object.entries({
  'an HTTP/1.1 server': 'HTTP/1.1 400 Bad Request\r\n\r\n',
  garbage: '\u0000\u0001\u0002 no protocol at all',
})) {
  test(`${what} at the address is a lost control plane, in words, and is tried again`, async t => {
    const server = await tcpServer(socket => void socket.on('data', () => socket.end(speak)));
    t.teardown(() => server.close());
    const { close, watch } = watching(`127.0.0.1:${server.port}`);
    t.teardown(close);
    await until('tried thrice', () => server.accepted() >= 3);
    const { connection } = watch.state;
    t.regex(
      connection.kind === 'lost' ? connection.error.message : '',
      /No control plane at http:\/\/127\.0\.0\.1:\d+: .+ Check/,
    );
  });
}

test('whoever waits hurries the next try, and does not put off the one that is due', async t => {
  const server = await tcpServer(socket => socket.destroy());
  t.teardown(() => server.close());
  const { close, watch } = watching(`127.0.0.1:${server.port}`, { firstRetryMs: 20, longestRetryMs: 3_600_000 });
  t.teardown(close);
  const impatience = setInterval(() => watch.hurry(), 1);
  t.teardown(() => clearInterval(impatience));
  // By itself it would come to the twentieth try after hours.
  await until('tried twenty times', () => server.accepted() >= 20, { deadlineMs: 30_000 });
  t.pass();
});

test('an answer that promises more than any snapshot has is no snapshot', async t => {
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(16 * 1024 * 1024 + 1, 1);
  const server = createServer();
  server.on('sessionError', () => {});
  server.on('stream', stream => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.write(frame);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => void server.close());
  const { close, watch } = watching(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.teardown(close);
  const problem = () => (watch.state.connection.kind === 'lost' ? watch.state.connection.error.message : '');
  await until('it says so', () => problem().includes('the answer is not a snapshot'), { deadlineMs: 20_000 });
  t.pass();
});

test('the end of the last subscription ends the watch; what it knew is kept', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [{ id: 'a', port: 1 }]);
  const { close, watch, replicas } = watching(control.address);
  const second = watch.subscribe(() => undefined);
  await until('a is there', () => replicas()?.[0] === 'a');
  close();
  t.is(control.hub.watcherCount(), 1);
  second();
  await until('nobody watches', () => control.hub.watcherCount() === 0);
  t.is(watch.state.connection.kind, 'idle');
  t.deepEqual(replicas(), ['a']);
});
