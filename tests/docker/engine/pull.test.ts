import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import Docker from 'dockerode';
import type { OutriggerError } from '../../../control-plane/core/errors.ts';
import type { ImageState } from '../../../control-plane/core/observed.ts';
import {
  createDockerEngine,
  type DockerEngine,
  resolveConnection,
} from '../../../control-plane/engine/docker/index.ts';
import { soon } from '../../contract/engine.ts';
import { LocalRegistry, type LocalRegistryOptions } from './local-registry.ts';

const LOGIN = { username: 'ann', password: 's3cret:with:colons' };

async function pulling(
  t: ExecutionContext,
  options: LocalRegistryOptions & { config?: (host: string) => object; helper?: string; pullIdleMs?: number } = {},
) {
  const registry = await LocalRegistry.start(options);
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-pull-'));
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(options.config?.(registry.host) ?? {}));
  if (options.helper !== undefined) {
    const helper = path.join(folder, 'docker-credential-test');
    await writeFile(helper, `#!/bin/sh\n${options.helper}\n`);
    await chmod(helper, 0o755);
  }
  const engine = createDockerEngine({
    node: 'local',
    instance: 'pull-test',
    connection: await resolveConnection(),
    environment: { ...process.env, DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` },
    deadlines: { credentialsMs: 2_000, ...(options.pullIdleMs !== undefined && { pullIdleMs: options.pullIdleMs }) },
  });
  t.teardown(async () => {
    engine.close();
    await new Docker()
      .getImage(registry.image)
      .remove()
      .catch(() => {});
    await registry.close();
    await rm(folder, { recursive: true });
  });
  const states: ImageState[] = [];
  const pull = (policy: 'always' | 'missing' | 'never' = 'missing', image = registry.image) =>
    engine.pull({ kind: 'pull', node: 'local', image, policy }, state => states.push(state), soon());
  return { registry, engine, states, pull };
}

test('an image that is never pulled and is not there is missed by its node, with what to do about it', async t => {
  const { registry, pull } = await pulling(t);
  const { message, next } = await t.throwsAsync<OutriggerError>(pull('never'));
  t.is(message, `The image ${registry.image} is not on node local, and it is one that is never pulled`);
  t.regex(next ?? '', /^Check its name, or build it there\. Or push it to a registry/);
  t.true(next?.includes('registry'), next);
});

test('after a failed pull the engine is asked anew which images it has', async t => {
  const { engine, pull, registry } = await pulling(t);
  await pull();
  await engine.observe(soon());
  // No event says so: nobody watches this engine.
  await new Docker().getImage(registry.image).remove();
  t.true((await engine.observe(soon())).images.has(registry.image));
  await t.throwsAsync(pull('never'));
  t.false(await isListed(engine, registry.image));
});

/** Listings do not wait for the names of images. */
async function isListed(engine: DockerEngine, image: string): Promise<boolean> {
  for (let listings = 0; listings < 100; listings += 1) {
    if (!(await engine.observe(soon())).images.has(image)) return false;
  }
  return true;
}

test('a pull brings the image, and reports bytes that only grow', async t => {
  const { registry, engine, states, pull } = await pulling(t, { layers: 3, layerBytes: 4 * 1024 * 1024 });
  t.is(await engine.imageId(registry.image, soon()), null);
  await pull();
  t.regex((await engine.imageId(registry.image, soon())) ?? '', /^sha256:/);
  const received = states.map(state => (state.kind === 'pulling' ? state.receivedBytes : 0));
  t.true(received.length > 0);
  t.deepEqual(
    received,
    received.toSorted((a, b) => a - b),
  );
  t.true(states.every(state => state.kind === 'pulling' && state.receivedBytes <= state.totalBytes));
  t.true((received.at(-1) ?? 0) <= registry.layerBytes);
  await pull('always');
});

test('an image that its registry does not have is unavailable, and says what to do', async t => {
  const { registry, pull } = await pulling(t);
  const error = await t.throwsAsync(pull('missing', `${registry.host}/other:7`));
  t.like(error, { code: 'image_unavailable' });
  t.regex(error.message, /other:7/);
  t.regex((error as unknown as { next: string }).next, /docker login/);
});

test('an error inside the stream of a pull is an error', async t => {
  const { registry, engine, pull } = await pulling(t, { missingLayer: true });
  t.like(await t.throwsAsync(pull()), { code: 'image_unavailable', retryable: false });
  t.is(await engine.imageId(registry.image, soon()), null);
});

test('a pull that stalls is given up, and may be tried again', async t => {
  const { pull } = await pulling(t, { stalls: true, layerBytes: 256 * 1024, pullIdleMs: 1_500 });
  const error = await t.throwsAsync(pull());
  t.like(error, { code: 'timeout', retryable: true });
  t.regex(error.message, /nothing was received for/);
});

test('a registry that is not there may be tried again', async t => {
  const { registry, pull } = await pulling(t);
  await registry.close();
  const error = await t.throwsAsync(pull());
  t.like(error, { code: 'image_unavailable', retryable: true });
  t.regex(error.message, /^pulling image 127\.0\.0\.1:\d+\/model:1: .*connection refused/);
});

for (const [what, trouble, next] of [
  ['is broken', { status: 500, body: 'oops' }, /an error of its own/],
  ['is overloaded', { status: 503, body: '{"errors":[{"code":"UNAVAILABLE","message":"later"}]}' }, /error of its own/],
  ['has had enough', { status: 429, body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"wait"}]}' }, /too often/],
  ['breaks the connection', 'break', /connection .* broke/],
] as const) {
  test(`a registry that ${what} says nothing of the image, and the error does not blame its name`, async t => {
    const { pull } = await pulling(t, { trouble });
    const error = await t.throwsAsync<OutriggerError>(pull());
    t.log(error.message);
    t.like(error, { code: 'image_unavailable', retryable: true });
    t.regex(error.next ?? '', next);
    t.notRegex(error.next ?? '', /spelling/);
  });
}

test('without credentials a private image is unavailable', async t => {
  const { pull } = await pulling(t, { credentials: LOGIN });
  t.like(await t.throwsAsync(pull()), { code: 'image_unavailable' });
});

test('credentials come from the Docker configuration file', async t => {
  const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64');
  const { pull } = await pulling(t, { credentials: LOGIN, config: host => ({ auths: { [host]: { auth } } }) });
  await t.notThrowsAsync(pull());
});

const answers = `read server; printf '{"ServerURL":"%s","Username":"ann","Secret":"s3cret:with:colons"}' "$server"`;

test('credentials come from the helper of the registry', async t => {
  const config = (host: string) => ({ credsStore: 'not-there', credHelpers: { [host]: 'test' } });
  const { pull } = await pulling(t, { credentials: LOGIN, config, helper: answers });
  await t.notThrowsAsync(pull());
});

test('credentials come from the general helper', async t => {
  const { pull } = await pulling(t, { credentials: LOGIN, config: () => ({ credsStore: 'test' }), helper: answers });
  await t.notThrowsAsync(pull());
});

test('a helper that knows nothing of the registry leaves it to the file', async t => {
  const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64');
  const config = (host: string) => ({ credsStore: 'test', auths: { [`https://${host}/v1/`]: { auth } } });
  const helper = 'echo "credentials not found in native keychain"; exit 1';
  const { pull } = await pulling(t, { credentials: LOGIN, config, helper });
  await t.notThrowsAsync(pull());
});

const broken: readonly [string, string | undefined, RegExp][] = [
  ['is missing', undefined, /docker-credential-test.* is not installed/],
  ['fails', 'echo "the keychain is locked" >&2; exit 1', /the keychain is locked/],
  ['hangs', 'exec sleep 600', /did not answer within 2000 ms/],
  ['answers nonsense', 'echo hello', /not a credential/],
];
for (const [how, helper, message] of broken) {
  test(`a credential helper that ${how} is named in the error`, async t => {
    const config = () => ({ credsStore: 'test' });
    const { pull } = await pulling(t, { credentials: LOGIN, config, ...(helper !== undefined && { helper }) });
    t.like(await t.throwsAsync(pull(), { message }), { code: 'image_unavailable' });
  });
}
