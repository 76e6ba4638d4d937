import type { RequestListener } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { request } from 'undici';
import { controlAddress } from '../../client/control-address.ts';
import { createFetch, type DispatcherOptions, OutriggerDispatcher, watch } from '../../client/index.ts';
import { watchOf } from '../../client/watches.ts';
import { freePort, httpServer, type RunningServer, tcpServer } from '../sidecar/servers.ts';
import { until } from '../until.ts';
import { publish, SERVICE, TestControlPlane } from './control-plane.ts';

interface HttpReplica extends RunningServer {
  readonly id: string;
  readonly requests: { method: string; url: string; body: string; headers: Record<string, unknown> }[];
}

/** A replica that answers with its id, unless told otherwise. */
async function replica(t: ExecutionContext, id: string, answer?: RequestListener, port = 0): Promise<HttpReplica> {
  const requests: HttpReplica['requests'] = [];
  const server = await httpServer((incoming, response) => {
    let body = '';
    incoming.on('data', chunk => {
      body += chunk;
    });
    incoming.on('end', () => {
      requests.push({ method: incoming.method!, url: incoming.url!, body, headers: incoming.headers });
      if (answer) answer(incoming, response);
      else response.end(id);
    });
  }, port);
  t.teardown(() => server.close());
  return { ...server, id, requests };
}

function fetchOf(t: ExecutionContext, control: TestControlPlane, options: DispatcherOptions = {}) {
  const fetch = createFetch({ address: control.address, service: SERVICE, ...options });
  t.teardown(() => fetch.dispatcher.destroy());
  return fetch;
}

const text = async (response: Promise<Response>) => (await response).text();

test('a URL under .outrigger goes to its service, path and query and all', async t => {
  const control = await TestControlPlane.start(t);
  const a = await replica(t, 'a');
  publish(control.hub, [a]);
  const dispatcher = new OutriggerDispatcher({ address: control.address });
  t.teardown(() => dispatcher.destroy());
  const { body } = await request('http://embedder.shop.outrigger/v1/models?x=1', { dispatcher });
  t.is(await body.text(), 'a');
  t.is(a.requests[0]!.url, '/v1/models?x=1');
  t.is(a.requests[0]!.headers['host'], `127.0.0.1:${a.port}`);
});

test('other hosts are reached as ever', async t => {
  const control = await TestControlPlane.start(t);
  const other = await replica(t, 'elsewhere');
  const fetch = createFetch({ address: control.address });
  t.teardown(() => fetch.dispatcher.destroy());
  t.is(await text(fetch(`http://127.0.0.1:${other.port}/`)), 'elsewhere');
});

test('the replica with the fewest requests in flight is taken, and those with equally few in turn', async t => {
  const control = await TestControlPlane.start(t);
  const held: (() => void)[] = [];
  let holding = true;
  const hold: RequestListener = (_, response) => {
    if (holding) held.push(() => response.end('held'));
    else response.end('slow');
  };
  const slow = await replica(t, 'slow', hold);
  const quick = await replica(t, 'quick');
  publish(control.hub, [slow, quick]);
  const fetch = fetchOf(t, control);
  const first = [text(fetch('http://any/')), text(fetch('http://any/'))];
  await until('each has got one', () => held.length + quick.requests.length === 2);
  t.is(held.length, 1);
  for (let i = 0; i < 20; i++) t.is(await text(fetch('http://any/')), 'quick');
  t.is(slow.requests.length, 1);
  holding = false;
  held[0]!();
  t.deepEqual((await Promise.all(first)).sort(), ['held', 'quick']);

  const counts = new Map<string, number>();
  const both = await Promise.all(['x', 'y'].map(id => replica(t, id)));
  publish(control.hub, both);
  await until('they are called', async () => ['x', 'y'].includes(await text(fetch('http://any/'))));
  for (let i = 0; i < 20; i++) {
    const id = await text(fetch('http://any/'));
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  t.deepEqual([...counts.values()], [10, 10]);
});

test('an OpenAI-style answer streams: each event is there before the next is sent', async t => {
  const control = await TestControlPlane.start(t);
  let next: () => void = () => undefined;
  const stream: RequestListener = async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 5; i++) {
      response.write(`data: {"token":${i}}\n\n`);
      await new Promise<void>(resolve => {
        next = resolve;
      });
    }
    response.end('data: [DONE]\n\n');
  };
  publish(control.hub, [await replica(t, 'llm', stream)]);
  const fetch = fetchOf(t, control);
  const response = await fetch('http://llm/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ stream: true }),
  });
  t.is(response.headers.get('content-type'), 'text/event-stream');
  const seen: string[] = [];
  for await (const chunk of response.body!) {
    seen.push(Buffer.from(chunk).toString());
    next();
  }
  t.is(seen.length, 6);
  t.is(seen.at(-1), 'data: [DONE]\n\n');
});

