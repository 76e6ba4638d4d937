import { getEventListeners } from 'node:events';
import test from 'ava';
import fc from 'fast-check';
import { AnswerHead } from '../../sidecar/probes/answer-head.ts';
import { httpProbe } from '../../sidecar/probes/http.ts';
import { type AnswerLimits, answeredStatus } from '../../sidecar/probes/http-status.ts';
import { silentPort } from '../client/silent-port.ts';
import { httpServer, tcpServer } from './servers.ts';

const { signal } = new AbortController();
const check = (rest: object = {}) =>
  ({ kind: 'http', path: '/', headers: {}, expect: 'success', ...rest }) as Parameters<typeof httpProbe>[0];
const statusIn = (text: string) => new AnswerHead().read(text);
const at = (port: number) => ({ host: '127.0.0.1', port, forwarded: false });

test('an answer is taken for the same however it is cut into pieces', t => {
  const answer = fc.constantFrom(
    ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', 200],
    ['HTTP/1.0 503 Service Unavailable\r\n\r\n', 503],
    ['HTTP/1.1 204\r\n\r\n', 204],
    ['HTTP/1.1 103 Early Hints\r\nlink: </style>\r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 302 Found\r\n\r\n', 302],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00', 101],
    ['HTTP/2 200\r\n\r\n', 'not_http'],
    ['HTTP/1.1 2000 OK\r\n\r\n', 'not_http'],
    ['HTTP/1.1 20 OK\r\n\r\n', 'not_http'],
    ['SSH-2.0-OpenSSH_9.2\r\n', 'not_http'],
    ['\0\0\x12\x04\0\0\0\0\0', 'not_http'],
  );
  fc.assert(
    fc.property(answer, fc.nat(200), ([text, expected], cut) => {
      const early = statusIn(String(text).slice(0, cut));
      const isWhole = cut >= String(text).length - 'ok'.length;
      if (typeof early === 'number') t.true(isWhole, `${JSON.stringify(text)} is taken for whole at ${cut}`);
      t.true(early === 'incomplete' || early === expected, `${JSON.stringify(text)} cut at ${cut}: ${early}`);
      t.is(statusIn(String(text)), expected as never);
    }),
  );
});

test('what comes in many pieces is taken for the same as in one, as soon as it can be', t => {
  const piece = fc.constantFrom('HTTP/1.1 ', '103', '200', ' OK', '\r', '\n', '\r\n', '\r\n\r\n', 'x: y', 'z');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, isByteByByte) => {
      const head = new AnswerHead();
      let sent = '';
      for (const next of isByteByByte ? pieces.join('') : pieces) {
        sent += next;
        const found = head.read(next);
        t.is(found, statusIn(sent), JSON.stringify(sent));
        if (found !== 'incomplete') break;
      }
    }),
  );
});

test('of headers that drip nothing is kept that was looked at', t => {
  const head = new AnswerHead();
  for (const answer of ['HTTP/1.1 103 Early Hints\r\n', 'HTTP/1.1 200 OK\r\n']) {
    for (const byte of answer) t.is(head.read(byte), 'incomplete');
    for (const byte of 'name: value\r\n'.repeat(1_000)) {
      if (head.read(byte) !== 'incomplete' || head.keptBytes > 2) t.fail(`${head.keptBytes} bytes are kept`);
    }
    t.is(head.read('\r\n'), answer.includes('200') ? 200 : 'incomplete');
  }
});

test('whatever comes, it is an answer, none, or not yet known', t => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.boolean(), (text, begun) => {
      const found = statusIn(begun ? `HTTP/1.1 ${text}` : text);
      t.true(found === 'incomplete' || found === 'not_http' || (found >= 100 && found <= 999));
    }),
  );
});

for (const [what, begin, more] of [
  ['status line', 'HTTP/1.1 200 ', 'x'.repeat(4_096)],
  ['row of informing answers', '', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100)],
  ['row of headers', 'HTTP/1.1 200 OK\r\n', 'x: y\r\n'.repeat(100)],
] as const) {
  test(`an endless ${what} is given up`, async t => {
    const server = await tcpServer(socket => {
      const goOn = () => {
        while (!socket.destroyed && socket.write(more));
      };
      socket.on('error', () => {});
      socket.write(begin);
      socket.on('drain', goOn);
      goOn();
    });
    t.teardown(() => server.close());
    t.like(await httpProbe(check(), at(server.port), signal), { kind: 'failed' });
  });
}

