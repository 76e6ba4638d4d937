import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { advanceUntil, CONTAINER, GRPC, owned, report, sidecarOf, TCP } from './scene.ts';
import { freePort, healthServer, httpServer, tcpServer } from './servers.ts';
import { probeTarget } from './targets.ts';

test('without any probe a container is started and ready at once', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  sidecar.target([probeTarget({})]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.like(report(sidecar), { startup: 'passed', warmup: 'done', liveness: 'unknown' });
  await sidecar.close();
  t.is(clock.waiting, 0);
});

test('a replica that begins to listen late is found: refused before, then started, ready and alive by one answer', async t => {
  const port = await freePort();
  const clock = createSteadyClock();
  const sidecar = sidecarOf(t, { clock });
  sidecar.target([probeTarget({ protocol: 'grpc', port })]);
  await until('refused', () => /connection refused/.test(report(sidecar).message ?? ''));
  t.like(report(sidecar), { startup: 'pending', readiness: 'unknown' });
  await owned(t, healthServer({ port }));
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.deepEqual(report(sidecar), {
    containerId: 'container-1',
    startup: 'passed',
    warmup: 'done',
    readiness: 'passing',
    liveness: 'passing',
    loadUnread: true,
  });
});

test('a port that refuses for long is asked about', async t => {
  const port = await freePort();
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const startedAt = clock.now() - 2_500;
  sidecar.target([probeTarget({ protocol: 'http', port }, { startedAt })]);
  await until('refused', () => /nothing listens there yet$/.test(report(sidecar).message ?? ''));
  await advanceUntil(clock, 'asked about', () =>
    /yet; is x-outrigger\.port right\?$/.test(report(sidecar).message ?? ''),
  );
  t.true(clock.now() - startedAt >= 3_000);
  t.is(report(sidecar).startup, 'pending');
});

test('a server that answers 503 while it loads is started, ready and alive by its first other answer', async t => {
  let isLoaded = false;
  let asked = 0;
  const server = await owned(
    t,
    httpServer((_, response) => {
      asked++;
      response.writeHead(isLoaded ? 404 : 503).end();
    }),
  );
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  sidecar.target([probeTarget({ protocol: 'http', port: server.port })]);
  await until('told not now', () => /status 503 \(not now\)/.test(report(sidecar).message ?? ''));
  await until('asked again', () => asked > 2);
  t.like(report(sidecar), { startup: 'pending', readiness: 'unknown', liveness: 'unknown' });
  isLoaded = true;
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.like(report(sidecar), { startup: 'passed', liveness: 'passing' });
});

test('while it starts, a container is asked after 10 ms, then ever more slowly, at most every 500 ms', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  sidecar.target([probeTarget({ probes: { startup: { check: CONTAINER } } }, { startedAt: clock.now() })]);
  await clock.advance(0);
  const gaps: number[] = [];
  for (let at = clock.now(); gaps.length < 14; at = clock.now()) {
    await clock.advance((clock.nextAt() ?? 0) - at);
    gaps.push(clock.now() - at);
  }
  t.is(gaps[0], 10);
  t.is(gaps[1], 15);
  t.true(gaps.every((gap, i) => i === 0 || gap >= gaps[i - 1]!));
  t.is(gaps.at(-1), 500);
  await sidecar.close();
  t.is(clock.waiting, 0);
});

test('a start that never passes fails at its deadline, with the last answer, and is asked no more', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const startup = { check: CONTAINER, deadlineMs: 60_000 };
  sidecar.target([probeTarget({ probes: { startup } }, { startedAt: clock.now(), containerHealth: 'starting' })]);
  await clock.advance(59_000);
  t.is(report(sidecar).startup, 'pending');
  await clock.advance(2_000);
  t.is(report(sidecar).startup, 'failed');
  t.regex(report(sidecar).message!, /not started 60000 ms after its container: .*has not passed yet/);
  t.is(clock.waiting, 0);
  await sidecar.close();
});

