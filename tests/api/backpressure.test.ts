import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { OpenStreams } from '../../control-plane/api/open-streams.ts';
import { Outflow } from '../../control-plane/api/outflow.ts';
import type { Snapshot__Output } from '../../proto/generated/outrigger/v1/Snapshot.ts';
import { contractDefinition } from '../../proto/load.ts';
import { until } from '../until.ts';
import { embedder, embedderRef, grpcClients, type Served, serve } from './served.ts';

/** A spec whose view alone is larger than what sockets buffer. */
const large = { ...embedder, labels: Object.fromEntries([...'abcdefgh'].map(k => [k, k.repeat(120_000)])) };

const openStreams = async (served: Served) => {
  const { text } = await served.request('GET', '/metrics');
  return Number(/^outrigger_api_open_streams (\d+)$/m.exec(text)?.[1]);
};

test('what waits for a slow client is the newest value, not all that were', t => {
  const sent: number[] = [];
  const finish: (() => void)[] = [];
  const streams = new OpenStreams({ openStreams: 1, stallTimeoutMs: 60_000, heartbeatMs: 60_000 }, () => 0);
  const stream = streams.open({ cut: () => t.fail(), end: () => {} });
  const outflow = new Outflow<number>({
    stream,
    keep: 'newest',
    send: (value, done) => {
      sent.push(value);
      finish.push(done);
    },
  });
  for (let i = 1; i <= 1_000; i++) outflow.offer(i);
  finish.shift()!();
  finish.shift()!();
  t.deepEqual(sent, [1, 1_000]);
  stream.close();
});

test('events that wait for a slow client have a bound, beyond which the stream is cut', t => {
  let cut = 0;
  const streams = new OpenStreams({ openStreams: 1, stallTimeoutMs: 60_000, heartbeatMs: 60_000 }, () => 0);
  const stream = streams.open({ cut: () => cut++, end: () => {} });
  const outflow = new Outflow<number>({ stream, keep: 3, send: () => {} });
  for (let i = 0; i < 4; i++) outflow.offer(i);
  t.is(cut, 0);
  outflow.offer(4);
  t.is(cut, 1);
  t.is(streams.size, 0);
});

test('a watcher by HTTP that never reads is cut, and cost one snapshot until then', async t => {
  const served = await serve(t, { limits: { stallTimeoutMs: 300 } });
  await served.controlPlane.apply({ specs: [large], origin: '', dryRun: false });
  const socket = await openSocket(served.socket);
  t.teardown(() => socket.destroy());
  const closed = once(socket, 'close');
  socket.pause();
  socket.write('GET /v1/services HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n');
  await until('it watches', () => served.controlPlane.changeListeners === 1);
  for (let i = 0; i < 200; i++) await served.controlPlane.scale(embedderRef, i);
  await until('it was cut', () => served.controlPlane.changeListeners === 0);
  socket.resume();
  await closed;
  // The first list, part of which the kernel took; none of the 200 that followed.
  t.true(socket.bytesRead < 3_000_000, `${socket.bytesRead} bytes`);
});

test('a watcher by gRPC that never reads is cut without harm to others on its connection', async t => {
  const served = await serve(t, { limits: { stallTimeoutMs: 300 } });
  await served.controlPlane.apply({ specs: [large], origin: '', dryRun: false });
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const stalled = control.watchServices({});
  stalled.pause();
  const ended = new Promise<Error>(resolve => stalled.on('error', resolve));
  await until('it watches', () => served.controlPlane.changeListeners === 1);
  // Enough to fill the windows of HTTP/2; the client's library reads ahead by one message.
  await until('it was cut', async () => {
    await served.controlPlane.scale(embedderRef, Math.round(Math.random() * 1_000));
    return served.controlPlane.changeListeners === 0;
  });
  stalled.resume();
  t.regex((await ended).message, /CANCELLED|UNAVAILABLE|INTERNAL/);
  t.is(
    await new Promise(resolve => control.getStatus({}, (error, answer) => resolve(error ?? answer?.instance))),
    'fake',
  );
});

test('a slow gRPC watcher gets the newest snapshot when it reads again', async t => {
  const served = await serve(t);
  await served.controlPlane.apply({ specs: [embedder], origin: '', dryRun: false });
  const session = connectHttp2('http://localhost', {
    createConnection: () => connect(served.socket),
    settings: { initialWindowSize: 0 },
  });
  t.teardown(() => session.destroy());
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: '/outrigger.v1.Discovery/Watch',
    [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    te: 'trailers',
  });
  stream.write(framed(subscribeBytes()));
  await until('it watches', () => served.controlPlane.hub.watcherCount() === 1);
  for (let i = 1; i <= 50; i++) {
    await served.controlPlane.scale(embedderRef, i % 5);
    served.controlPlane.settle(embedderRef);
  }
  const newest = served.controlPlane.hub.snapshot('feature-store/embedder').version;
  session.settings({ initialWindowSize: 1_000_000 });
  const versions: number[] = [];
  const messages = messagesIn();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (const message of messages(chunk)) {
      versions.push((watchMethod.responseDeserialize(message) as Snapshot__Output).version);
    }
    if (versions.includes(newest)) break;
  }
  t.is(versions.at(-1), newest);
  t.is(versions.length, 2, 'the one under way and the newest');
});

