import test from 'ava';
import { Balancer } from '../../client/balancer.ts';
import { httpServer, tcpServer } from '../sidecar/servers.ts';
import { until } from '../until.ts';
import { publish, SERVICE, TestControlPlane } from './control-plane.ts';

const signal = new AbortController().signal;
const all = { waitMs: 30_000, avoid: new Set<string>(), signal };

test('another container at the same address is given connections of its own', async t => {
  const control = await TestControlPlane.start(t);
  const server = await httpServer((_, response) => void response.end('ok'));
  t.teardown(() => server.close());
  publish(control.hub, [{ id: 'before', port: server.port }]);
  const balancer = new Balancer(SERVICE, { address: control.address });
  t.teardown(() => balancer.destroy(new Error('the test ended')));
  const before = await balancer.choose(all);
  before.release();
  publish(control.hub, [{ id: 'after', port: server.port }]);
  await until('the change is confirmed', () => control.hub.withdrawalConfirmed(SERVICE, 'before'));
  const after = await balancer.choose(all);
  t.is(after.origin, before.origin);
  t.not(after.dispatcher, before.dispatcher);
  await t.throwsAsync(before.dispatcher.request({ path: '/', method: 'GET' }), { code: 'UND_ERR_DESTROYED' });
  const { statusCode, body } = await after.dispatcher.request({ path: '/', method: 'GET' });
  await body.dump();
  t.is(statusCode, 200);
});

test('whoever was tried is avoided while there is another, though that has more to do', async t => {
  const control = await TestControlPlane.start(t);
  const servers = [await tcpServer(), await tcpServer()];
  for (const server of servers) t.teardown(() => server.close());
  publish(
    control.hub,
    servers.map(({ port }, i) => ({ id: `r${i}`, port })),
  );
  const balancer = new Balancer(SERVICE, { address: control.address });
  t.teardown(() => balancer.destroy(new Error('the test ended')));
  const tried = (await balancer.choose(all)).origin;
  const avoid = new Set([tried]);
  for (let i = 0; i < 5; i++) t.not((await balancer.choose({ ...all, avoid })).origin, tried);
  const both = new Set(servers.map(({ port }) => `http://127.0.0.1:${port}`));
  t.true(both.has((await balancer.choose({ ...all, avoid: both })).origin), 'where all were tried, one of them');
});

test('ten thousand requests may wait for a first replica, and the next one is told so', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, []);
  const balancer = new Balancer(SERVICE, { address: control.address });
  const waiting = Array.from({ length: 10_000 }, () =>
    balancer.choose({ ...all, signal: new AbortController().signal }).then(
      () => 'chosen',
      () => 'closed',
    ),
  );
  await t.throwsAsync(balancer.choose(all), { message: /10000 requests already wait for a replica/ });
  await balancer.close();
  t.deepEqual(new Set(await Promise.all(waiting)), new Set(['closed']));
});
