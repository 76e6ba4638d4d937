import test, { type ExecutionContext } from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import type { ProbeReport } from '../../control-plane/core/observed.ts';
import type { ProbeTarget, Sidecar } from '../../control-plane/ports.ts';
import { createSidecar, type SidecarOptions } from '../../sidecar/index.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { freePort, healthServer, httpServer, orcaServer, tcpServer } from './servers.ts';
import { probeTarget } from './targets.ts';

const GRPC = { kind: 'grpc' } as const;
const TCP = { kind: 'tcp' } as const;
const CONTAINER = { kind: 'container' } as const;

function report(sidecar: Sidecar, containerId = 'container-1'): ProbeReport {
  const found = sidecar.reports().get(containerId);
  if (!found) throw new Error(`no report of ${containerId}`);
  return found;
}

/** Closed when the test ends, however it ends. */
function sidecarOf(t: ExecutionContext, options: SidecarOptions): Sidecar {
  const sidecar = createSidecar(options);
  t.teardown(() => sidecar.close());
  return sidecar;
}

async function owned<T extends { close(): Promise<void> }>(t: ExecutionContext, starting: Promise<T>): Promise<T> {
  const server = await starting;
  t.teardown(() => server.close());
  return server;
}

/** Lets virtual time pass in small steps, with real time between them for the sockets, until it is so. */
async function advanceUntil(clock: VirtualClock, what: string, condition: () => boolean): Promise<void> {
  const advanced = async () => {
    if (condition()) return true;
    await clock.advance(10);
    return condition();
  };
  await until(what, advanced, { pauseMs: 1 });
}

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

test('with default probes a replica that hangs is out within 5 s, and back as soon as it answers', async t => {
  for (const random of [0, 0.999]) {
    const server = await owned(t, healthServer());
    const clock = new VirtualClock();
    const sidecar = sidecarOf(t, { clock, random: () => random });
    sidecar.target([probeTarget({ protocol: 'grpc', port: server.port }, { startedAt: clock.now() })]);
    await until('ready', () => report(sidecar).readiness === 'passing');
    server.behave({ kind: 'hang' });
    await clock.advance(5_000);
    t.is(report(sidecar).readiness, 'failing');
    t.regex(report(sidecar).message!, /no answer within 1000 ms/);
    t.is(report(sidecar).startup, 'passed');
    server.behave({ kind: 'status', status: 'SERVING' });
    await advanceUntil(clock, 'ready again', () => report(sidecar).readiness === 'passing');
    await sidecar.close();
    await server.close();
    t.is(clock.waiting, 0);
  }
});

test('liveness fails later than readiness and by its own count, and mends itself', async t => {
  const server = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock, random: () => 0.5 });
  const liveness = { check: GRPC, intervalMs: 5_000, timeoutMs: 1_000, failures: 3 };
  sidecar.target([
    probeTarget({ protocol: 'grpc', port: server.port, probes: { liveness } }, { startedAt: clock.now() }),
  ]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  server.behave({ kind: 'hang' });
  await clock.advance(12_000);
  t.is(report(sidecar).readiness, 'failing');
  t.not(report(sidecar).liveness, 'failing');
  await clock.advance(7_000);
  t.is(report(sidecar).liveness, 'failing');
  server.behave({ kind: 'status', status: 'SERVING' });
  await advanceUntil(clock, 'alive again', () => report(sidecar).liveness === 'passing');
});

