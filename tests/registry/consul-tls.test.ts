import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { ConsulApi } from '../../control-plane/registry/consul-api.ts';

/** A key and its self-signed certificate for 127.0.0.1, which is its own CA; null where there is no openssl. */
async function certificate(): Promise<{ folder: string; key: string; cert: string } | null> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-tls-'));
  const key = path.join(folder, 'key.pem');
  const cert = path.join(folder, 'cert.pem');
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=server.dc1.consul', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:server.dc1.consul'],
    ...['-keyout', key, '-out', cert],
  ]);
  return made.status === 0 ? { folder, key, cert } : null;
}

test('over https the agent must have a certificate of the given CA, and is shown ours', async t => {
  const made = await certificate();
  if (!made) {
    t.log('skipped: openssl makes no certificate here');
    return t.pass();
  }
  t.teardown(() => rm(made.folder, { recursive: true }));
  const shown = new Set<boolean>();
  const ca = await readFile(made.cert);
  const server = createServer(
    { key: await readFile(made.key), cert: ca, ca, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      shown.add((request.socket as TLSSocket).authorized);
      response.setHeader('content-type', 'application/json').end('{}');
    },
  );
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = new URL(`https://127.0.0.1:${(server.address() as { port: number }).port}`);
  const ask = async (options: object) => {
    const api = new ConsulApi({ url, ...options }, { timeoutMs: 30_000 });
    try {
      return await api.services('x', AbortSignal.timeout(60_000));
    } finally {
      api.close();
    }
  };
  await t.throwsAsync(ask({}), { code: 'unavailable', message: /self-signed certificate/ } as never);
  t.deepEqual(await ask({ caFile: made.cert }), []);
  t.deepEqual(await ask({ caFile: made.cert, serverName: 'server.dc1.consul' }), []);
  t.deepEqual(await ask({ verify: false }), []);
  t.deepEqual([...shown], [false]);
  t.deepEqual(await ask({ caFile: made.cert, certFile: made.cert, keyFile: made.key }), []);
  t.true(shown.has(true));
});

test('a certificate file that is not there is an error at start, not a registry that never comes', t => {
  const url = new URL('https://127.0.0.1:1');
  t.throws(() => new ConsulApi({ url, caFile: '/nowhere/ca.pem' }, { timeoutMs: 1 }), {
    code: 'invalid_argument',
    message: /CA certificate for Consul \/nowhere\/ca\.pem/,
  } as never);
});
