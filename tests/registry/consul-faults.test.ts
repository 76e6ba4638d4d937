import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server } from 'node:net';
import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import { randomWord } from '../../control-plane/ids.ts';
import { ConsulRegistry, type ConsulTimings } from '../../control-plane/registry/consul.ts';
import { startConsul } from '../agents/consul.ts';
import { endpoint } from '../fakes/endpoint.ts';
import { until } from '../until.ts';

const limit = () => AbortSignal.timeout(60_000);
const opened: ConsulRegistry[] = [];
test.after.always(() => Promise.allSettled(opened.map(registry => registry.close({ withdraw: false }, limit()))));

function open(url: URL, timings: Partial<ConsulTimings> = {}): ConsulRegistry {
  const registry = new ConsulRegistry({
    connection: { url },
    instance: randomWord(12),
    clock: createSteadyClock(),
    timings,
  });
  opened.push(registry);
  return registry;
}

test('Consul killed and started empty: the last good stays, and everything is registered again with the real timings', async t => {
  const consul = await startConsul();
  t.teardown(() => consul.kill());
  const registry = open(consul.url);
  registry.publish([endpoint({ replicaId: 'a' }), endpoint({ replicaId: 'b' })]);
  await until('registered', async () => (await registry.read('feature-store/embedder', limit())).length === 2);

  await consul.kill();
  const words = /ECONNREFUSED.*Endpoints stay as they were last known/s;
  await until('noticed', () => words.test(registry.status().message ?? ''));
  t.deepEqual([...registry.published()].sort(), ['a', 'b']);
  await t.throwsAsync(registry.read('feature-store/embedder', limit()), { code: 'unavailable' });

  // Withdrawn while it is away: that is not believed before Consul is back and says so.
  registry.publish([endpoint({ replicaId: 'b' }), endpoint({ replicaId: 'c' })]);
  t.true(registry.published().has('a'));
  await consul.start();
  await until('registered again', async () => {
    const found = await registry.read('feature-store/embedder', limit()).catch(() => []);
    return (
      found
        .map(e => e.replicaId)
        .sort()
        .join() === 'b,c'
    );
  });
  await until('healthy', () => registry.status().healthy);
  await until('settled', () => [...registry.published()].sort().join() === 'b,c');
  await registry.close({ withdraw: true }, limit());
});

test('Consul hangs: nothing blocks, the last good stays, and it converges once Consul answers again', async t => {
  const consul = await startConsul();
  t.teardown(() => consul.kill());
  const registry = open(consul.url, { intervalMs: 100, requestTimeoutMs: 300, ttlMs: 2_000, heartbeatMs: 500 });
  registry.publish([endpoint({ replicaId: 'a' })]);
  await until('registered', async () => (await registry.read('feature-store/embedder', limit())).length === 1);

  consul.pause();
  await until('noticed', () => /did not answer|timed out/.test(registry.status().message ?? ''));
  await t.throwsAsync(registry.read('feature-store/embedder', limit()), { code: 'unavailable' });
  registry.publish([endpoint({ replicaId: 'b' })]);
  t.true(registry.published().has('a'));
  await t.throwsAsync(open(consul.url).close({ withdraw: true }, AbortSignal.timeout(500)), { code: 'timeout' });

  consul.resume();
  await until('converged', () => registry.status().healthy && [...registry.published()].join() === 'b');
  t.deepEqual(
    (await registry.read('feature-store/embedder', limit())).map(e => e.replicaId),
    ['b'],
  );
  await registry.close({ withdraw: true }, limit());
});

test('a close that Consul does not answer ends with its signal and says what may be left', async t => {
  const consul = await startConsul();
  t.teardown(() => consul.kill());
  const registry = open(consul.url);
  registry.publish([endpoint({ replicaId: 'a' })]);
  await until('registered', async () => (await registry.read('feature-store/embedder', limit())).length === 1);
  consul.pause();
  const error = await t.throwsAsync(registry.close({ withdraw: true }, AbortSignal.timeout(300)), { code: 'timeout' });
  t.regex(error?.message ?? '', /1 endpoints may still be registered/);
});

/** What a server under the address of Consul may say instead of what Consul says. */
const garbage: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  'a web page': (_, response) => response.setHeader('content-type', 'text/html').end('<h1>hello</h1>'),
  'broken JSON': (_, response) => response.setHeader('content-type', 'application/json').end('{"a": '),
  'JSON of another shape': (_, response) => response.setHeader('content-type', 'application/json').end('[1, null]'),
  'services of another shape': (_, response) =>
    response.setHeader('content-type', 'application/json').end('{"x": {"ID": 7, "Service": []}}'),
  'nothing at all': (_, response) => response.end(),
  'a refusal': (_, response) => response.writeHead(403).end('Permission denied'),
  'an internal error': (_, response) => response.writeHead(500).end('No cluster leader'),
  'half an answer': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
    response.write('{"half":', () => response.destroy());
  },
  'an answer without an end': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const piece = Buffer.alloc(1024 * 1024, ' ');
    const more = () => {
      while (!response.destroyed && response.write(piece));
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  },
};

