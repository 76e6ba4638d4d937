import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import { Agent } from 'undici';
import { authenticate, certificateName } from '../../control-plane/api/auth.ts';
import { hostName, isLoopbackName } from '../../control-plane/api/http-origin.ts';
import {
  type ListenAddress,
  newToken,
  parseListenAddress,
  parseTokens,
  startApi,
} from '../../control-plane/api/index.ts';
import { loadContract } from '../../proto/load.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { call, embedder, grpcClients, send, serve } from './served.ts';

const alice = newToken('alice');
const bob = newToken('bob');
const tokens = parseTokens(`# who may call\n${alice.line}\n\n${bob.line} # until spring\n`, 'tokens');
const loopback = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
const everywhere = { kind: 'tcp', host: '0.0.0.0', port: 0 } as const;

test('a token is known by its hash, and only as itself', t => {
  t.is(tokens.size, 2);
  t.is(tokens.identify(alice.token), 'alice');
  t.is(tokens.identify(bob.token), 'bob');
  t.is(tokens.identify(`${alice.token}x`), null);
  t.is(tokens.identify(''), null);
  t.false(alice.line.includes(alice.token));
});

for (const [what, line] of [
  ['a token instead of its hash', alice.token],
  ['a hash without a name', alice.line.split(' ')[0]!],
  ['a hash that is too short', 'sha256:abcd alice'],
] as const) {
  test(`a token file with ${what} is refused by line, without showing it`, t => {
    const error = t.throws(() => parseTokens(`# first\n${line}\n`, '/etc/tokens'));
    t.regex(error.message, /^\/etc\/tokens:2: /);
    t.false(error.message.includes(line));
  });
}

for (const [what, address] of [
  ['every address', everywhere],
  ['an address of the network', { ...loopback, host: '192.0.2.1' }],
  ['every IPv6 address', { ...loopback, host: '::' }],
  ['a name', { ...loopback, host: 'machine.example' }],
  ['a name that only looks like loopback', { ...loopback, host: '127.0.0.1.example' }],
] as [string, ListenAddress][]) {
  test(`listening on ${what} is refused where nobody would be asked who they are`, async t => {
    const attempts = [{}, { tokens: parseTokens('', 'empty') }];
    for (const given of attempts) {
      const controlPlane = new FakeControlPlane();
      const error = await t.throwsAsync(startApi({ controlPlane, listen: [address], ...given }));
      t.like(error, { code: 'denied' });
      t.regex(error.message, /other machines reach it/);
    }
  });
}

test('TLS alone does not open an address to the network', async t => {
  const { server } = await certificates();
  const listen = [{ ...everywhere, tls: server }];
  t.like(await t.throwsAsync(startApi({ controlPlane: new FakeControlPlane(), listen })), { code: 'denied' });
});

test('with tokens a TCP address asks for one in both protocols, and the unix socket does not', async t => {
  const logged: object[] = [];
  const log = { info: (bindings: object) => logged.push(bindings), warn() {}, error() {} };
  const controlPlane = new FakeControlPlane();
  const api = await startApi({ controlPlane, listen: [everywhere], tokens, log });
  t.teardown(() => api.close(AbortSignal.abort()));
  const origin = `http://127.0.0.1:${new URL(`http://${api.addresses[0]}`).port}`;
  const http = new Agent();
  t.teardown(() => http.destroy());
  const { control, health } = grpcClients(t, origin.slice('http://'.length));

  for (const authorization of [undefined, 'Bearer', `Basic ${alice.token}`, `Bearer ${alice.token}x`, 'Bearer short']) {
    for (const target of ['/v1/status', '/metrics', '/v1/openapi.json', '/v1/nothing']) {
      const answer = await send(http, origin, 'GET', target, { headers: authorization ? { authorization } : {} });
      t.is(answer.status, 401, `${authorization} ${target}`);
      t.is(answer.headers['www-authenticate'], 'Bearer realm="outrigger"');
    }
    const metadata = new Metadata();
    if (authorization) metadata.set('authorization', authorization);
    const error = await t.throwsAsync<ServiceError>(call(done => control.getStatus({}, metadata, done)));
    t.deepEqual(error.metadata.get('outrigger-code'), ['unauthenticated']);
  }
  t.is((await send(http, origin, 'GET', '/healthz')).status, 200);
  t.deepEqual(await call(done => health.check({}, done)), { status: 'SERVING' });

  const body = { specs: [embedder] };
  const authorization = `Bearer ${alice.token}`;
  t.is((await send(http, origin, 'POST', '/v1/apply', { body, headers: { authorization } })).status, 200);
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${bob.token}`);
  metadata.set('outrigger-caller-bin', Buffer.from('{"identity":"alice","by":"token"}'));
  await call(done => control.delete({ namespace: 'feature-store' }, metadata, done));
  t.deepEqual(
    logged.map(b => (b as { caller?: string }).caller).filter(c => c !== undefined),
    ['alice', 'bob'],
  );

  const served = await serve(t, { tokens });
  t.is((await served.request('GET', '/v1/status')).status, 200);
});

test('a client certificate of the authority is asked for in both protocols, and names the caller', async t => {
  const { authority, server, client, unnamed, stranger } = await certificates();
  const logged: object[] = [];
  const log = { info: (bindings: object) => logged.push(bindings), warn() {}, error() {} };
  const controlPlane = new FakeControlPlane();
  const listen = [{ ...everywhere, tls: { ...server, clientAuthority: authority }, names: ['localhost'] }];
  const api = await startApi({ controlPlane, listen, log });
  t.teardown(() => api.close(AbortSignal.abort()));
  const target = `localhost:${api.addresses[0]!.split(':').at(-1)}`;

  const over = (own?: { certificate: string; key: string }) => {
    const http = new Agent({ connect: { ca: authority, ...(own && { cert: own.certificate, key: own.key }) } });
    t.teardown(() => http.destroy());
    const pem = own ? [Buffer.from(own.key), Buffer.from(own.certificate)] : [null, null];
    const ssl = credentials.createSsl(Buffer.from(authority), pem[0], pem[1]);
    const control = new (loadContract().outrigger.v1.Control)(target, ssl, { 'grpc.use_local_subchannel_pool': 1 });
    t.teardown(() => control.close());
    return { http, control };
  };
  for (const [own, identity] of [
    [client, 'job-runner'],
    [unnamed, 'job.example'],
  ] as const) {
    const { http, control } = over(own);
    const body = { specs: [embedder] };
    t.is((await send(http, `https://${target}`, 'POST', '/v1/apply', { body })).status, 200);
    await call(done => control.delete({ namespace: 'feature-store' }, done));
    const callers = logged.map(b => (b as { caller?: string }).caller).filter(c => c !== undefined);
    t.deepEqual(callers.slice(-2), [identity, identity]);
  }
  for (const own of [undefined, stranger]) {
    const { http, control } = over(own);
    t.is((await send(http, `https://${target}`, 'GET', '/v1/status')).status, 401);
    t.is((await send(http, `https://${target}`, 'GET', '/healthz')).status, 200);
    const error = await t.throwsAsync<ServiceError>(call(done => control.getStatus({}, done)));
    t.deepEqual(error.metadata.get('outrigger-code'), ['unauthenticated']);
  }
});

