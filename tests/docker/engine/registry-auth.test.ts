import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { splitReference } from '../../../control-plane/engine/docker/pull-image.ts';
import { registryAuth, registryOf } from '../../../control-plane/engine/docker/registry-auth.ts';

async function home(t: ExecutionContext, config: object | string, helper?: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-home-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await mkdir(path.join(folder, '.docker'));
  await writeFile(
    path.join(folder, '.docker', 'config.json'),
    typeof config === 'string' ? config : JSON.stringify(config),
  );
  if (helper !== undefined) {
    await writeFile(path.join(folder, 'docker-credential-test'), `#!/bin/sh\n${helper}\n`);
    await chmod(path.join(folder, 'docker-credential-test'), 0o755);
  }
  return (image: string) =>
    registryAuth(image, {
      home: folder,
      environment: { PATH: `${folder}:${process.env['PATH']}` },
      deadlineMs: 5_000,
      signal: new AbortController().signal,
    });
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

test('the registry of an image is its first part, if that is a host', t => {
  t.is(registryOf('redis'), 'docker.io');
  t.is(registryOf('library/redis:7'), 'docker.io');
  t.is(registryOf('registry.example/team/model:1'), 'registry.example');
  t.is(registryOf('localhost/model'), 'localhost');
  t.is(registryOf('localhost:5000/model'), 'localhost:5000');
});

test('a reference without a tag means latest, never every tag', t => {
  t.deepEqual(splitReference('redis'), { fromImage: 'redis', tag: 'latest' });
  t.deepEqual(splitReference('host:5000/a/b'), { fromImage: 'host:5000/a/b', tag: 'latest' });
  t.deepEqual(splitReference('host:5000/a/b:2'), { fromImage: 'host:5000/a/b', tag: '2' });
  t.deepEqual(splitReference('a@sha256:00'), { fromImage: 'a', tag: 'sha256:00' });
  t.deepEqual(splitReference('a:1@sha256:00'), { fromImage: 'a:1', tag: 'sha256:00' });
});

test('Docker Hub has one entry, whatever it is called', async t => {
  const ask = await home(t, { auths: { 'https://index.docker.io/v1/': { auth: base64('ann:pw') } } });
  const expected = { username: 'ann', password: 'pw', serveraddress: 'https://index.docker.io/v1/' };
  t.deepEqual(await ask('redis'), expected);
  t.deepEqual(await ask('docker.io/library/redis'), expected);
  t.is(await ask('registry.example/redis'), null);
});

test('identity tokens are passed on, from the file and from a helper', async t => {
  const auths = { 'registry.example': { identitytoken: 'tok' } };
  t.deepEqual(await (await home(t, { auths }))('registry.example/a'), {
    identitytoken: 'tok',
    serveraddress: 'registry.example',
  });
  const helper = `cat > /dev/null; echo '{"Username":"<token>","Secret":"tok2"}'`;
  t.deepEqual(await (await home(t, { credsStore: 'test' }, helper))('registry.example/a'), {
    identitytoken: 'tok2',
    serveraddress: 'registry.example',
  });
});

test('no configuration means no credentials; a broken one is an error that names the file', async t => {
  const nowhere = { home: '/nonexistent', environment: {}, deadlineMs: 1_000, signal: new AbortController().signal };
  t.is(await registryAuth('redis', nowhere), null);
  const ask = await home(t, '{"auths": [');
  await t.throwsAsync(ask('redis'), { message: /config\.json is not a Docker configuration/ });
});
