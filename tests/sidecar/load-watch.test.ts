import test, { type ExecutionContext } from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { advanceUntil, owned, report, sidecarOf } from './scene.ts';
import { httpServer, orcaServer } from './servers.ts';
import { probeTarget } from './targets.ts';

test('the load of an HTTP model server is read from its metrics', async t => {
  const server = await owned(
    t,
    httpServer((request, response) => {
      if (request.url !== '/metrics') return void response.end('ok');
      response.end('# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running{model_name="m"} 3.0\n');
    }),
  );
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  sidecar.target([probeTarget({ protocol: 'http', port: server.port })]);
  await until('load known', () => report(sidecar).load?.inFlight === 3);
  t.pass();
});

test('while others may still be starting, what has just started is not asked for its load', async t => {
  const asked: (string | undefined)[] = [];
  const server = await owned(
    t,
    httpServer((request, response) => {
      asked.push(request.url);
      response.end('vllm:num_requests_running 3\n');
    }),
  );
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const known = probeTarget({ protocol: 'http', port: server.port }, { startedAt: clock.now() });
  sidecar.target([known]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  await clock.advance(1_000);
  t.deepEqual(new Set(asked), new Set(['/']));
  await advanceUntil(clock, 'asked later', () => report(sidecar).load?.inFlight === 3);

  const again = sidecarOf(t, { clock });
  again.target([{ ...known, resume: true }]);
  await until('asked at once', () => report(again).load?.inFlight === 3);
});

/** Answers everybody, and with these metrics; null: they cannot be read. */
function metricsServer(t: ExecutionContext, metrics: () => string | null) {
  const server = httpServer((request, response) => {
    if (request.url !== '/metrics') return void response.end('ok');
    const text = metrics();
    if (text === null) response.writeHead(500).end();
    else response.end(text);
  });
  return owned(t, server);
}

test('a load that can no longer be read is not reported any more', async t => {
  let text: string | null = 'vllm:num_requests_running 3\n';
  const server = await metricsServer(t, () => text);
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  sidecar.target([probeTarget({ protocol: 'http', port: server.port }, { startedAt: clock.now() })]);
  await advanceUntil(clock, 'load known', () => report(sidecar).load?.inFlight === 3);
  text = null;
  await advanceUntil(clock, 'unknown again', () => report(sidecar).load?.inFlight === undefined);
  t.is(report(sidecar).readiness, 'passing');
});

test('a gRPC server tells its load itself, and when its reports end so does the load', async t => {
  const server = await owned(t, orcaServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  sidecar.target([probeTarget({ protocol: 'grpc', port: server.port })]);
  await until('reports are asked for', () => server.streams() === 1);
  t.is(report(sidecar).readiness, 'passing');
  server.tell({ running: 2, queued: 3 });
  await until('5 in flight', () => report(sidecar).load?.inFlight === 5);
  server.tell({ running: 0, queued: 0 });
  await until('none in flight', () => report(sidecar).load?.inFlight === 0);
  server.tell({ cores: 8 });
  server.endStreams();
  await until('unknown', () => report(sidecar).load?.inFlight === undefined);
  await until('asked again', () => server.streams() === 1);
});

test('calls that are over before anybody looks are no idleness, and without a count it is not known', async t => {
  const server = await owned(t, orcaServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  sidecar.target([probeTarget({ protocol: 'grpc', port: server.port })]);
  await until('reports are asked for', () => server.streams() === 1);
  const load = () => report(sidecar).load;
  const tell = async (metrics: Record<string, number>) => {
    const at = load()?.at;
    // The clock of a reading has milliseconds: the next one is told apart by a later one.
    await until('time goes on', () => at === undefined || Date.now() > at + 1);
    server.tell(metrics);
    await until('read', () => load() !== undefined && load()?.at !== at);
    return load();
  };
  t.is((await tell({ running: 0, queued: 0 }))?.idleSince, undefined);
  const first = await tell({ running: 0, queued: 0, received: 7 });
  t.is(first?.idleSince, first?.at);
  t.is((await tell({ running: 0, queued: 0, received: 7 }))?.idleSince, first?.at);
  const later = await tell({ running: 0, queued: 0, received: 57 });
  t.is(later?.idleSince, later?.at, 'fifty came and went');
  t.is((await tell({ running: 1, queued: 0, received: 58 }))?.idleSince, null);
});

test('a replica is idle since the first of the readings that all found nothing in flight', async t => {
  const counted = 'vllm:request_success_total 9\n';
  let text: string | null = `vllm:num_requests_running 0\n${counted}`;
  const server = await metricsServer(t, () => text);
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock, random: () => 0.5 });
  sidecar.target([probeTarget({ protocol: 'http', port: server.port }, { startedAt: clock.now() })]);
  const load = () => report(sidecar).load;

  await advanceUntil(clock, 'idle', () => typeof load()?.idleSince === 'number');
  const first = load()!.at;
  await advanceUntil(clock, 'read again', () => (load()?.at ?? 0) > first);
  t.is(load()?.idleSince, first, 'a later reading of nothing does not begin anew');

  text = `vllm:num_requests_running 1\n${counted}`;
  await advanceUntil(clock, 'busy', () => load()?.inFlight === 1);
  t.is(load()?.idleSince, null);

  text = `vllm:num_requests_running 0\n${counted}`;
  await advanceUntil(clock, 'idle anew', () => load()?.inFlight === 0);
  const second = load()!.idleSince!;
  t.true(second > first);

  text = null;
  await advanceUntil(clock, 'not known', () => load() === undefined);
  await clock.advance(59_000); // what has no load to tell is asked once a minute
  text = `vllm:num_requests_running 0\n${counted}`;
  await advanceUntil(clock, 'known again', () => load() !== undefined);
  t.true(load()!.idleSince! > second, 'what it did meanwhile is not known');
});