test('with an authority and tokens, either will do', t => {
  const trust = { kind: 'certificate_or_tokens', tokens } as const;
  t.is(authenticate(trust, { authorization: undefined, certificateName: 'job' }).identity, 'job');
  t.is(authenticate(trust, { authorization: `Bearer ${alice.token}`, certificateName: null }).identity, 'alice');
  t.throws(() => authenticate(trust, { authorization: undefined, certificateName: null }));
});

test('a certificate is named by its common name, otherwise by its first alternative name', t => {
  t.is(certificateName({ subject: { CN: 'a' }, subjectaltname: 'DNS:b' }), 'a');
  t.is(certificateName({ subject: { CN: ['a', 'b'] } }), 'a');
  t.is(certificateName({ subject: {}, subjectaltname: 'URI:spiffe://x/y, DNS:c' }), 'spiffe://x/y');
  t.is(certificateName({ subject: {} }), null);
  t.is(certificateName(undefined), null);
});

test('a page of another origin can neither call nor read the API', async t => {
  const api = await startApi({
    controlPlane: new FakeControlPlane(),
    listen: [{ ...loopback, names: ['Control.example'] }],
  });
  t.teardown(() => api.close(AbortSignal.abort()));
  const [address] = api.addresses;
  const http = new Agent();
  t.teardown(() => http.destroy());
  const status = async (headers: Record<string, string>, method = 'GET', target = '/v1/status') =>
    (await send(http, `http://${address}`, method, target, { headers })).status;
  const port = address!.split(':').at(-1);

  t.is(await status({}), 200);
  for (const host of [`localhost:${port}`, 'LOCALHOST', '127.0.0.1', `[::1]:${port}`, 'control.example:80']) {
    t.is(await status({ host }), 200, host);
  }
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'a@localhost',
  ]) {
    t.is(await status({ host }), 421, host);
    t.is(await status({ host }, 'GET', '/healthz'), 421, host);
  }
  t.is(await status({ origin: `http://${address}` }), 200);
  for (const origin of ['http://evil.example', 'null', `https://${address}`, 'http://localhost:1']) {
    t.is(await status({ origin }), 403, origin);
    t.is(await status({ origin }, 'POST', '/v1/services/a/b/restart'), 403, origin);
  }
  t.is(await status({ 'sec-fetch-site': 'cross-site' }), 403);
  t.is(await status({ 'sec-fetch-site': 'same-origin' }), 200);
});

test('host names are read from Host headers as browsers write them', t => {
  t.deepEqual(['a.b:1', '[::1]:2', 'X', '', 'a b', 'a/b', '::1'].map(hostName), ['a.b', '::1', 'x', '', '', '', '']);
  t.deepEqual(['localhost', '127.9.9.9', '::1', '128.0.0.1', '127.0.0.1.x'].map(isLoopbackName), [
    true,
    true,
    true,
    false,
    false,
  ]);
});

test('listen addresses are read as people write them', t => {
  t.deepEqual(parseListenAddress('unix:///a/b.sock'), { kind: 'unix', path: '/a/b.sock' });
  t.deepEqual(parseListenAddress('127.0.0.1:7470'), { kind: 'tcp', host: '127.0.0.1', port: 7470 });
  t.deepEqual(parseListenAddress('[::1]:7470'), { kind: 'tcp', host: '::1', port: 7470 });
  t.deepEqual(parseListenAddress(':7470'), { kind: 'tcp', host: '127.0.0.1', port: 7470 });
  for (const text of ['', '7470', 'unix:relative', 'a:b:1', '::1:7470', '1.2.3.4:70000', '[nothing]:1', 'host:']) {
    t.like(
      t.throws(() => parseListenAddress(text)),
      { code: 'invalid_argument' },
      text,
    );
  }
});

let made: Promise<Certificates> | undefined;
function certificates(): Promise<Certificates> {
  made ??= makeCertificates();
  return made;
}