for (const [size, bytes, expected] of [
  ['long', 50_000, 'passed'],
  ['longer than any server has a reason for', 100_000, 'failed'],
] as const) {
  test(`an answer with headers that are ${size} has ${expected}`, async t => {
    const server = await tcpServer(socket => {
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(bytes / 6)}\r\n`);
    });
    t.teardown(() => server.close());
    t.is((await httpProbe(check(), at(server.port), signal)).kind, expected);
  });
}

test('nothing of a probe stays at the signal of who asks it for weeks', async t => {
  const asking = new AbortController();
  const open = await httpServer((_, response) => response.end());
  const mute = await tcpServer(socket => socket.end('no answer'));
  t.teardown(() => Promise.all([open.close(), mute.close()]));
  t.is(await answeredStatus(at(open.port), REQUEST, asking.signal), 200);
  await t.throwsAsync(answeredStatus(at(mute.port), REQUEST, asking.signal));
  t.is(getEventListeners(asking.signal, 'abort').length, 0);
});

test('an answer that comes byte by byte, after informing ones, passes', async t => {
  const server = await tcpServer(socket => {
    const text = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n';
    const next = (i: number) => void (i < text.length ? socket.write(text[i]!, () => setImmediate(next, i + 1)) : 0);
    next(0);
  });
  t.teardown(() => server.close());
  t.deepEqual(await httpProbe(check(), at(server.port), signal), { kind: 'passed' });
});

test('a probe is a whole request: its own host, or the one that the check names, and no connection to be kept', async t => {
  const seen: NodeJS.Dict<string | string[]>[] = [];
  const server = await httpServer((request, response) => {
    seen.push({ ...request.headers, url: request.url });
    response.end('ok');
  });
  t.teardown(() => server.close());
  const own = check({ path: '/a?b=c' });
  for (const asked of [own, own, check({ headers: { HOST: 'model.example', 'X-Key': 'k', Connection: 'keep-alive' } })])
    t.like(await httpProbe(asked, at(server.port), signal), { kind: 'passed' });
  const host = `127.0.0.1:${server.port}`;
  const common = { connection: 'close', 'user-agent': 'outrigger-probe' };
  t.deepEqual(seen, [
    { ...common, host, url: '/a?b=c' },
    { ...common, host, url: '/a?b=c' },
    { ...common, host: 'model.example', 'x-key': 'k', url: '/' },
  ]);
});

test('the same check asks another address by the name of that', async t => {
  const hosts: (string | undefined)[] = [];
  const servers = await Promise.all(
    [1, 2].map(() =>
      httpServer((request, response) => {
        hosts.push(request.headers.host);
        response.end();
      }),
    ),
  );
  t.teardown(() => Promise.all(servers.map(server => server.close())));
  const asked = check();
  for (const { port } of servers) await httpProbe(asked, at(port), signal);
  t.deepEqual(
    hosts,
    servers.map(({ port }) => `127.0.0.1:${port}`),
  );
});

for (const [what, rest] of Object.entries({
  'a header value with a line end': { headers: { 'x-key': 'a\r\nx-evil: 1' } },
  'a header name with a space': { headers: { 'x key': 'a' } },
  'a path with a line end': { path: '/ HTTP/1.1\r\nx-evil: 1\r\n\r\n' },
})) {
  test(`${what} is never sent`, async t => {
    const server = await httpServer((_, response) => response.end());
    t.teardown(() => server.close());
    const result = await httpProbe(check(rest), at(server.port), signal);
    t.is(result.kind, 'failed');
    t.is(server.accepted(), 0);
  });
}

const ENDLESS: AnswerLimits = {
  connectTimeoutMs: 600_000,
  surplusBytes: Number.POSITIVE_INFINITY,
  stalledMs: 600_000,
};
const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';

/** A server that goes on with so much after its answer, as fast as it is taken, and never ends. `left`: the client did. */
async function goesOn(bytes: number) {
  const left = Promise.withResolvers<void>();
  const server = await tcpServer(socket => {
    let toSend = bytes;
    const next = () => {
      while (toSend > 0 && !socket.destroyed) {
        const length = Math.min(toSend, 1_024);
        toSend -= length;
        if (!socket.write('x'.repeat(length))) return;
      }
    };
    socket.on('close', () => left.resolve());
    socket.on('drain', next);
    socket.resume();
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    next();
  });
  return { server, left: left.promise };
}

test('whoever answers and goes on without end is left once more than enough has come', async t => {
  const { server, left } = await goesOn(Number.POSITIVE_INFINITY);
  t.teardown(() => server.close());
  t.is(await answeredStatus(at(server.port), REQUEST, signal, { ...ENDLESS, surplusBytes: 16_384 }), 200);
  await t.notThrowsAsync(left);
});

test('whoever answers and neither goes on nor ends is left after a while', async t => {
  const { server, left } = await goesOn(100);
  t.teardown(() => server.close());
  t.is(await answeredStatus(at(server.port), REQUEST, signal, { ...ENDLESS, stalledMs: 20 }), 200);
  await t.notThrowsAsync(left);
});

test('a probe sets both bounds', async t => {
  for (const bytes of [100, Number.POSITIVE_INFINITY]) {
    const { server, left } = await goesOn(bytes);
    t.teardown(() => server.close());
    t.deepEqual(await httpProbe(check(), at(server.port), signal), { kind: 'passed' });
    await t.notThrowsAsync(left);
  }
});

test('a port that answers no request for a connection is given up', async t => {
  const port = await silentPort(t);
  await t.throwsAsync(answeredStatus(at(port), REQUEST, signal, { ...ENDLESS, connectTimeoutMs: 50 }), {
    message: 'no connection within 0.05 s',
    code: 'ETIMEDOUT',
  });
});
