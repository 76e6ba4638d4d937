import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import fc from 'fast-check';
import { until } from '../until.ts';
import { call, embedder, grpcClients, type Served, serve } from './served.ts';

/** Everything that comes back for these bytes until the server closes the connection. */
async function exchange(served: Served, chunks: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = connect(served.socket);
  const received: Buffer[] = [];
  socket.on('data', chunk => received.push(chunk));
  // A server that has heard enough may close while we still send.
  socket.on('error', () => {});
  const closed = new Promise(resolve => socket.on('close', resolve));
  for (const chunk of chunks) socket.write(chunk);
  await closed;
  return Buffer.concat(received).toString('latin1');
}

const stillServes = async (served: Served) => (await served.request('GET', '/healthz')).status === 200;

test('garbage is answered with one clear line, or closed', async t => {
  const served = await serve(t, { limits: { prefaceTimeoutMs: 300, headersTimeoutMs: 300 } });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 4_096 }), async bytes => {
      const answer = await exchange(served, [bytes]);
      t.true(answer === '' || answer.startsWith('HTTP/1.1 4'), JSON.stringify(answer.slice(0, 80)));
    }),
    { numRuns: 60 },
  );
  t.true(await stillServes(served));
});

test('garbage after the preface of HTTP/2 closes that connection alone', async t => {
  const served = await serve(t);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 64, maxLength: 4_096 }), async bytes => {
      // A frame header that announces more than HTTP/2 allows, then whatever.
      await exchange(served, ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', Uint8Array.of(0xff, 0xff, 0xff), bytes]);
    }),
    { numRuns: 40 },
  );
  t.true(await stillServes(served));
});

test('a megabyte of garbage is not read to its end', async t => {
  const served = await serve(t);
  const answer = await exchange(served, [Buffer.alloc(1 << 20, 0x41)]);
  t.true(answer === '' || /^HTTP\/1.1 4\d\d /.test(answer));
  t.true(await stillServes(served));
});

test('a preface that comes byte by byte is understood', async t => {
  const served = await serve(t);
  const socket = connect(served.socket);
  t.teardown(() => socket.destroy());
  const settings = once(socket, 'data');
  for (const byte of Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1')) {
    socket.write(Uint8Array.of(byte));
    await new Promise(resolve => setImmediate(resolve));
  }
  const [frame] = (await settings) as [Buffer];
  t.is(frame[3], 4, 'a SETTINGS frame');
});

test('an HTTP request that begins like a preface is still HTTP', async t => {
  const served = await serve(t);
  const answer = await exchange(served, ['PR', 'OPFIND / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n']);
  t.regex(answer, /^HTTP\/1.1 404 /);
});

test('a connection that says nothing is closed', async t => {
  const served = await serve(t, { limits: { prefaceTimeoutMs: 50 } });
  t.is(await exchange(served, []), '');
  t.is(await exchange(served, ['PRI * HT']), '');
});