test('a POST to a replica that refuses connections goes to another, with its body', async t => {
  const control = await TestControlPlane.start(t);
  const dead = await freePort();
  const a = await replica(t, 'a');
  publish(control.hub, [{ id: 'dead', port: dead }, a]);
  const fetch = fetchOf(t, control);
  for (let i = 0; i < 6; i++) {
    t.is(await text(fetch('http://any/v1/completions', { method: 'POST', body: `prompt ${i}` })), 'a');
  }
  t.deepEqual(
    a.requests.map(r => r.body),
    Array.from({ length: 6 }, (_, i) => `prompt ${i}`),
  );
});

test('a GET whose connection breaks before the answer is sent again; a POST only when asked to', async t => {
  const control = await TestControlPlane.start(t);
  let broken = 0;
  const rude: RequestListener = incoming => {
    broken++;
    incoming.socket.destroy();
  };
  const bad = await replica(t, 'bad', rude);
  publish(control.hub, [bad]);
  const fetch = fetchOf(t, control);
  await t.throwsAsync(text(fetch('http://any/', { method: 'POST', body: 'once' })));
  t.is(broken, 1);
  const good = await replica(t, 'good');
  publish(control.hub, [bad, good]);
  await until('good is called', async () => (await text(fetch('http://any/'))) === 'good');
  const always = fetchOf(t, control, { retry: 'always' });
  for (let i = 0; i < 6; i++) t.is(await text(always('http://any/', { method: 'POST', body: `b${i}` })), 'good');
  t.deepEqual(
    good.requests.filter(r => r.method === 'POST').map(r => r.body),
    ['b0', 'b1', 'b2', 'b3', 'b4', 'b5'],
  );
});

test('503 before an answer: an idempotent request goes elsewhere, a POST is told', async t => {
  const control = await TestControlPlane.start(t);
  const busy = await replica(t, 'busy', (_, response) => response.writeHead(503).end('loading model'));
  const ready = await replica(t, 'ready');
  publish(control.hub, [busy, ready]);
  const fetch = fetchOf(t, control);
  for (let i = 0; i < 6; i++) t.is(await text(fetch('http://any/')), 'ready');
  publish(control.hub, [busy]);
  await until(
    'only busy is left',
    async () => (await fetch('http://any/', { method: 'POST', body: 'x' })).status === 503,
  );
  const answer = await fetch('http://any/', { method: 'POST', body: 'x' });
  t.is(await answer.text(), 'loading model');
});

const endless: Record<string, RequestListener> = {
  'stops in the middle': (_, response) => void response.writeHead(503).write('loading'),
  'never stops': (_, response) => {
    response.writeHead(503);
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(16 * 1024)));
    };
    response.on('drain', more);
    more();
  },
};
for (const [what, answer] of Object.entries(endless)) {
  test(`a 503 whose body ${what} holds up neither the request nor the connection`, async t => {
    const control = await TestControlPlane.start(t);
    let open = 0;
    const busy = await replica(t, 'busy', (incoming, response) => {
      open++;
      response.on('close', () => open--);
      answer(incoming, response);
    });
    const ready = await replica(t, 'ready');
    publish(control.hub, [busy, ready]);
    const fetch = fetchOf(t, control);
    await until('the busy one is asked', async () => {
      t.is(await text(fetch('http://any/')), 'ready');
      return busy.requests.length > 0;
    });
    await until('its answer is given up', () => open === 0);
    publish(control.hub, [ready]);
    await until('it may leave', () => control.hub.withdrawalConfirmed(SERVICE, 'busy'));
  });
}

test('of a 503 that never stops no more is taken than an answer that says why', async t => {
  const control = await TestControlPlane.start(t);
  let sentBytes = 0;
  const busy = await replica(t, 'busy', (incoming, response) => {
    response.on('close', () => {
      sentBytes = Math.max(sentBytes, incoming.socket.bytesWritten);
    });
    endless['never stops']?.(incoming, response);
  });
  const ready = await replica(t, 'ready');
  publish(control.hub, [busy, ready]);
  const fetch = fetchOf(t, control);
  await until('its answer is given up', async () => {
    t.is(await text(fetch('http://any/')), 'ready');
    return sentBytes > 0;
  });
  // What lies in the sockets comes on top of the 64 KiB.
  t.true(sentBytes < 16 * 1024 * 1024, `${sentBytes} bytes`);
});