test('where its node is cut off, a container fails no liveness probe that counts; hung in reach, it does', async t => {
  const server = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock, random: () => 0.5 });
  const liveness = { check: GRPC, intervalMs: 5_000, timeoutMs: 1_000, failures: 3 };
  const startedAt = clock.now();
  const spec = { protocol: 'grpc', port: server.port, probes: { liveness } } as const;
  const heard = (heardFrom: number | null) => sidecar.target([probeTarget(spec, { startedAt, heardFrom })]);
  heard(clock.now());
  await until('ready', () => report(sidecar).readiness === 'passing');

  // Too short to be noticed by the engine's own listings: all of these fail, and one is asked about.
  server.behave({ kind: 'hang' });
  await clock.advance(20_000);
  t.is(typeof report(sidecar).doubtedSince, 'number');
  t.not(report(sidecar).liveness, 'failing');
  heard(clock.now());
  t.not(report(sidecar).liveness, 'failing');
  t.is(report(sidecar).doubtedSince, undefined);

  // The engine is silent, too: what failed before and during it is over when it answers.
  await clock.advance(6_000);
  heard(clock.now());
  heard(null);
  await clock.advance(60_000);
  heard(clock.now());
  t.not(report(sidecar).liveness, 'failing');

  // It hangs while its engine answers.
  const from = clock.now();
  await advanceUntil(clock, 'not alive', () => {
    if (report(sidecar).doubtedSince !== undefined) heard(clock.now() + 1);
    return report(sidecar).liveness === 'failing';
  });
  t.true(clock.now() - from >= 10_000, 'by as many failures as ever');
  t.true((report(sidecar).notAliveSince ?? 0) > from);
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

test('one failure that is asked for is one of the container: a cut that was over at once makes none', async t => {
  const server = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock, random: () => 0.5 });
  const liveness = { check: GRPC, intervalMs: 10_000, timeoutMs: 1_000, failures: 1 };
  const startedAt = clock.now();
  const spec = { protocol: 'grpc', port: server.port, probes: { liveness } } as const;
  const heard = (heardFrom: number | null) => sidecar.target([probeTarget(spec, { startedAt, heardFrom })]);
  heard(clock.now());
  await until('ready', () => report(sidecar).readiness === 'passing');

  server.behave({ kind: 'hang' });
  await advanceUntil(clock, 'a failure', () => report(sidecar).doubtedSince !== undefined);
  server.behave({ kind: 'status', status: 'SERVING' });
  heard(clock.now() + 1);
  t.not(report(sidecar).liveness, 'failing');
  await advanceUntil(clock, 'alive', () => report(sidecar).liveness === 'passing');

  server.behave({ kind: 'hang' });
  await advanceUntil(clock, 'a failure', () => report(sidecar).doubtedSince !== undefined);
  const from = clock.now();
  await advanceUntil(clock, 'not alive', () => {
    if (report(sidecar).doubtedSince !== undefined) heard(clock.now() + 1);
    return report(sidecar).liveness === 'failing';
  });
  t.true(clock.now() - from <= 5_000, 'it is asked again soon, not after an interval');
});

test('one failed probe does not take a replica out', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const target = (containerHealth: 'healthy' | 'unhealthy') =>
    probeTarget({ probes: { startup: { check: CONTAINER } } }, { containerHealth, startedAt: clock.now() });
  sidecar.target([target('healthy')]);
  await clock.advance(10);
  t.is(report(sidecar).readiness, 'passing');
  sidecar.target([target('unhealthy')]);
  await clock.advance(100);
  t.is(report(sidecar).readiness, 'passing');
  t.regex(report(sidecar).message!, /unhealthy/);
  sidecar.target([target('healthy')]);
  await clock.advance(100);
  t.is(report(sidecar).message, undefined);
  await sidecar.close();
});

test('the warm-up is sent once between start and readiness, its answer read to the end', async t => {
  const warmups: unknown[] = [];
  let finish: () => void = () => t.fail('no warm-up came');
  const server = await owned(
    t,
    httpServer((request, response) => {
      if (request.url !== '/v1/completions') return void response.end('ok');
      let body = '';
      request.on('data', chunk => {
        body += chunk;
      });
      request.on('end', () => {
        warmups.push({ body: JSON.parse(body), type: request.headers['content-type'] });
        response.writeHead(200).write('a token');
        finish = () => void response.end(' and another');
      });
    }),
  );
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  const warmup = { http: { path: '/v1/completions', body: { prompt: 'hi' } } };
  sidecar.target([probeTarget({ protocol: 'http', port: server.port, warmup })]);
  await until('warming', () => warmups.length === 1);
  t.like(report(sidecar), { startup: 'passed', warmup: 'pending', readiness: 'unknown' });
  finish();
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.is(report(sidecar).warmup, 'done');
  t.deepEqual(warmups, [{ body: { prompt: 'hi' }, type: 'application/json' }]);
});

