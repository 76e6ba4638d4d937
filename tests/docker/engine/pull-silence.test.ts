import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { OutriggerError } from '../../../control-plane/core/errors.ts';
import type { ImageState } from '../../../control-plane/core/observed.ts';
import { EngineClient } from '../../../control-plane/engine/docker/engine-client.ts';
import { pullImage } from '../../../control-plane/engine/docker/pull-image.ts';
import { VirtualClock } from '../../fakes/clock.ts';
import { until } from '../../until.ts';

const DOWNLOAD_MS = 180_000;
const UNPACK_MS = 900_000;
const SOME_TIME_MS = 1_000;

/** An engine that says of a pull what it is told to say, and a pull there that is under way, on a clock of its own. */
async function pulling(t: ExecutionContext) {
  const clock = new VirtualClock();
  let isThere = false;
  let isClosed = false;
  const opened = Promise.withResolvers<ServerResponse>();
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      response.on('close', () => {
        isClosed = true;
      });
      opened.resolve(response);
      return;
    }
    const [status, answer] = isThere ? [200, { Id: 'sha256:1' }] : [404, { message: 'No such image' }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new EngineClient({ kind: 'tcp', host: '127.0.0.1', port });
  t.teardown(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  const states: ImageState[] = [];
  const outcome = { error: undefined as OutriggerError | undefined, isOver: false };
  const ended = pullImage(
    client,
    { kind: 'pull', node: 'a', image: 'model:1', policy: 'missing' },
    { onProgress: state => states.push(state), clock, signal: new AbortController().signal, environment: {} },
  )
    .catch(error => {
      outcome.error = error;
    })
    .finally(() => {
      outcome.isOver = true;
    });
  const response = await opened.promise;
  const say = (message: object) => response.write(`${JSON.stringify(message)}\n`);
  return {
    clock,
    outcome,
    ended,
    say,
    /** So much of a layer is downloaded, and the puller knows. */
    downloads: async (id: string, current: number, total = 100) => {
      const count = states.length;
      await clock.advance(SOME_TIME_MS);
      say({ id, status: 'Downloading', progressDetail: { current, total } });
      await until('the bytes are known', () => states.length > count);
    },
    /** All of a layer is there, and the puller knows. */
    completes: async (id: string) => {
      const count = states.length;
      await clock.advance(SOME_TIME_MS);
      say({ id, status: 'Download complete' });
      await until('the end of the layer is known', () => states.length > count);
    },
    end: () => {
      isThere = true;
      response.end();
    },
    isCancelled: () => until('the engine is told to stop', () => isClosed),
  };
}

test('a download that says nothing for three minutes is given up, and may be tried again', async t => {
  const { clock, outcome, ended, downloads, isCancelled } = await pulling(t);
  await downloads('one', 10);
  await clock.advance(DOWNLOAD_MS - 1);
  t.false(outcome.isOver);
  await clock.advance(1);
  await ended;
  t.like(outcome.error, { code: 'timeout', retryable: true });
  t.is(outcome.error?.message, 'pulling image model:1: nothing was received for 180 s');
  t.regex(outcome.error?.next ?? '', /reaches the image registry/);
  await isCancelled();
  t.is(clock.waiting, 0);
});

test('a download is waited for as long as something comes', async t => {
  const { clock, outcome, ended, downloads, end } = await pulling(t);
  for (let percent = 1; percent <= 100; percent += 1) {
    await downloads('one', percent);
    await clock.advance(DOWNLOAD_MS - 2 * SOME_TIME_MS);
  }
  end();
  await ended;
  t.is(outcome.error, undefined);
  t.is(clock.waiting, 0);
});

test('unpacking may be silent for longer, and not without end', async t => {
  const { clock, outcome, ended, downloads, completes, isCancelled } = await pulling(t);
  await downloads('one', 50);
  await completes('one');
  await clock.advance(UNPACK_MS - 1);
  t.false(outcome.isOver);
  await clock.advance(1);
  await ended;
  t.like(outcome.error, { code: 'timeout', retryable: true });
  t.is(outcome.error?.message, 'pulling image model:1: all was received, and nothing more was unpacked for 900 s');
  t.regex(outcome.error?.next ?? '', /disk/);
  await isCancelled();
});

test('while one layer is unpacked the others still have to come in time', async t => {
  const { clock, outcome, ended, say, downloads, completes } = await pulling(t);
  say({ id: 'two', status: 'Waiting' });
  await downloads('one', 50);
  await completes('one');
  await clock.advance(DOWNLOAD_MS);
  await ended;
  t.is(outcome.error?.message, 'pulling image model:1: nothing was received for 180 s');
});

test('an engine that never begins is given up as well', async t => {
  const { clock, outcome, ended } = await pulling(t);
  await clock.advance(DOWNLOAD_MS);
  await ended;
  t.is(outcome.error?.message, 'pulling image model:1: nothing was received for 180 s');
});