test('an answer of 503 that ends leaves its connection to the next request', async t => {
  const control = await TestControlPlane.start(t);
  const sockets = new Set<unknown>();
  let requests = 0;
  const busy = await replica(t, 'busy', (incoming, response) => {
    sockets.add(incoming.socket);
    if (++requests <= 3) response.writeHead(503).end('loading model');
    else response.end('busy no more');
  });
  publish(control.hub, [busy]);
  const fetch = fetchOf(t, control, { connectionsPerReplica: 1 });
  t.is(await text(fetch('http://any/')), 'busy no more');
  t.is(sockets.size, 1);
});

test('503 for ever is handed out in the end, after a bounded number of attempts', async t => {
  const control = await TestControlPlane.start(t);
  const busy = await replica(t, 'busy', (_, response) => response.writeHead(503).end('loading model'));
  publish(control.hub, [busy]);
  const answer = await fetchOf(t, control)('http://any/');
  t.is(answer.status, 503);
  t.is(await answer.text(), 'loading model');
  t.is(busy.requests.length, 5);
});

test('once an answer has begun, nothing is sent twice', async t => {
  const control = await TestControlPlane.start(t);
  const cut: RequestListener = (incoming, response) => {
    response.writeHead(200).write('half an ans');
    setImmediate(() => incoming.socket.destroy());
  };
  const a = await replica(t, 'a', cut);
  publish(control.hub, [a]);
  const fetch = fetchOf(t, control, { retry: 'always' });
  await t.throwsAsync(text(fetch('http://any/')));
  t.is(a.requests.length, 1);
});

test('a request before the first replica waits for it, and can be given up meanwhile', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, []);
  const fetch = fetchOf(t, control);
  const early = text(fetch('http://any/'));
  const abort = new AbortController();
  const given = text(fetch('http://any/', { signal: abort.signal }));
  await until('it watches', () => control.hub.watcherCount() === 1);
  abort.abort(new Error('changed my mind'));
  await t.throwsAsync(given, { message: /changed my mind/ });
  publish(control.hub, [await replica(t, 'a')]);
  t.is(await early, 'a');
});

test('waiting has an end that says what it waited for', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, []);
  const cause = async (fetch: ReturnType<typeof fetchOf>) =>
    ((await fetch('http://any/').catch((error: Error) => error)) as Error & { cause?: Error }).cause?.message ?? '';
  t.regex(await cause(fetchOf(t, control, { waitMs: 30 })), /No (replica of shop\/embedder became ready|answer about)/);
  const { address } = control;
  await control.kill();
  const other = watchOf(controlAddress({}, address), { namespace: 'shop', service: 'other' });
  t.teardown(other.subscribe(() => undefined));
  await until('refused', () => other.state.connection.kind === 'lost');
  const away = createFetch({ address, service: 'shop/other', waitMs: 20 });
  t.teardown(() => away.dispatcher.destroy());
  t.regex(await cause(away), /No control plane at http:\/\/127/);
});

test('a request that is given up while it runs ends at the replica too', async t => {
  const control = await TestControlPlane.start(t);
  let closed = false;
  const hang: RequestListener = (_, response) => void response.on('close', () => (closed = true));
  const a = await replica(t, 'a', hang);
  publish(control.hub, [a]);
  const abort = new AbortController();
  const response = fetchOf(t, control)('http://any/', { signal: abort.signal });
  await until('it runs', () => a.requests.length === 1);
  abort.abort();
  await t.throwsAsync(response, { name: 'AbortError' });
  await until('closed', () => closed);
});

test('replicas that leave finish what they have, and are given up by this client only then; no request fails', async t => {
  const control = await TestControlPlane.start(t);
  let release: () => void = () => undefined;
  const a = await replica(t, 'a', (_, response) => {
    release = () => void response.end('finished');
  });
  const b = await replica(t, 'b');
  const c = await replica(t, 'c');
  publish(control.hub, [a]);
  const fetch = fetchOf(t, control);
  const running = text(fetch('http://any/'));
  await until('it runs', () => a.requests.length === 1);
  let known: string[] = [];
  const watching = watch(SERVICE, ({ endpoints }) => (known = endpoints.map(e => e.replicaId)), {
    address: control.address,
  });
  t.teardown(() => watching.close());
  publish(control.hub, [b]);
  await until('the change is known', () => String(known) === 'b');
  for (let i = 0; i < 10; i++) t.is(await text(fetch('http://any/')), 'b');
  publish(control.hub, [c]);
  await until('b, which has nothing to do, is left for c', () => String(known) === 'c');
  for (let i = 0; i < 10; i++) t.is(await text(fetch('http://any/')), 'c');
  t.false(control.hub.withdrawalConfirmed(SERVICE, 'a'), 'a still works for this client');
  release();
  t.is(await running, 'finished');
  await until('a may be stopped', () => control.hub.withdrawalConfirmed(SERVICE, 'a'));
  t.true(control.hub.withdrawalConfirmed(SERVICE, 'b'));
  t.is(a.requests.length, 1);
});

