import { status } from '@grpc/grpc-js';
import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import type { ProbeCheck } from '../../control-plane/core/spec.ts';
import { Slots } from '../../control-plane/slots.ts';
import { Asker } from '../../sidecar/asker.ts';
import type { ProbeResult } from '../../sidecar/probes/result.ts';
import { freePort, healthServer, httpServer, tcpServer } from './servers.ts';
import { probeTarget } from './targets.ts';

const clock = createSteadyClock();

async function ask(check: ProbeCheck, port: number, options: { timeoutMs?: number; forwarded?: boolean } = {}) {
  const hosts = [{ host: '127.0.0.1', portOf: options.forwarded ? { 50051: port } : null }];
  const target = probeTarget({ port: options.forwarded ? 50_051 : port }, { hosts });
  const asker = new Asker(target, { clock, slots: new Slots({ clock, limit: 4 }) });
  try {
    return await asker.ask(check, options.timeoutMs ?? 10_000, new AbortController().signal);
  } finally {
    asker.close();
  }
}

const grpc = (rest: Partial<Extract<ProbeCheck, { kind: 'grpc' }>> = {}): ProbeCheck => ({
  kind: 'grpc',
  service: '',
  expect: 'serving',
  ...rest,
});
const http = (rest: Partial<Extract<ProbeCheck, { kind: 'http' }>> = {}): ProbeCheck => ({
  kind: 'http',
  path: '/health',
  headers: {},
  expect: 'success',
  ...rest,
});
const tcp: ProbeCheck = { kind: 'tcp' };

function said(result: ProbeResult): string {
  return result.kind === 'passed' ? 'passed' : `${result.kind}: ${result.message}`;
}

test('a serving gRPC server passes, and is asked for the service that the probe names', async t => {
  const server = await healthServer();
  t.teardown(() => server.close());
  const long = 'x'.repeat(200);
  t.is(said(await ask(grpc({ service: long }), server.port)), 'passed');
  t.is(said(await ask(grpc(), server.port)), 'passed');
  t.deepEqual(server.asked, [long, '']);
});

test('a gRPC server that is not serving fails, whatever is expected', async t => {
  const server = await healthServer({ behaviour: { kind: 'status', status: 'NOT_SERVING' } });
  t.teardown(() => server.close());
  t.regex(said(await ask(grpc(), server.port)), /failed: .*NOT_SERVING, expected SERVING/);
  t.regex(said(await ask(grpc({ expect: 'answer' }), server.port)), /NOT_SERVING/);
});

test('a gRPC server without the health service passes only where an answer is enough', async t => {
  const server = await healthServer({ withHealth: false });
  t.teardown(() => server.close());
  t.is(said(await ask(grpc({ expect: 'answer' }), server.port)), 'passed');
  t.regex(said(await ask(grpc(), server.port)), /failed: .*no grpc\.health\.v1 service.*expect: answer/);
});

test('a health service that does not know the name fails, and the name stands in the message', async t => {
  const server = await healthServer({ behaviour: { kind: 'error', code: status.NOT_FOUND } });
  t.teardown(() => server.close());
  t.regex(said(await ask(grpc({ service: 'a.B', expect: 'answer' }), server.port)), /does not know "a\.B"/);
  t.is(said(await ask(grpc({ expect: 'answer' }), server.port)), 'passed');
});

test('another gRPC status is a failure with its number and text', async t => {
  const server = await healthServer({ behaviour: { kind: 'error', code: status.RESOURCE_EXHAUSTED } });
  t.teardown(() => server.close());
  t.regex(said(await ask(grpc({ expect: 'answer' }), server.port)), /status 8 \(as the test wants it\)/);
});

test('a gRPC probe of an HTTP/1.1 server, of garbage and of a server that hangs up says so', async t => {
  const web = await httpServer((_, response) => response.end('hello'));
  const garbage = await tcpServer(socket => socket.end('!!! not a protocol !!!\r\n\r\n'));
  const rude = await tcpServer(socket => socket.destroy());
  t.teardown(() => Promise.all([web.close(), garbage.close(), rude.close()]));
  t.regex(said(await ask(grpc({ expect: 'answer' }), web.port)), /not HTTP\/2; is the protocol really grpc\?/);
  t.regex(said(await ask(grpc({ expect: 'answer' }), garbage.port)), /not HTTP\/2; is the protocol really grpc\?/);
  t.regex(said(await ask(grpc({ expect: 'answer' }), rude.port)), /failed: .*(reset|closed)/);
});

for (const [name, check] of Object.entries({ grpc: grpc({ expect: 'answer' }), http: http({ expect: 'answer' }) })) {
  test(`${name}: a server that accepts and never answers fails at the probe's timeout`, async t => {
    const silent = await tcpServer();
    t.teardown(() => silent.close());
    t.regex(said(await ask(check, silent.port, { timeoutMs: 50 })), /no answer within 50 ms/);
  });
}

for (const [name, check] of Object.entries({ grpc: grpc(), http: http(), tcp })) {
  test(`${name}: a port where nobody listens is refused, in words`, async t => {
    t.regex(said(await ask(check, await freePort())), /failed: .*connection refused; nothing listens there yet/);
  });
}