test('a failed warm-up carries the status and what the server said', async t => {
  const server = await owned(
    t,
    httpServer((request, response) => {
      if (request.url === '/warm') response.writeHead(500).end('{"error": "no such model"}');
      else response.end('ok');
    }),
  );
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  sidecar.target([probeTarget({ protocol: 'http', port: server.port, warmup: { http: { path: '/warm' } } })]);
  await until('failed', () => report(sidecar).warmup === 'failed');
  t.regex(report(sidecar).message!, /warm-up: POST .*\/warm answered status 500, expected 200-299: .*no such model/);
  t.is(report(sidecar).readiness, 'unknown');
});

test('a warm-up that does not end fails at its deadline', async t => {
  const server = await owned(
    t,
    httpServer((request, response) => {
      if (request.url !== '/warm') response.end('ok');
    }),
  );
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const warmup = { http: { path: '/warm' }, deadlineMs: 60_000 };
  sidecar.target([probeTarget({ protocol: 'http', port: server.port, warmup }, { startedAt: clock.now() })]);
  await until('started', () => report(sidecar).startup === 'passed');
  await clock.advance(59_000);
  t.is(report(sidecar).warmup, 'pending');
  await clock.advance(1_000);
  t.is(report(sidecar).warmup, 'failed');
  t.regex(report(sidecar).message!, /no full answer within 60000 ms/);
  await sidecar.close();
  t.is(clock.waiting, 0);
  await server.close();
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

test('a container is reached by whichever of its hosts answers, even while another swallows everything', async t => {
  const silent = await owned(t, tcpServer());
  const server = await owned(t, healthServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  const hosts: ProbeTarget['hosts'] = [
    { host: '127.0.0.1', portOf: { 50051: silent.port } },
    { host: '127.0.0.2', portOf: null },
    { host: 'localhost', portOf: { 50051: server.port } },
  ];
  const startup = { check: GRPC, timeoutMs: 60_000 };
  sidecar.target([probeTarget({ protocol: 'grpc', port: 50_051, probes: { startup } }, { hosts })]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.pass();
});

test('an address that comes late or changes is taken up', async t => {
  const first = await owned(t, healthServer());
  const second = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const target = (port?: number) =>
    probeTarget(
      { protocol: 'grpc', port: 50_051 },
      { hosts: port ? [{ host: '127.0.0.1', portOf: { 50051: port } }] : [], startedAt: clock.now() },
    );
  sidecar.target([target()]);
  await clock.advance(5_000);
  t.like(report(sidecar), { startup: 'pending', message: 'the container has no address yet' });
  sidecar.target([target(first.port)]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  await first.close();
  sidecar.target([target(second.port)]);
  await advanceUntil(clock, 'asked at its new port', () => second.asked.length > 0);
  t.is(report(sidecar).readiness, 'passing');
  await sidecar.close();
});

test('targets that stay keep their progress; those that leave are forgotten, and come back as new ones', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const spec = { probes: { startup: { check: CONTAINER } } };
  const one = probeTarget(spec, { containerId: 'one', containerHealth: 'healthy', startedAt: clock.now() });
  const two = probeTarget(spec, { containerId: 'two', startedAt: clock.now() });
  sidecar.target([one, two]);
  await clock.advance(100);
  t.is(report(sidecar, 'one').startup, 'passed');
  sidecar.target([{ ...one }]);
  t.deepEqual([...sidecar.reports().keys()], ['one']);
  t.is(report(sidecar, 'one').startup, 'passed');
  sidecar.target([]);
  t.is(sidecar.reports().size, 0);
  await clock.advance(0);
  t.is(clock.waiting, 0);
  sidecar.target([{ ...one, containerHealth: 'starting' }]);
  t.is(report(sidecar, 'one').startup, 'pending');
  await sidecar.close();
});

test('changes are told once for all that changed together, and not at all when nothing did', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  let told = 0;
  sidecar.onChange(() => told++);
  const targets = Array.from({ length: 50 }, (_, i) =>
    probeTarget(
      { probes: { startup: { check: CONTAINER } } },
      { containerId: `c${i}`, containerHealth: 'healthy', startedAt: clock.now() },
    ),
  );
  sidecar.target(targets);
  await until('told', () => told > 0);
  t.is(told, 1);
  await clock.advance(60_000);
  t.is(told, 1);
  await sidecar.close();
});

test('replicas that hang do not keep hundreds of others from becoming ready', async t => {
  const silent = await owned(t, tcpServer());
  const server = await owned(t, healthServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock(), concurrency: 4 });
  const startup = { check: GRPC, timeoutMs: 3_600_000 };
  const target = (containerId: string, port: number) =>
    probeTarget({ protocol: 'grpc', port, probes: { startup } }, { containerId });
  sidecar.target([
    ...Array.from({ length: 40 }, (_, i) => target(`hung${i}`, silent.port)),
    ...Array.from({ length: 200 }, (_, i) => target(`fine${i}`, server.port)),
  ]);
  const ready = () => [...sidecar.reports()].filter(([, r]) => r.readiness === 'passing').map(([id]) => id);
  await until('the 200 are ready', () => ready().length === 200, { deadlineMs: 60_000 });
  t.true(ready().every(id => id.startsWith('fine')));
});

test('a removed target leaves no connection behind', async t => {
  let open = 0;
  const server = await owned(
    t,
    tcpServer(socket => {
      open++;
      socket.on('close', () => open--);
      socket.resume();
    }),
  );
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  sidecar.target([
    probeTarget({ protocol: 'grpc', port: server.port }, { containerId: 'g', startedAt: clock.now() }),
    probeTarget({ protocol: 'http', port: server.port }, { containerId: 'h', startedAt: clock.now() }),
  ]);
  await until('both connected', () => open === 2);
  sidecar.target([]);
  await until('both gone', () => open === 0);
  await sidecar.close();
  t.is(clock.waiting, 0);
});

test('a flapping replica is withdrawn and restored each time', async t => {
  const server = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const states: string[] = [];
  sidecar.onChange(() => {
    const { readiness } = report(sidecar);
    if (states.at(-1) !== readiness) states.push(readiness);
  });
  sidecar.target([probeTarget({ protocol: 'grpc', port: server.port }, { startedAt: clock.now() })]);
  await until('ready', () => states.at(-1) === 'passing');
  for (let i = 0; i < 3; i++) {
    server.behave({ kind: 'status', status: 'NOT_SERVING' });
    await advanceUntil(clock, 'out', () => states.at(-1) === 'failing');
    server.behave({ kind: 'status', status: 'SERVING' });
    await advanceUntil(clock, 'back', () => states.at(-1) === 'passing');
  }
  t.deepEqual(states, ['passing', 'failing', 'passing', 'failing', 'passing', 'failing', 'passing']);
});

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

test('a load that can no longer be read is not reported any more', async t => {
  let text: string | null = 'vllm:num_requests_running 3\n';
  const server = await owned(
    t,
    httpServer((request, response) => {
      if (request.url !== '/metrics') return void response.end('ok');
      if (text === null) response.writeHead(500).end();
      else response.end(text);
    }),
  );
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
  const server = await owned(
    t,
    httpServer((request, response) => {
      if (request.url !== '/metrics') return void response.end('ok');
      if (text === null) response.writeHead(500).end();
      else response.end(text);
    }),
  );
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

test('TCP probes hold for services of other protocols', async t => {
  const server = await owned(t, tcpServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  sidecar.target([probeTarget({ protocol: 'tcp', port: server.port, probes: { startup: { check: TCP } } })]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.pass();
});