test('streams beyond the limit are refused, and there is room again when one ends', async t => {
  const served = await serve(t, { limits: { openStreams: 2 } });
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const calls = [control.watchServices({}), control.watchServices({})];
  for (const call of calls) call.on('error', () => {}).resume();
  await until('both are open', async () => (await openStreams(served)) === 2);
  const overHttp = await served.request('GET', '/v1/services', { headers: { accept: 'text/event-stream' } });
  t.is(overHttp.status, 507);
  t.regex(overHttp.json.error.message, /2 streams are open/);
  calls[0]!.cancel();
  await until('one has ended', async () => (await openStreams(served)) === 1);
  const response = await served.http.request({
    origin: 'http://localhost',
    path: '/v1/services',
    method: 'GET',
    headers: { accept: 'text/event-stream' },
  });
  t.is(response.statusCode, 200);
  response.body.destroy();
});

test('ten thousand watchers get each change, from little memory', async t => {
  const served = await serve(t);
  await served.controlPlane.apply({ specs: [embedder], origin: '', dryRun: false });
  const count = 10_000;
  const received = new Uint32Array(count);
  const before = process.memoryUsage().rss;
  for (let connection = 0; connection < 10; connection++) {
    const session = connectHttp2('http://localhost', { createConnection: () => connect(served.socket) });
    t.teardown(() => session.destroy());
    session.setMaxListeners(0);
    for (let i = 0; i < count / 10; i++) {
      const index = connection * (count / 10) + i;
      const stream = session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: '/outrigger.v1.Discovery/Watch',
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        te: 'trailers',
      });
      stream.on('error', () => {});
      const messages = messagesIn();
      stream.on('data', (chunk: Buffer) => {
        received[index]! += messages(chunk).length;
      });
      stream.write(framed(subscribeBytes()));
    }
    await until('they watch', () => served.controlPlane.hub.watcherCount() === (connection + 1) * (count / 10));
  }
  await until('all have the first snapshot', () => received.every(n => n === 1));
  served.controlPlane.settle(embedderRef);
  await until('all have the second', () => received.every(n => n === 2));
  const grownMiB = (process.memoryUsage().rss - before) / 2 ** 20;
  // Both sides of all streams live in this process; a server that queued or copied per watcher would need far more.
  t.log(`${Math.round(grownMiB)} MiB for both sides of ${count} watches`);
  t.true(grownMiB < 1_000, `${grownMiB} MiB`);
  t.is(await openStreams(served), count);
});

test('what a watch said of the replicas in use is not kept as the bytes that it came in', async t => {
  const served = await serve(t);
  await served.controlPlane.apply({ specs: [embedder], origin: '', dryRun: false });
  const session = connectHttp2('http://localhost', { createConnection: () => connect(served.socket) });
  t.teardown(() => session.destroy());
  session.setMaxListeners(0);
  const replicasInUse = Array.from({ length: 20_000 }, (_, i) => i.toString(36).padStart(8, '0'));
  const count = 100;
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < count; i++) {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/outrigger.v1.Discovery/Watch',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    stream.resume();
    const subscribe = { namespace: 'feature-store', service: 'embedder', clientId: `client ${i}`, replicasInUse };
    stream.write(framed(watchMethod.requestSerialize({ subscribe })));
    await until('it watches', () => served.controlPlane.hub.watcherCount() === i + 1);
  }
  let keptBytes = 0;
  // Some are free only after a turn or two.
  await until('a tenth of it is kept at most', () => {
    collectGarbage();
    keptBytes = process.memoryUsage().arrayBuffers - before;
    return keptBytes < (count * 200_000) / 10;
  }).catch(() => t.fail(`${keptBytes} bytes are kept`));
  t.is(served.controlPlane.hub.watcherCount(), count);
});

/** Node gives it to whoever asks with a flag. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

const watchMethod = (
  contractDefinition()['outrigger.v1.Discovery'] as unknown as {
    Watch: { requestSerialize(message: object): Buffer; responseDeserialize(bytes: Buffer): unknown };
  }
).Watch;

function subscribeBytes(): Buffer {
  return watchMethod.requestSerialize({ subscribe: { namespace: 'feature-store', service: 'embedder' } });
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Cuts the chunks of one stream into messages; HTTP/2 may split them anywhere. */
function messagesIn(): (chunk: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return chunk => {
    const messages: Buffer[] = [];
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      messages.push(rest.subarray(5, end));
      rest = rest.subarray(end);
    }
    return messages;
  };
}

async function openSocket(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