test('HTTP 2xx and 3xx pass, redirects are not followed, the rest fails with its status', async t => {
  let requests = 0;
  const server = await httpServer((request, response) => {
    requests++;
    const code = Number(request.url!.slice(1));
    response.writeHead(code, code === 302 ? { location: '/200' } : {}).end('body');
  });
  t.teardown(() => server.close());
  t.is(said(await ask(http({ path: '/204' }), server.port)), 'passed');
  t.is(said(await ask(http({ path: '/302' }), server.port)), 'passed');
  t.regex(said(await ask(http({ path: '/503' }), server.port)), /GET .*\/503: status 503, expected 200-399/);
  t.is(said(await ask(http({ path: '/404', expect: 'answer' }), server.port)), 'passed');
  t.is(requests, 4);
});

test('where a server need only be available, 502, 503 and 504 mean not now, and any other status will do', async t => {
  const server = await httpServer((request, response) => {
    response.writeHead(Number(request.url!.slice(1))).end();
  });
  t.teardown(() => server.close());
  const asked = (code: number) => ask(http({ path: `/${code}`, expect: 'available' }), server.port);
  for (const code of [200, 302, 401, 404, 500, 501, 505]) t.is(said(await asked(code)), 'passed', `${code}`);
  for (const code of [502, 503, 504]) t.regex(said(await asked(code)), new RegExp(`status ${code} \\(not now\\)`));
});

test('an HTTP answer passes at its status, however long its body goes on', async t => {
  const server = await httpServer((_, response) => {
    response.writeHead(200);
    response.write('a beginning without an end');
  });
  t.teardown(() => server.close());
  t.is(said(await ask(http(), server.port)), 'passed');
});

test('an HTTP probe sends its headers and takes a new connection each time', async t => {
  const seen: unknown[] = [];
  const server = await httpServer((request, response) => {
    seen.push(request.headers['x-key']);
    response.end('fine');
  });
  t.teardown(() => server.close());
  for (let i = 0; i < 3; i++) t.is(said(await ask(http({ headers: { 'x-key': 'k' } }), server.port)), 'passed');
  t.deepEqual(seen, ['k', 'k', 'k']);
  t.is(server.accepted(), 3);
});

test('an HTTP probe of a gRPC server and of garbage says that this is not HTTP/1.1', async t => {
  const garbage = await tcpServer(socket => socket.write('!!! not a protocol !!!\r\n\r\n'));
  t.teardown(() => garbage.close());
  t.regex(said(await ask(http(), garbage.port)), /not HTTP\/1\.1; is the protocol right\?/);
});

test('TCP: an accepted connection passes', async t => {
  const server = await tcpServer();
  t.teardown(() => server.close());
  t.is(said(await ask(tcp, server.port)), 'passed');
});

test('TCP through a forwarded port: a proxy that hangs up at once does not count as listening', async t => {
  const proxy = await tcpServer(socket => socket.destroy());
  const real = await tcpServer();
  t.teardown(() => Promise.all([proxy.close(), real.close()]));
  t.regex(said(await ask(tcp, proxy.port, { forwarded: true })), /accepted and closed at once/);
  t.is(said(await ask(tcp, real.port, { forwarded: true })), 'passed');
});

test('a kept gRPC connection that the server closed is replaced without a failed probe', async t => {
  const first = await healthServer();
  const asker = new Asker(probeTarget({ port: first.port }), { clock, slots: new Slots({ clock, limit: 4 }) });
  t.teardown(() => asker.close());
  const { signal } = new AbortController();
  t.is(said(await asker.ask(grpc(), 10_000, signal)), 'passed');
  await first.close();
  const second = await healthServer({ port: first.port });
  t.teardown(() => second.close());
  t.is(said(await asker.ask(grpc(), 10_000, signal)), 'passed');
  t.deepEqual(second.asked, ['']);
});

test('questions at the same time on one connection do not spoil each other: one times out, the other is answered', async t => {
  const server = await healthServer({ behaviour: { kind: 'hang' } });
  const asker = new Asker(probeTarget({ port: server.port }), { clock, slots: new Slots({ clock, limit: 4 }) });
  t.teardown(async () => {
    asker.close();
    await server.close();
  });
  const { signal } = new AbortController();
  server.behave({ kind: 'status', status: 'SERVING' });
  await asker.ask(grpc(), 10_000, signal);
  server.behave({ kind: 'hang' });
  const short = asker.ask(grpc(), 40, signal);
  const aborted = new AbortController();
  const long = asker.ask(grpc(), 10_000, aborted.signal);
  t.regex(said(await short), /no answer within 40 ms/);
  const stillWaiting = await Promise.race([long.then(said), Promise.resolve('waiting')]);
  t.is(stillWaiting, 'waiting');
  aborted.abort(new Error('enough'));
  await t.throwsAsync(long, { message: 'enough' });
});

test('a probe without any port says what is missing', async t => {
  const asker = new Asker(probeTarget({}), { clock, slots: new Slots({ clock, limit: 4 }) });
  t.regex(said(await asker.ask(tcp, 1_000, new AbortController().signal)), /names no port and the service has none/);
});
