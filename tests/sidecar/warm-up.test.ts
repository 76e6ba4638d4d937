import test, { type ExecutionContext } from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import type { ProbeReport } from '../../control-plane/core/observed.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { advanceUntil, owned, report, sidecarOf } from './scene.ts';
import { httpServer } from './servers.ts';
import { probeTarget } from './targets.ts';

/** What becomes of a warm-up request on its way. */
type Manner = 'answer' | 'refuse' | 'break' | 'break_answering' | 'hang';

/** A model that is started, and a sidecar that is told when its node was heard from. */
async function warming(t: ExecutionContext, { heardFrom, deadlineMs }: { heardFrom?: boolean; deadlineMs?: number }) {
  const clock = new VirtualClock();
  const way = { manner: 'break' as Manner, requests: 0 };
  const server = await httpServer((request, response) => {
    if (request.url !== '/warm') return void response.end('ok');
    way.requests += 1;
    switch (way.manner) {
      case 'answer':
        return void response.end('warm');
      case 'refuse':
        return void response.writeHead(500).end('no such model');
      case 'break':
        return void request.socket.resetAndDestroy();
      case 'break_answering':
        return void response.writeHead(200).write('a token', () => request.socket.resetAndDestroy());
      case 'hang':
        return;
      default:
        way.manner satisfies never;
    }
  });
  t.teardown(() => server.close());
  const sidecar = sidecarOf(t, { clock });
  const warmup = { http: { path: '/warm' }, ...(deadlineMs === undefined ? {} : { deadlineMs }) };
  const probes = { liveness: { check: { kind: 'http' as const, path: '/' }, failures: 1 } };
  const spec = { protocol: 'http' as const, port: server.port, warmup, probes };
  const startedAt = clock.now();
  const heard = (from: number | null) =>
    sidecar.target([probeTarget(spec, { startedAt, ...(heardFrom === false ? {} : { heardFrom: from }) })]);
  const report = (): ProbeReport => sidecar.reports().get('container-1')!;
  const pass = (what: string, isSo: () => boolean) => advanceUntil(clock, what, isSo);
  heard(clock.now());
  return { clock, way, heard, report, pass };
}

for (const manner of ['break', 'break_answering'] as const)
  test(`a warm-up whose connection is lost (${manner}) once is made again, and ends no loaded model`, async t => {
    const { clock, way, heard, report, pass } = await warming(t, {});
    way.manner = manner;
    await pass('a warm-up that broke', () => report().doubtedSince !== undefined);
    t.like(report(), { startup: 'passed', warmup: 'pending', liveness: 'unknown' });
    t.regex(report().message ?? '', /warm-up: POST .*\/warm: /);
    // The node is heard: one request may be of a cut that is over.
    heard(clock.now() + 1);
    t.like(report(), { warmup: 'pending', liveness: 'unknown' });
    way.manner = 'answer';
    await pass('warm', () => report().warmup === 'done');
    t.true(way.requests >= 2);
    await pass('ready', () => report().readiness === 'passing');
    t.is(report().message, undefined);
  });

test('a warm-up that breaks for as long as the node is silent fails nobody', async t => {
  const { clock, way, heard, report, pass } = await warming(t, {});
  await pass('a warm-up that broke', () => report().doubtedSince !== undefined);
  heard(null);
  const { requests } = way;
  await pass('further ones', () => way.requests >= requests + 3);
  t.is(report().warmup, 'pending');
  heard(clock.now());
  t.is(report().warmup, 'pending', 'what broke before and during the silence is over');
  way.manner = 'answer';
  await pass('warm', () => report().warmup === 'done');
});

test('a warm-up that breaks again and again in reach fails', async t => {
  const { clock, heard, report, pass } = await warming(t, {});
  await pass('a failure', () => {
    if (report()?.doubtedSince !== undefined) heard(clock.now() + 1);
    return report()?.warmup === 'failed';
  });
  t.regex(report().message ?? '', /warm-up: POST .*\/warm: /);
});

test('where nobody tells of the node, a warm-up that breaks fails at once', async t => {
  const { way, report, pass } = await warming(t, { heardFrom: false });
  await pass('a failure', () => report().warmup === 'failed');
  t.is(way.requests, 1);
});

test('an answer that says no fails at once, wherever the node is', async t => {
  const { way, report, pass } = await warming(t, {});
  way.manner = 'refuse';
  await pass('a failure', () => report().warmup === 'failed');
  t.regex(report().message ?? '', /answered status 500, expected 200-299: no such model/);
});

test('a warm-up that is late has failed, unless its node was silent meanwhile', async t => {
  const { clock, way, heard, report, pass } = await warming(t, { deadlineMs: 60_000 });
  way.manner = 'hang';
  await pass('the request', () => way.requests === 1);
  heard(null);
  heard(clock.now());
  await clock.advance(60_000);
  await pass('another one', () => way.requests === 2);
  t.is(report().warmup, 'pending');
  await clock.advance(60_000);
  await pass('a failure', () => report().warmup === 'failed');
  t.regex(report().message ?? '', /no full answer within 60000 ms/);
  t.is(way.requests, 2);
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