test('headers that come too slowly end in 408', async t => {
  const served = await serve(t, { limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
  t.regex(await exchange(served, ['GET /healthz HTTP/1.1\r\nhost: local']), /^HTTP\/1.1 408 /);
});

test('a body that comes too slowly ends in 408', async t => {
  const served = await serve(t, { limits: { headersTimeoutMs: 100, requestTimeoutMs: 200 } });
  const head =
    'POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{';
  t.regex(await exchange(served, [head]), /^HTTP\/1.1 408 /);
});

test('headers larger than the limit end in 431', async t => {
  const served = await serve(t);
  const answer = await exchange(served, [`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(64 * 1024)}\r\n\r\n`]);
  t.regex(answer, /^HTTP\/1.1 431 /);
  t.true(await stillServes(served));
});

test('a request without a host, or with two lengths, is refused', async t => {
  const served = await serve(t);
  t.regex(await exchange(served, ['GET /healthz HTTP/1.1\r\n\r\n']), /^HTTP\/1.1 400 /);
  const smuggling =
    'POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
  t.regex(await exchange(served, [smuggling]), /^HTTP\/1.1 400 /);
});

test('a body beyond the limit is refused by its announced and by its actual length', async t => {
  const served = await serve(t, { limits: { bodyBytes: 10_000 } });
  const head = 'POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
  t.regex(
    await exchange(served, [`${head}content-length: 1000000\r\n\r\n`]),
    /^HTTP\/1.1 413 .*larger than 10000 bytes/s,
  );
  const chunk = `${(5_000).toString(16)}\r\n${'x'.repeat(5_000)}\r\n`;
  t.regex(
    await exchange(served, [`${head}transfer-encoding: chunked\r\n\r\n`, chunk, chunk, chunk]),
    /^HTTP\/1.1 413 /,
  );
  t.true(await stillServes(served));
});

test('large bodies of many requests together have a bound, and it is given back', async t => {
  const served = await serve(t, { limits: { bodyBytes: 1_000_000, bodyBytesTogether: 1_500_000 } });
  const head =
    'POST /v1/apply HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n';
  const holder = connect(served.socket);
  t.teardown(() => holder.destroy());
  holder.on('error', () => {});
  holder.write(head);
  await new Promise(resolve => holder.write(Buffer.alloc(899_999, 0x20), resolve));
  // What the kernel still holds is read within a few turns of the loop, before anybody competes for the budget.
  for (let i = 0; i < 50; i++) await served.request('GET', '/healthz');
  const second = () => served.request('POST', '/v1/apply', { body: `${' '.repeat(899_998)}{}` });
  await until('the budget is spent', async () => (await second()).status === 507);
  holder.destroy();
  await until('there is room again', async () => (await second()).status === 400);
  t.pass();
});

test('JSON that is deep, or has very many values, is refused before it is parsed', async t => {
  const served = await serve(t);
  const deep = await served.request('POST', '/v1/apply', { body: `{"specs":[${'['.repeat(5_000_000)}` });
  t.is(deep.status, 400);
  t.regex(deep.json.error.message, /nests deeper than 32 levels/);
  const wide = await served.request('POST', '/v1/apply', { body: `{"specs":[${'{},'.repeat(3_000_000)}{}]}` });
  t.regex(wide.json.error.message, /more than 250000 values/);
  const quoted = await served.request('POST', '/v1/apply', {
    body: { specs: [{ ...embedder, labels: { x: '[[[['.repeat(100), y: '\\"[\\\\"{'.repeat(1_000) } }] },
  });
  t.is(quoted.status, 200, 'brackets within strings do not count');
});

test('names that every object has do no harm as fields', async t => {
  const served = await serve(t);
  const body =
    '{"specs":[{"__proto__":{"polluted":true},"namespace":"a","name":"b","image":"c"}],"__proto__":{"dryRun":true}}';
  const answer = await served.request('POST', '/v1/apply', { body });
  t.is(answer.status, 400);
  t.is(({} as { polluted?: unknown }).polluted, undefined);
});

test('a compressed bomb over gRPC is refused', async t => {
  const served = await serve(t, { limits: { bodyBytes: 1_000_000 } });
  const session = connectHttp2('http://localhost', { createConnection: () => connect(served.socket) });
  t.teardown(() => session.destroy());
  const stream = session.request({
    ...grpcHeaders('/outrigger.v1.Control/Apply'),
    'grpc-encoding': 'gzip',
  });
  const bomb = gzipSync(Buffer.alloc(200_000_000));
  const head = Buffer.from([1, 0, 0, 0, 0]);
  head.writeUInt32BE(bomb.length, 1);
  stream.end(Buffer.concat([head, bomb]));
  t.is(await grpcStatus(stream), '8');
  t.true(await stillServes(served));
});

test('a gRPC message beyond what its method needs is refused', async t => {
  const served = await serve(t, { limits: { bodyBytes: 4_000_000 } });
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const error = await t.throwsAsync<ServiceError>(
    call(done => control.getService({ namespace: 'a'.repeat(2_000_000), name: 'b' }, done)),
  );
  t.deepEqual(error.metadata.get('outrigger-code'), ['invalid_argument']);
  await t.throwsAsync(call(done => control.apply({ origin: 'a'.repeat(5_000_000) }, done)));
  t.true(await stillServes(served));
});

test('a gRPC message of very many or very deep values is refused before it is decoded', async t => {
  const served = await serve(t, { limits: { jsonDepth: 20 } });
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const wide = { fields: { list: { listValue: { values: new Array(600_000).fill({ boolValue: true }) } } } };
  const error = await t.throwsAsync<ServiceError>(call(done => control.apply({ specs: [wide] }, done)));
  t.regex(error.details, /more than 250000 values/);
  let deep: object = { boolValue: true };
  for (let i = 0; i < 25; i++) deep = { structValue: { fields: { a: deep } } };
  const other = await t.throwsAsync<ServiceError>(call(done => control.apply({ specs: [{ fields: { deep } }] }, done)));
  t.regex(other.details, /nests deeper than 20 levels/);
});

test('a gRPC request that never ends is ended', async t => {
  const served = await serve(t, { limits: { requestTimeoutMs: 100, headersTimeoutMs: 100 } });
  const session = connectHttp2('http://localhost', { createConnection: () => connect(served.socket) });
  t.teardown(() => session.destroy());
  const stream = session.request(grpcHeaders('/outrigger.v1.Control/GetStatus'));
  stream.write(Buffer.from([0, 0, 0]));
  t.is(await grpcStatus(stream), '4');
});

test('HTTP/2 requests that are not gRPC are refused', async t => {
  const served = await serve(t);
  const session = connectHttp2('http://localhost', { createConnection: () => connect(served.socket) });
  t.teardown(() => session.destroy());
  const plain = session.request({ ':path': '/v1/status' });
  const [headers] = await once(plain, 'response');
  t.is((headers as Record<string, unknown>)[constants.HTTP2_HEADER_STATUS], 415);
  plain.resume();
  for (const path of ['/outrigger.v1.Control/Nothing', '/%00%0a', `/${'x'.repeat(8_000)}`]) {
    t.is(await grpcStatus(session.request(grpcHeaders(path)).end()), '12', path.slice(0, 40));
  }
  t.true(await stillServes(served));
});

test('a stream that is opened and reset at once, thousands of times, does not hurt', async t => {
  const served = await serve(t);
  const session = connectHttp2('http://localhost', { createConnection: () => connect(served.socket) });
  session.on('error', () => {});
  const closed = new Promise<void>(resolve => session.on('close', resolve));
  session.setMaxListeners(0);
  for (let i = 0; i < 5_000 && !session.destroyed && !session.closed; i++) {
    const stream = session.request(grpcHeaders('/outrigger.v1.Discovery/Watch'));
    stream.on('error', () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (i % 500 === 0) await new Promise(resolve => setImmediate(resolve));
  }
  session.destroy();
  await closed;
  await until('nothing is left of it', () => served.controlPlane.hub.watcherCount() === 0);
  t.true(await stillServes(served));
});

test('connections beyond the limit are closed, and there is room again later', async t => {
  const served = await serve(t, { limits: { connections: 3 } });
  const held = [connect(served.socket), connect(served.socket)];
  t.teardown(() => {
    for (const socket of held) socket.destroy();
  });
  await Promise.all(held.map(socket => once(socket, 'connect')));
  t.true(await stillServes(served));
  t.is(await exchange(served, ['GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n']), '');
  for (const socket of held) socket.destroy();
  await until('there is room', async () => {
    const answer = await exchange(served, ['GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n']);
    return answer.startsWith('HTTP/1.1 200');
  });
});

function grpcHeaders(path: string) {
  return {
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    te: 'trailers',
  };
}

/** The grpc-status of a call, wherever the server put it. */
function grpcStatus(stream: NodeJS.EventEmitter & { resume(): unknown }): Promise<string | undefined> {
  return new Promise(resolve => {
    let found: string | undefined;
    const look = (headers: Record<string, string | undefined>) => {
      found ??= headers['grpc-status'];
    };
    stream.on('response', look);
    stream.on('trailers', look);
    stream.on('error', () => {});
    stream.on('close', () => resolve(found));
    stream.resume();
  });
}