test('a deadline that passed while nobody asked does not fail a container that answers', async t => {
  const server = await owned(t, healthServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  const startup = { check: GRPC, deadlineMs: 1_000 };
  sidecar.target([probeTarget({ port: server.port, probes: { startup } }, { startedAt: Date.now() - 3_600_000 })]);
  await until('started', () => report(sidecar).startup === 'passed');
  t.pass();
});

test('news of the healthcheck are acted upon at once', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const spec = { probes: { startup: { check: CONTAINER }, readiness: { check: CONTAINER, failures: 1 } } };
  sidecar.target([probeTarget(spec, { containerHealth: 'starting', startedAt: clock.now() })]);
  await clock.advance(30_000);
  t.is(report(sidecar).startup, 'pending');
  sidecar.target([probeTarget(spec, { containerHealth: 'healthy', startedAt: clock.now() })]);
  await clock.advance(0);
  t.like(report(sidecar), { startup: 'passed', readiness: 'passing' });
  sidecar.target([probeTarget(spec, { containerHealth: 'unhealthy', startedAt: clock.now() })]);
  await clock.advance(0);
  t.is(report(sidecar).readiness, 'failing');
  sidecar.target([probeTarget(spec, { containerHealth: 'healthy', startedAt: clock.now() })]);
  await clock.advance(0);
  t.is(report(sidecar).readiness, 'passing');
  t.is(report(sidecar).message, undefined);
  await sidecar.close();
});

test('a start whose deadline runs out while its node is cut off has not failed; one that is late in reach has', async t => {
  const server = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock, random: () => 0.5 });
  const startup = { check: GRPC, timeoutMs: 1_000, deadlineMs: 10_000 };
  const startedAt = clock.now();
  const spec = { protocol: 'grpc', port: server.port, probes: { startup } } as const;
  const heard = (heardFrom: number | null) => sidecar.target([probeTarget(spec, { startedAt, heardFrom })]);
  const answered = () => report(sidecar).doubtedSince !== undefined && heard(clock.now() + 1);
  heard(clock.now());
  server.behave({ kind: 'hang' });

  await clock.advance(9_000);
  t.is(report(sidecar).doubtedSince, undefined, 'before its deadline nobody has to know why it fails');
  await clock.advance(60_000);
  t.is(typeof report(sidecar).doubtedSince, 'number', 'the engine has not been heard since');
  t.is(report(sidecar).startup, 'pending');

  // The cut is over before the engine answers: what failed in it counts once at most.
  answered();
  heard(null);
  await clock.advance(60_000);
  t.is(report(sidecar).startup, 'pending', 'the engine is silent');
  heard(clock.now());
  t.is(report(sidecar).startup, 'pending', 'what failed before and during the silence is over');

  const from = clock.now();
  await advanceUntil(clock, 'late', () => {
    answered();
    return report(sidecar).startup === 'failed';
  });
  t.true(clock.now() - from <= 10_000);
  t.regex(report(sidecar).message!, /not started 10000 ms after its container/);
});

test('a resumed replica is neither started up nor warmed again', async t => {
  const asked: string[] = [];
  const server = await owned(
    t,
    httpServer((request, response) => {
      asked.push(request.url!);
      response.end('ok');
    }),
  );
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  const spec = {
    protocol: 'http' as const,
    port: server.port,
    warmup: { http: { path: '/warm' } },
    probes: {
      startup: { check: { kind: 'http' as const, path: '/started' } },
      readiness: { check: { kind: 'http' as const, path: '/ready' } },
    },
  };
  sidecar.target([probeTarget(spec, { resume: true })]);
  t.like(report(sidecar), { startup: 'passed', warmup: 'done', readiness: 'unknown' });
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.false(asked.includes('/warm'));
  t.false(asked.includes('/started'));
});

test('TCP probes hold for services of other protocols', async t => {
  const server = await owned(t, tcpServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  sidecar.target([probeTarget({ protocol: 'tcp', port: server.port, probes: { startup: { check: TCP } } })]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.pass();
});
