import { existsSync, readFileSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { runCompose } from '../../control-plane/compose/run-compose.ts';
import { until } from '../until.ts';
import { load, plainEnvironment, projectFolder } from './project-folder.ts';

/** A PATH on which `docker` is this shell script. */
async function fakeDocker(t: ExecutionContext, script: string): Promise<Record<string, string | undefined>> {
  const folder = await projectFolder(t, {});
  await writeFile(`${folder}/docker`, `#!/bin/sh\n${script}\n`);
  await chmod(`${folder}/docker`, 0o755);
  return plainEnvironment({ PATH: `${folder}:/usr/bin:/bin` });
}

const file = { 'compose.yaml': 'services: {a: {image: model:1}}' };

test('no docker command', async t => {
  const folder = await projectFolder(t, { ...file, 'empty/x': '' });
  const environment = plainEnvironment({ PATH: `${folder}/empty` });
  await t.throwsAsync(load(folder, { environment }), { code: 'unavailable', message: /no docker command/ });
});

test('a docker command without the compose plugin', async t => {
  const folder = await projectFolder(t, file);
  const environment = await fakeDocker(t, `echo "unknown shorthand flag: 'f' in -f" >&2; exit 125`);
  const error = await t.throwsAsync(load(folder, { environment, files: ['compose.yaml'] }), { code: 'unavailable' });
  t.regex(error.message, /no compose plugin/);
});

test('a compose plugin that is too old', async t => {
  const folder = await projectFolder(t, file);
  const environment = await fakeDocker(t, `[ "$2" = version ] && echo v2.12.2 && exit 0; echo bad >&2; exit 15`);
  await t.throwsAsync(load(folder, { environment }), {
    code: 'unsupported',
    message: /2\.12\.2 is too old; expected 2\.36/,
  });
});

test('a compose that does not answer is given up at the deadline', async t => {
  const folder = await projectFolder(t, file);
  const environment = await fakeDocker(t, 'exec sleep 1000');
  const running = runCompose(['config'], { cwd: folder, environment, deadlineMs: 100 }, AbortSignal.timeout(60_000));
  await t.throwsAsync(running, { code: 'timeout', message: /did not answer within 0.1 s/ });
});

test('an abort ends Compose and what it started', async t => {
  const folder = await projectFolder(t, file);
  const environment = await fakeDocker(t, `sleep 1000 & echo $! > child.part; mv child.part child; wait`);
  const controller = new AbortController();
  const running = runCompose(['config'], { cwd: folder, environment }, controller.signal);
  const settled = running.catch(thrown => thrown);
  await until('the child runs', () => existsSync(`${folder}/child`));
  const child = (await readFile(`${folder}/child`, 'utf8')).trim();
  controller.abort();
  t.like(await settled, { code: 'timeout', message: 'reading the service file was interrupted' });
  await until(`process ${child} is gone`, () => !isRunning(child));
});

test('endless output is cut off', async t => {
  const folder = await projectFolder(t, file);
  const environment = await fakeDocker(t, 'exec yes');
  await t.throwsAsync(load(folder, { environment }), { code: 'invalid_argument', message: /larger than 8 MiB/ });
});

test('no file, a missing file, a missing folder', async t => {
  const folder = await projectFolder(t, {});
  await t.throwsAsync(load(folder), { code: 'not_found', message: /no service file here/ });
  await t.throwsAsync(load(folder, { files: ['nope.yaml'] }), {
    code: 'not_found',
    message: /nope\.yaml: no such file/,
  });
  await t.throwsAsync(load(`${folder}/nope`, { files: ['x'] }), {
    code: 'not_found',
    message: /folder .* does not exist/,
  });
});

test('aliases that multiply are refused before Compose sees them', async t => {
  const letters = [...'abcdefghi'];
  const lines = letters.map((letter, i) => {
    const inner = Array.from({ length: 9 }, () => (i === 0 ? 'x' : `*${letters[i - 1]}`)).join(', ');
    return `x-${letter}: &${letter} [${inner}]`;
  });
  const folder = await projectFolder(t, { 'compose.yaml': `${lines.join('\n')}\n${file['compose.yaml']}` });
  await t.throwsAsync(load(folder), {
    code: 'invalid_argument',
    message: /compose\.yaml: its aliases stand for more than/,
  });
});

test('an included file is held to the same limits', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `include: [deep.yaml]\n${file['compose.yaml']}`,
    'deep.yaml': `x-deep: ${'['.repeat(3_000)}${']'.repeat(3_000)}\n`,
  });
  await t.throwsAsync(load(folder), { code: 'invalid_argument', message: /deep\.yaml is nested more than 100 levels/ });
});

test('a file of ten megabytes', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `${file['compose.yaml']}\nx-big: "${'a'.repeat(10 * 1024 * 1024)}"`,
  });
  await t.throwsAsync(load(folder), {
    code: 'invalid_argument',
    message: /10\.0 MiB; expected a service file of at most 1 MiB/,
  });
});

test('more services than anyone means', async t => {
  const services = Array.from({ length: 1_001 }, (_, i) => `  s${i}: {image: x}`).join('\n');
  const folder = await projectFolder(t, { 'compose.yaml': `services:\n${services}\n` });
  await t.throwsAsync(load(folder), { code: 'invalid_argument', message: /1001 services; expected at most 1000/ });
});

test('many mistakes are cut to a readable number', async t => {
  const services = Array.from({ length: 300 }, (_, i) => `  s${i}: {image: x, x-outrigger: {a: 1}}`).join('\n');
  const folder = await projectFolder(t, { 'compose.yaml': `services:\n${services}\n` });
  const result = await load(folder);
  t.true(result.kind === 'invalid' && result.errors.length === 201);
});

/** A process that ended and was not yet waited for counts as gone. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
