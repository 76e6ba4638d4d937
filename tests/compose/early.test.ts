import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { areHarmless } from '../../control-plane/compose/are-harmless.ts';
import { composeReader } from '../../control-plane/compose/compose-command.ts';
import { parseSource } from '../../control-plane/written-files/source-file.ts';
import { load, projectFolder, shown } from './project-folder.ts';

test('an ordinary service file is given to Compose before it is parsed here', async t => {
  const folder = await projectFolder(t, {
    'compose.yaml': `services:
  a:
    image: model:1
    command: ["serve", "--port", "80"]
    deploy: {resources: {limits: {cpus: "2"}}}
    x-outrigger:
      port: 80
      replicas: {min: 1, max: 3}
`,
  });
  t.true(await areHarmless([`${folder}/compose.yaml`]));
});

const refused = test.macro(async (t, text: string) => {
  const folder = await projectFolder(t, { 'compose.yaml': 'services: {}\n', 'other.yaml': text });
  t.false(await areHarmless([`${folder}/compose.yaml`, `${folder}/other.yaml`]));
});
test('not with an alias', refused, 'a: &a [1]\nb: [*a, *a]\n');
test('not with an included file', refused, 'include: [other.yaml]\n');
test('not with an extended one', refused, 'services: {a: {extends: {file: other.yaml, service: a}}}\n');
test('not with a key that an escape hides', refused, '"incl\\u0075de": [other.yaml]\n');
test('not with brackets by the hundred', refused, `a: ${'['.repeat(100)}${']'.repeat(100)}\n`);
test('not with dashes by the hundred', refused, `${'- '.repeat(100)}a\n`);
test('not with a line break of its own kind', refused, `a: 1\u2028b: 2\n`);
test('not when it is large', refused, `a: ${'x'.repeat(70_000)}\n`);

test('not from standard input, nor where there is no such file', async t => {
  t.false(await areHarmless(['-']));
  t.false(await areHarmless([path.join(await projectFolder(t, {}), 'compose.yaml')]));
});

test('what is harmless at a glance is not too deep for the parser', async t => {
  const folder = await projectFolder(t, {});
  const file = `${folder}/compose.yaml`;
  const piece = fc.oneof(
    fc.constantFrom('- ', '? ', ': ', 'a: ', '[', '{', ']', '}', ', ', '\n', '"', "'", '|\n', '&x ', '!t '),
    fc.nat(60).map(columns => `\n${' '.repeat(columns)}`),
  );
  const nested = fc.nat(70).map(depth => Array.from({ length: depth }, (_, i) => `${' '.repeat(i)}a:\n`).join(''));
  const lists = fc
    .nat(60)
    .map(depth => Array.from({ length: depth }, (_, i) => `${' '.repeat(i)}a:\n${' '.repeat(i)}-\n`).join(''));
  const pairs = fc.nat(60).map(depth => `${'[a: '.repeat(depth)}1${']'.repeat(depth)}\n`);
  const text = fc.oneof(
    fc.array(piece, { maxLength: 200 }).map(pieces => pieces.join('')),
    nested,
    lists,
    pairs,
  );
  await fc.assert(
    fc.asyncProperty(text, async written => {
      await writeFile(file, written);
      if (await areHarmless([file])) t.is(parseSource(file, written).excess, undefined);
    }),
    { numRuns: 400 },
  );
});

const SERVICE = 'services:\n  a:\n    image: model:1\n    volumes: ["./data:/data"]\n';
const MODELS = 'services:\n  b:\n    image: other:1\n';

const located = test.macro(async (t, files: Readonly<Record<string, string>>, expected: readonly string[]) => {
  const folder = await projectFolder(t, files);
  let meanwhile = 0;
  const result = await load(folder, {
    meanwhile: () => {
      meanwhile += 1;
    },
  });
  t.is(meanwhile, 1, 'what need not wait for the file is begun once');
  if (result.kind !== 'compiled') return t.fail(shown(result.errors, folder).join('\n'));
  t.deepEqual(
    result.files.map(file => path.relative(folder, file)),
    Object.keys(files),
  );
  const told = [
    await result.locate('services.a.volumes[0].source', 'is not allowed'),
    await result.locate('services.b.image', 'is not allowed'),
  ];
  t.deepEqual(shown(told, folder), expected);
});

test('where something stands is told of a file that only Compose has looked at', located, { 'compose.yaml': SERVICE }, [
  'compose.yaml:4:15: services.a.volumes[0].source: is not allowed',
  'compose.yaml:1:1: services.b.image: is not allowed',
]);

test(
  'and of files that were looked at first, an included one among them',
  located,
  { 'compose.yaml': `include: [models.yaml]\n${SERVICE}`, 'models.yaml': MODELS },
  [
    'compose.yaml:5:15: services.a.volumes[0].source: is not allowed',
    'models.yaml:3:5: services.b.image: is not allowed',
  ],
);

/** A machine with a Docker command of the given kind and a plugin in the user's own folder. */
async function machine(t: Parameters<typeof projectFolder>[0], docker: 'program' | 'script', config?: string) {
  const folder = await projectFolder(t, {
    'bin/script': '#!/bin/sh\n',
    'home/.docker/cli-plugins/docker-compose': '#!/bin/sh\n',
    ...(config === undefined ? {} : { 'home/.docker/config.json': config }),
  });
  await mkdir(`${folder}/path`);
  await chmod(`${folder}/bin/script`, 0o755);
  await chmod(`${folder}/home/.docker/cli-plugins/docker-compose`, 0o755);
  await symlink(docker === 'program' ? process.execPath : `${folder}/bin/script`, `${folder}/path/docker`);
  return { environment: { PATH: `${folder}/path`, HOME: `${folder}/home` }, folder };
}
const VIA_DOCKER = { command: 'docker', args: ['compose'] };

test('the plugin in the user’s folder is asked itself', async t => {
  const { environment, folder } = await machine(t, 'program', '{"auths": {}}');
  const plugin = `${folder}/home/.docker/cli-plugins/docker-compose`;
  t.deepEqual(composeReader(environment), { command: plugin, args: [] });
  t.deepEqual(composeReader({ ...environment, HOME: '/nowhere', DOCKER_CONFIG: `${folder}/home/.docker` }), {
    command: plugin,
    args: [],
  });
});

test('Docker is asked where somebody put a script in its place, or named further folders for plugins', async t => {
  t.deepEqual(composeReader((await machine(t, 'script')).environment), VIA_DOCKER);
  const { environment } = await machine(t, 'program', '{"cliPluginsExtraDirs": ["/opt/plugins"]}');
  t.deepEqual(composeReader(environment), VIA_DOCKER);
});

test('Docker is asked where nobody knows whose configuration counts', async t => {
  const { environment } = await machine(t, 'program');
  t.deepEqual(composeReader({ PATH: environment.PATH }), VIA_DOCKER);
});
