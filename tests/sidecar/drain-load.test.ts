import test, { type ExecutionContext } from 'ava';
import type { ProbeReport } from '../../control-plane/core/observed.ts';
import { createSidecar } from '../../sidecar/index.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { healthServer, httpServer, orcaServer } from './servers.ts';
import { probeTarget } from './targets.ts';

/** A replica that has just become ready, on a clock that stands still; `withdraw` tells that everybody let go of it. */
async function justReady(
  t: ExecutionContext,
  protocol: 'grpc' | 'http',
  port: number,
): Promise<{ clock: VirtualClock; report: () => ProbeReport; withdraw: () => void }> {
  const clock = new VirtualClock();
  const sidecar = createSidecar({ clock });
  t.teardown(() => sidecar.close());
  const target = probeTarget({ protocol, port }, { startedAt: clock.now() });
  sidecar.target([target]);
  const report = () => sidecar.reports().get(target.containerId)!;
  await until('ready', () => report().readiness === 'passing');
  return { clock, report, withdraw: () => sidecar.target([{ ...target, withdrawn: true }]) };
}

test('what drains before anybody asked for its load is asked at once', async t => {
  const server = await httpServer((_, response) => response.end('vllm:num_requests_running 3\n'));
  t.teardown(() => server.close());
  const { clock, report, withdraw } = await justReady(t, 'http', server.port);
  t.is(report().loadUnread, true);
  t.is(report().load, undefined);
  withdraw();
  await until('load known', () => report().load?.inFlight === 3);
  t.is(report().load?.at, clock.now(), 'no time passed');
  t.is(report().loadUnread, undefined);
});

test('a load that is known is read anew when everybody let go', async t => {
  let running = 0;
  const server = await httpServer((_, response) => response.end(`vllm:num_requests_running ${running}\n`));
  t.teardown(() => server.close());
  const { clock, report, withdraw } = await justReady(t, 'http', server.port);
  await until('load known', async () => {
    await clock.advance(10);
    return report().load?.inFlight === 0;
  });
  running = 1;
  withdraw();
  await until('read anew', () => report().load?.inFlight === 1);
  t.is(typeof report().load?.at, 'number');
});

test('a gRPC server that drains early is asked for its reports at once', async t => {
  const server = await orcaServer();
  t.teardown(() => server.close());
  const { report, withdraw } = await justReady(t, 'grpc', server.port);
  t.is(server.streams(), 0);
  withdraw();
  await until('asked', () => server.streams() === 1);
  t.is(report().loadUnread, true);
  server.tell({ running: 1, queued: 1 });
  await until('load known', () => report().load?.inFlight === 2 && report().loadUnread === undefined);
});

test('of one that has no load to tell, that is known once it was asked', async t => {
  const metricless = await httpServer((_, response) => response.end('ok'));
  t.teardown(() => metricless.close());
  const health = await healthServer();
  t.teardown(() => health.close());
  for (const [protocol, port] of [
    ['http', metricless.port],
    ['grpc', health.port],
  ] as const) {
    const { report, withdraw } = await justReady(t, protocol, port);
    t.is(report().loadUnread, true, protocol);
    withdraw();
    await until('known to tell none', () => report().loadUnread === undefined);
    t.is(report().load, undefined, protocol);
  }
});