for (const [what, answer] of Object.entries(garbage)) {
  test(`${what} in place of Consul: the status says so, and nothing is taken for published or withdrawn`, async t => {
    let speaksGarbage = true;
    const server = createServer((request, response) => {
      if (speaksGarbage) return void answer(request, response);
      response.setHeader('content-type', 'application/json').end('{}');
    });
    const registry = open(await listen(server, t), { intervalMs: 50, backoffMs: 20, backoffCapMs: 50 });
    const memoryBefore = process.memoryUsage().rss;
    registry.publish([endpoint({ replicaId: 'a' })]);
    await until('noticed', () => !/^connecting/.test(registry.status().message ?? ''));
    t.false(registry.status().healthy);
    t.regex(registry.status().message ?? '', /^(what answers at|Consul at) http:\/\/127\.0\.0\.1:\d+/);
    t.is(registry.published().size, 0);
    await t.throwsAsync(registry.read('a/b', limit()), { instanceOf: Error });
    t.true(process.memoryUsage().rss - memoryBefore < 400 * 1024 * 1024);
    speaksGarbage = false;
    await until('recovered', () => registry.status().healthy);
    await registry.close({ withdraw: false }, limit());
  });
}

test('bytes that are not HTTP in place of Consul are an ordinary failure', async t => {
  const server = createTcpServer(
    socket =>
      void socket
        .on('error', () => {})
        .resume()
        .end('SSH-2.0-OpenSSH_9.2\r\n'),
  );
  const registry = open(await listen(server, t));
  await until('noticed', () => !/^connecting/.test(registry.status().message ?? ''));
  t.regex(registry.status().message ?? '', /^Consul at http.*Parse Error/s);
});

test('a registration that is refused is named in the status, and the others are registered', async t => {
  const held: Record<string, object> = {};
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/agent/service/register') {
        const body = JSON.parse(Buffer.concat(chunks).toString());
        if (body.ID.endsWith('-bad')) return response.writeHead(400).end('Invalid service address');
        held[body.ID] = { ...body, Service: body.Name };
        return response.end();
      }
      return response.setHeader('content-type', 'application/json').end(JSON.stringify(held));
    });
  });
  const registry = open(await listen(server, t), { intervalMs: 50 });
  registry.publish([endpoint({ replicaId: 'bad' }), endpoint({ replicaId: 'good' })]);
  await until('the status', () => /-bad: 400 Invalid service address/.test(registry.status().message ?? ''));
  await until('only the good one', () => [...registry.published()].join() === 'good');
  t.pass();
});

test('who comes is registered before who goes is withdrawn, so that nobody is given an empty answer in between', async t => {
  const held: Record<string, object> = {};
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      const { url = '' } = request;
      const [, verb = '', id = ''] = /service\/(register|deregister)\/?.*?([^-]*)$/.exec(url) ?? [];
      if (verb === 'register') {
        const body = JSON.parse(Buffer.concat(chunks).toString());
        held[body.ID] = { ...body, Service: body.Name };
        asked.push(`${body.ID.split('-').at(-1)} comes`);
      } else if (verb === 'deregister') {
        for (const name of Object.keys(held)) if (name.endsWith(`-${id}`)) delete held[name];
        asked.push(`${id} goes`);
      }
      response.setHeader('content-type', 'application/json').end(verb === '' ? JSON.stringify(held) : '');
    });
  });
  const registry = open(await listen(server, t), { intervalMs: 20 });
  registry.publish([endpoint({ replicaId: 'old' })]);
  await until('registered', () => registry.standing('old').announced);
  registry.publish([endpoint({ replicaId: 'new' })]);
  await until('replaced', () => registry.standing('old').letGoAt !== null);
  t.deepEqual(asked, ['old comes', 'new comes', 'old goes']);
});

test('what is refused for good is not waited for; what is refused for a token is', async t => {
  for (const [status, isWaitedFor] of [
    [400, false],
    [403, true],
  ] as const) {
    const server = createServer((request, response) => {
      if (request.url === '/v1/agent/service/register') return response.writeHead(status).end('no');
      return response.setHeader('content-type', 'application/json').end('{}');
    });
    const registry = open(await listen(server, t), { intervalMs: 20 });
    registry.publish([endpoint({ replicaId: 'a' })]);
    await until('refused', () => /: 40[03] no/.test(registry.status().message ?? ''));
    t.is(registry.standing('a').announced, !isWaitedFor, String(status));
  }
});

test('a registration whose answer never came counts as published until two later listings do not show it', async t => {
  let listings = 0;
  const server = createServer((request, response) => {
    if (request.url === '/v1/agent/service/register') return; // accepted, and no answer
    listings += 1;
    response.setHeader('content-type', 'application/json').end('{}');
  });
  const registry = open(await listen(server, t), {
    intervalMs: 20,
    requestTimeoutMs: 200,
    backoffMs: 20,
    backoffCapMs: 20,
  });
  registry.publish([endpoint({ replicaId: 'a' })]);
  await until('attempted', () => registry.published().has('a'));
  await until('failed', () => /did not answer|timed out/.test(registry.status().message ?? ''));
  t.true(registry.published().has('a'));
  const before = listings;
  registry.publish([]);
  await until('believed gone', () => !registry.published().has('a'));
  t.true(listings >= before + 2);
});

test('the token of a file is sent, and read again when it changes', async t => {
  const { mkdtemp, writeFile } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const { join } = await import('node:path');
  const file = join(await mkdtemp(join(tmpdir(), 'outrigger-token-')), 'token');
  await writeFile(file, 'first\n');
  const tokens = new Set<unknown>();
  const server = createServer((request, response) => {
    tokens.add(request.headers['x-consul-token']);
    response.setHeader('content-type', 'application/json').end('{}');
  });
  const url = await listen(server, t);
  const registry = new ConsulRegistry({
    connection: { url, token: { file } },
    instance: 'i',
    clock: createSteadyClock(),
    timings: { intervalMs: 20 },
  });
  opened.push(registry);
  await until('the first', () => tokens.has('first'));
  await writeFile(file, 'second');
  await until('the second', () => tokens.has('second'));
  t.pass();
});

async function listen(server: Server, t: { teardown: (fn: () => Promise<void>) => void }): Promise<URL> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  });
  return new URL(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
}
