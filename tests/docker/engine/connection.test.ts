import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connectionOfContext } from '../../../control-plane/engine/docker/connection.ts';
import { describeConnection, resolveConnection } from '../../../control-plane/engine/docker/index.ts';

async function emptyHome(t: ExecutionContext): Promise<string> {
  const home = await mkdtemp(path.join(tmpdir(), 'outrigger-home-'));
  t.teardown(() => rm(home, { recursive: true }));
  await mkdir(path.join(home, '.docker'));
  return home;
}

async function writeContext(home: string, name: string, host: string, tls = false): Promise<void> {
  const folder = createHash('sha256').update(name).digest('hex');
  const meta = path.join(home, '.docker', 'contexts', 'meta', folder);
  await mkdir(meta, { recursive: true });
  await writeFile(path.join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
  if (!tls) return;
  const files = path.join(home, '.docker', 'contexts', 'tls', folder, 'docker');
  await mkdir(files, { recursive: true });
  for (const file of ['ca.pem', 'cert.pem', 'key.pem']) await writeFile(path.join(files, file), file);
}

const hosts: readonly [string, object][] = [
  ['unix:///run/user/1000/docker.sock', { kind: 'unix', socketPath: '/run/user/1000/docker.sock' }],
  ['tcp://10.0.0.7:2375', { kind: 'tcp', host: '10.0.0.7', port: 2375 }],
  ['tcp://node', { kind: 'tcp', host: 'node', port: 2375 }],
  ['tcp://[fe80::80]', { kind: 'tcp', host: 'fe80::80', port: 2375 }],
  ['tcp://10.0.0.7:2375/', { kind: 'tcp', host: '10.0.0.7', port: 2375 }],
  [`unix:///${'x'.repeat(106)}`, { kind: 'unix', socketPath: `/${'x'.repeat(106)}` }],
  ['node:80', { kind: 'tcp', host: 'node', port: 80 }],
  ['tcp://[::1]:2375', { kind: 'tcp', host: '::1', port: 2375 }],
];
for (const [host, expected] of hosts) {
  test(`DOCKER_HOST=${host}`, async t => {
    t.deepEqual(
      await resolveConnection({ environment: { DOCKER_HOST: host }, home: '/nonexistent' }),
      expected as never,
    );
  });
}

test('TLS files come from DOCKER_CERT_PATH', async t => {
  const home = await emptyHome(t);
  for (const file of ['ca.pem', 'cert.pem', 'key.pem']) await writeFile(path.join(home, file), file);
  const environment = { DOCKER_HOST: 'tcp://node', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: home };
  const connection = await resolveConnection({ environment, home });
  t.like(connection, {
    port: 2376,
    tls: { skipVerify: false, ca: Buffer.from('ca.pem'), key: Buffer.from('key.pem') },
  });
  t.is(describeConnection(connection), 'tcp://node:2376');
});

test('the current context is used, DOCKER_CONTEXT before it, DOCKER_HOST before both', async t => {
  const home = await emptyHome(t);
  await writeContext(home, 'lab', 'unix:///run/lab.sock');
  await writeContext(home, 'far', 'tcp://far:2376', true);
  await writeFile(path.join(home, '.docker', 'config.json'), '{"currentContext": "lab"}');
  t.deepEqual(await resolveConnection({ environment: {}, home }), { kind: 'unix', socketPath: '/run/lab.sock' });
  t.like(await resolveConnection({ environment: { DOCKER_CONTEXT: 'far' }, home }), {
    kind: 'tcp',
    host: 'far',
    tls: { cert: Buffer.from('cert.pem'), skipVerify: false },
  });
  const both = { DOCKER_CONTEXT: 'far', DOCKER_HOST: 'unix:///run/own.sock' };
  t.deepEqual(await resolveConnection({ environment: both, home }), { kind: 'unix', socketPath: '/run/own.sock' });
});

test('a context that is not there is named, with the way to those that are', async t => {
  const home = await emptyHome(t);
  const error = await t.throwsAsync(resolveConnection({ environment: { DOCKER_CONTEXT: 'lab' }, home }));
  const next = 'There is the context default; "docker context ls" shows where each leads.';
  t.like(error, { code: 'invalid_argument', next });
  await writeContext(home, 'far', 'tcp://far:2376');
  const named = await t.throwsAsync(connectionOfContext('lab', { environment: {}, home }));
  t.like(named, { next: 'There are the contexts default, far; "docker context ls" shows where each leads.' });
});

test('an ssh address keeps user, port and socket, and takes the environment along', async t => {
  const environment = {
    DOCKER_HOST: 'ssh://ann@[fe80::7]:2222/run/user/1000/docker.sock',
    SSH_AUTH_SOCK: '/run/agent',
  };
  const connection = await resolveConnection({ environment, home: '/nonexistent' });
  t.deepEqual(connection, {
    kind: 'ssh',
    user: 'ann',
    host: 'fe80::7',
    port: 2222,
    socketPath: '/run/user/1000/docker.sock',
    environment,
  });
  t.is(describeConnection(connection), environment.DOCKER_HOST);
});

test('a context may name an ssh address', async t => {
  const home = await emptyHome(t);
  await writeContext(home, 'gpus', 'ssh://gpu-lab');
  t.like(await resolveConnection({ environment: { DOCKER_CONTEXT: 'gpus' }, home }), { kind: 'ssh', host: 'gpu-lab' });
});

const refused: readonly [string, RegExp][] = [
  ['ssh://', /expected ssh:\/\/USER@HOST:PORT/],
  ['ssh://ann:secret@node', /"ssh:\/\/ann:…@node": expected no password/],
  ['ssh://-oProxyCommand=touch%20x', /no host name/],
  ['ssh://node;touch', /no host name/],
  ['ssh://-lroot@node', /no user name/],
  ['ssh://node?x=1', /nothing behind the path/],
  ['ssh://node/run/%00.sock', /expected no control characters/],
  ['ssh://node/run/%0a.sock', /expected no control characters/],
  ['ssh://node/run/%zz.sock', /"ssh:\/\/node\/run\/%zz\.sock": expected two hexadecimal digits behind each "%"/],
  ['ssh://%zz@node', /expected two hexadecimal digits/],
  [`ssh://node/${'x'.repeat(107)}`, /a path of at most 107 bytes, found 108/],
  ['ssh://node/run/\0.sock', /"ssh:\/\/node\/run\/\\u0000\.sock": expected no control characters/],
  ['unix:///run/\0.sock', /expected no control characters/],
  ['unix:///run/\n.sock', /expected no control characters/],
  [`unix:///${'é'.repeat(54)}`, /a path of at most 107 bytes, found 109/],
  ['tcp://node\0:2375', /expected no control characters/],
  ['tcp://ann:secret@node:2376', /"tcp:\/\/ann:…@node:2376": expected no user and no password/],
  ['tcp://ann:se/secret@node', /"tcp:\/\/ann:…@node": expected/],
  ['tcp://ann@node', /expected no user and no password/],
  ['tcp://node:2376/v1', /expected nothing behind the port/],
  ['tcp://node?key=secret', /"tcp:\/\/node\?…": expected nothing behind the port/],
  ['tcp://node#secret', /expected nothing behind the port/],
  ['ftp://ann:secret@node', /"ftp:\/\/ann:…@node"/],
  ['npipe:////./pipe/docker_engine', /reaches engines by unix:\/\/, tcp:\/\/ and ssh:\/\//],
];
for (const [host, message] of refused) {
  test(`DOCKER_HOST=${host} is refused`, async t => {
    const asked = resolveConnection({ environment: { DOCKER_HOST: host }, home: '/nonexistent' });
    const error = await t.throwsAsync(asked, { message });
    t.truthy((error as unknown as { next: string }).next);
    t.notRegex(String(error?.message), /secret/);
  });
}