test('answers that nobody reads do not use up the connections for others', async t => {
  const control = await TestControlPlane.start(t);
  const a = await replica(t, 'a', (_, response) => response.end('x'.repeat(200_000)));
  publish(control.hub, [a]);
  const fetch = fetchOf(t, control);
  const unread = await Promise.all(Array.from({ length: 20 }, () => fetch('http://any/')));
  t.is((await text(fetch('http://any/'))).length, 200_000);
  for (const response of unread) await response.body?.cancel();
});

test('quiesce waits for what runs, and for nothing that comes later', async t => {
  const control = await TestControlPlane.start(t);
  const releases: (() => void)[] = [];
  publish(control.hub, [await replica(t, 'a', (_, response) => void releases.push(() => response.end('done')))]);
  const fetch = fetchOf(t, control);
  const first = text(fetch('http://any/'));
  await until('it runs', () => releases.length === 1);
  let quiet = false;
  const quiesced = fetch.dispatcher.quiesce().then(() => {
    quiet = true;
  });
  const second = text(fetch('http://any/'));
  await until('both run', () => releases.length === 2);
  t.false(quiet);
  releases[0]!();
  await first;
  await quiesced;
  await t.throwsAsync(fetch.dispatcher.quiesce({ timeoutMs: 20 }), { message: /1 calls still run after 20 ms/ });
  releases[1]!();
  await second;
});

test("forms and requests made with Node's own classes are sent whole", async t => {
  const control = await TestControlPlane.start(t);
  const a = await replica(t, 'a');
  publish(control.hub, [a]);
  const fetch = fetchOf(t, control);
  const form = new FormData();
  form.append('model', 'whisper');
  form.append('file', new File(['sound'], 'speech.wav'));
  await text(fetch('http://any/v1/audio', { method: 'POST', body: form }));
  t.regex(String(a.requests[0]!.headers['content-type']), /^multipart\/form-data; boundary=/);
  t.regex(a.requests[0]!.body, /name="model"\r\n\r\nwhisper[\s\S]*filename="speech\.wav"[\s\S]*sound/);
  await text(
    fetch(new Request('http://any/echo', { method: 'POST', body: 'in a request', headers: { 'x-key': 'k' } })),
  );
  t.like(a.requests[1], { url: '/echo', body: 'in a request' });
  t.is(a.requests[1]!.headers['x-key'], 'k');
});

test('a dispatcher that is closed while a request waits for a replica says so to it', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, []);
  const fetch = fetchOf(t, control);
  const waiting = text(fetch('http://any/'));
  await until('it watches', () => control.hub.watcherCount() === 1);
  await fetch.close();
  const error = await t.throwsAsync<Error & { cause?: Error }>(waiting);
  t.regex(`${error!.cause?.message}`, /This dispatcher was closed/);
});

test('a streamed body is sent whole to the replica that takes it, after others broke off in the middle', async t => {
  const control = await TestControlPlane.start(t);
  const breaking = await tcpServer(socket => void socket.once('data', () => setImmediate(() => socket.destroy())));
  t.teardown(() => breaking.close());
  const good = await replica(t, 'good');
  publish(control.hub, [{ id: 'breaking', port: breaking.port }]);
  const fetch = fetchOf(t, control, { retry: 'always' });
  async function* body() {
    yield Buffer.from('one ');
    await until('it broke off', () => breaking.accepted() > 0);
    publish(control.hub, [good]);
    await until('the set has changed', () => control.hub.withdrawalConfirmed(SERVICE, 'breaking'));
    yield Buffer.from('two ');
    yield Buffer.from('three');
  }
  const init = { method: 'POST', body: body(), duplex: 'half' } as unknown as RequestInit;
  t.is(await text(fetch('http://any/', init)), 'good');
  t.is(good.requests[0]!.body, 'one two three');
});

test('a closed dispatcher takes nothing more, and leaves no watch', async t => {
  const control = await TestControlPlane.start(t);
  publish(control.hub, [await replica(t, 'a')]);
  const fetch = fetchOf(t, control);
  await text(fetch('http://any/'));
  await fetch.close();
  await until('nobody watches', () => control.hub.watcherCount() === 0);
  const error = await t.throwsAsync<Error & { cause?: Error }>(text(fetch('http://any/')));
  t.regex(`${error!.message} ${error!.cause?.message}`, /closed/);
});

test('a server that speaks no HTTP is an error, not a hang', async t => {
  const control = await TestControlPlane.start(t);
  const garbage = await tcpServer(socket => void socket.on('data', () => socket.end('what?\r\n')));
  t.teardown(() => garbage.close());
  publish(control.hub, [{ id: 'g', port: garbage.port }]);
  await t.throwsAsync(text(fetchOf(t, control)('http://any/')));
});
