import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import { createDockerEngine } from '../../control-plane/engine/docker/index.ts';
import { configureNode } from '../../control-plane/nodes/configure-node.ts';
import { nodesFile } from '../../control-plane/nodes/nodes-file.ts';
import { NestedEngine } from '../engines/nested-engine.ts';
import { issueExpired, TlsEngine } from './tls-engine.ts';

type Secured = Pick<TlsEngine, 'url' | 'folder'>;

async function configured(engine: Secured, entry: object) {
  const content = nodesFile.parse({ nodes: { a: { engine: engine.url, ...entry } } });
  return configureNode('a', content.nodes['a']!, { folder: engine.folder, environment: {} });
}

async function listing(t: ExecutionContext, engine: Secured, entry: object) {
  const result = await configured(engine, entry);
  if (result.kind === 'failed') throw new Error(result.problem.message);
  const docker = createDockerEngine({ node: 'a', instance: 'tls-test', ...result.node.engine });
  t.teardown(() => docker.close());
  return docker.observe(AbortSignal.timeout(20_000));
}

async function tlsEngine(t: ExecutionContext, options?: { overdue: boolean }): Promise<TlsEngine> {
  const engine = await TlsEngine.start(options);
  t.teardown(() => engine.close());
  return engine;
}

async function refused(
  t: ExecutionContext,
  asked: Promise<unknown>,
  expected: { message: RegExp; next: RegExp },
): Promise<void> {
  const error = (await t.throwsAsync(asked)) as unknown as OutriggerError;
  t.is(error.code, 'unavailable', error.message);
  t.regex(error.message, expected.message);
  t.regex(error.next ?? '', expected.next);
  t.false(error.retryable);
}

test('an engine behind TLS is reached with the files that the entry names, relative to the nodes file', async t => {
  const engine = await tlsEngine(t);
  const found = await listing(t, engine, { tls: { ca: 'ca.pem', cert: 'client.pem', key: 'client.key' } });
  t.true(found.cpus > 0);
});

test('a real engine refuses a client without a certificate, with one that is over, and with a stranger one', async t => {
  const engine = await NestedEngine.start({ images: [], listen: 'tls' });
  t.teardown(() => engine.dispose());
  const secured = { url: engine.url, folder: path.dirname(engine.certificates?.client.cert ?? '') };
  await issueExpired(secured.folder);
  const found = await listing(t, secured, { tls: { ca: 'ca.pem', cert: 'client.pem', key: 'client.key' } });
  t.true(found.cpus > 0);
  await refused(t, listing(t, secured, { tls: { ca: 'ca.pem' } }), {
    message: /refused our certificate: .*certificate required|refused our certificate: .*bad certificate/,
    next: /nodes\.a\.tls in the nodes file/,
  });
  await refused(t, listing(t, secured, { tls: { ca: 'ca.pem', cert: 'expired.pem', key: 'expired.key' } }), {
    message: /refused our certificate/,
    next: /not over/,
  });
  await refused(t, listing(t, secured, { tls: { ca: 'ca.pem', cert: 'stranger.pem', key: 'stranger.key' } }), {
    message: /refused our certificate/,
    next: /its CA signed/,
  });
  await refused(t, listing(t, secured, {}), {
    message: /sent an HTTP request to an HTTPS server/,
    next: /speaks TLS only/,
  });
});

test('an engine whose certificate another authority signed, or that is over, is not trusted', async t => {
  const client = { cert: 'client.pem', key: 'client.key' };
  const engine = await tlsEngine(t);
  await refused(t, listing(t, engine, { tls: { ca: 'other-ca.pem', ...client } }), {
    message: /could not be trusted: unable to verify|could not be trusted: self.signed/,
    next: /^Name the CA that signed .*: see nodes\.a\.tls in the nodes file\.$/,
  });
  const overdue = await tlsEngine(t, { overdue: true });
  await refused(t, listing(t, overdue, { tls: { ca: 'ca.pem', ...client } }), {
    message: /could not be trusted: certificate has expired/,
    next: /nodes file/,
  });
  const anyway = await listing(t, overdue, { tls: { skip_verify: true, ...client } });
  t.true(anyway.cpus > 0, 'unless that is asked for');
});

test('TLS to a port that speaks none says so', async t => {
  const plain = net.createServer(socket => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve));
  t.teardown(() => plain.close());
  const { folder } = await tlsEngine(t);
  const url = `tcp://127.0.0.1:${(plain.address() as net.AddressInfo).port}`;
  await refused(t, listing(t, { url, folder }, { tls: { ca: 'ca.pem' } }), {
    message: /does not speak TLS: wrong version number/,
    next: /Check the port/,
  });
});

test('a certificate file that is missing, is none, or belongs to another key is located', async t => {
  const engine = await tlsEngine(t);
  await writeFile(path.join(engine.folder, 'none.pem'), 'nothing');
  const client = { cert: 'client.pem', key: 'client.key' };
  const cases: readonly [object, string, RegExp][] = [
    [{ ca: 'gone.pem' }, 'ca', /the file .*\/gone\.pem does not exist/],
    [{ ca: 'none.pem' }, 'ca', /expected a certificate in PEM form in .*\/none\.pem/],
    [{ ca: 'ca.pem', ...client, cert: 'none.pem' }, 'cert', /expected a certificate in PEM form/],
    [{ ca: 'ca.pem', ...client, key: 'none.pem' }, 'key', /expected a private key without a passphrase in PEM form/],
    [{ ca: 'ca.pem', ...client, key: 'stranger.key' }, 'key', /does not belong to the certificate/],
    [{ ca: '.' }, 'ca', /cannot be read \(EISDIR/],
  ];
  for (const [tls, key, message] of cases) {
    const result = await configured(engine, { tls });
    if (result.kind !== 'failed') return t.fail(JSON.stringify(tls));
    t.deepEqual(result.problem.keyPath, ['nodes', 'a', 'tls', key]);
    t.regex(result.problem.message, message);
  }
});
