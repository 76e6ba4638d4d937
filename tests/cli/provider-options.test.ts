import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../api/served.ts';
import { runCli, testFolder } from './run-cli.ts';

const file = (name: string, image: string) =>
  `name: ${name}\nservices:\n  web: {image: "${image}", provider: {type: outrigger}, x-outrigger: {protocol: grpc, port: 50051}}\n`;

/** A folder with the files of two projects; asks the provider as Compose does. */
async function twoProjects(t: ExecutionContext) {
  const { controlPlane, socket } = await serve(t);
  const cwd = await testFolder(t);
  await writeFile(path.join(cwd, 'compose.yaml'), file('a', 'one:1'));
  await writeFile(path.join(cwd, 'other.yaml'), file('b', 'two:1'));
  const askWith = async (given: NodeJS.ProcessEnv, project: string, ...args: string[]) => {
    const environment = { OUTRIGGER_ADDRESS: `unix://${socket}`, COMPOSE_PROJECT_NAME: project, ...given };
    const { code, stdout } = await runCli({
      args: ['compose', `--project-name=${project}`, ...args, 'web'],
      environment,
      cwd,
    });
    const said = stdout
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line) as { type: string; message: string });
    return { code, error: said.find(s => s.type === 'error')?.message ?? '' };
  };
  const ask = (project: string, ...args: string[]) => askWith({}, project, ...args);
  return { controlPlane, cwd, ask, askWith };
}

/** Nothing gets ready here: what was accepted is late. */
const STOP = '--wait-timeout=1ms';
const ACCEPTED = /^not ready in time: /;

test('the provider refuses the file of another project, unless it is told which file to read', async t => {
  const { controlPlane, ask, askWith } = await twoProjects(t);
  const refused = await ask('b', 'up', STOP);
  t.is(refused.code, 1);
  t.regex(refused.error, /compose\.yaml is of the project a, and docker compose runs b\..*set provider\.options\.file/);
  t.deepEqual(controlPlane.services(), []);
  t.regex((await ask('b', 'up', STOP, '--file=other.yaml')).error, ACCEPTED);
  t.regex((await ask('b', 'up', STOP, '--file=compose.yaml')).error, ACCEPTED, 'told so, a project may be renamed');
  t.regex(
    (await askWith({ COMPOSE_FILE: 'compose.yaml' }, 'b', 'up', STOP)).error,
    ACCEPTED,
    'Compose reads it as well',
  );
});

test('the provider asks for no name of a file that is included', async t => {
  const { cwd, ask } = await twoProjects(t);
  await writeFile(path.join(cwd, 'compose.yaml'), 'include: [other.yaml]\n');
  t.regex((await ask('c', 'up', STOP)).error, ACCEPTED);
});

test('the provider takes a file whose name is made of variables for what Compose makes of it', async t => {
  const { cwd, ask } = await twoProjects(t);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Compose's own.
  await writeFile(path.join(cwd, 'compose.yaml'), file('${NOBODY_SETS_THIS:-b}', 'one:1'));
  t.regex((await ask('b', 'up', STOP)).error, ACCEPTED);
  t.regex((await ask('c', 'up', STOP)).error, /is of the project b, and docker compose runs c/);
});

for (const [written, text] of [
  ['in quotes', file('a', 'one:1').replace('name:', '"name":')],
  ['with a blank before the colon', file('a', 'one:1').replace('name:', 'name :')],
  ['after a byte order mark', `\uFEFF${file('a', 'one:1')}`],
  ['on a line of its own', file('a', 'one:1').replace('name: a', 'name:\n  a')],
  ['by an explicit key', file('a', 'one:1').replace('name: a', '? name\n: a')],
  ['by a merge', file('a', 'one:1').replace('name: a', 'x-project: &p {name: a}\n<<: *p')],
  ['by an alias as its key', file('a', 'one:1').replace('name: a', 'x-key: &k name\n*k : a')],
  ['by an alias', file('*n', 'one:1').replace('name', 'x-name: &n a\nname')],
  [
    'in JSON',
    JSON.stringify({ name: 'a', services: { web: { image: 'one:1', provider: { type: 'outrigger' } } } }, null, 1),
  ],
] as const) {
  test(`the provider refuses the file of another project, its name written ${written}`, async t => {
    const { cwd, controlPlane, ask } = await twoProjects(t);
    await writeFile(path.join(cwd, 'compose.yaml'), text);
    t.regex((await ask('b', 'up', STOP)).error, /is of the project a, and docker compose runs b/);
    t.deepEqual(controlPlane.services(), []);
  });
}

test('a name that stands elsewhere in the file is not the name of the project', async t => {
  const { cwd, ask } = await twoProjects(t);
  const text = file('a', 'one:1').replace('name: a\n', 'x-model:\n  name: a\n');
  await writeFile(path.join(cwd, 'compose.yaml'), text);
  t.regex((await ask('b', 'up', STOP)).error, ACCEPTED);
});

test('the time to get ready does not cut down short', async t => {
  const { controlPlane, ask } = await twoProjects(t);
  await ask('a', 'up', '--wait-timeout=1ms');
  await controlPlane.apply({ specs: [{ namespace: 'a', name: 'web', image: 'one:1' }], origin: '', dryRun: false });
  t.is(controlPlane.services().length, 1);
  t.deepEqual(await ask('a', 'down', '--wait-timeout=1ms'), { code: 0, error: '' });
});

test('an option that the provider does not know is refused by up, and no obstacle to down', async t => {
  const { controlPlane, ask } = await twoProjects(t);
  const refused = await ask('a', 'up', '--fil=other.yaml');
  t.is(refused.code, 1);
  t.is(
    refused.error,
    'The provider has no option "fil". It has file, env-file, wait-timeout under provider.options; what the service needs stands under x-outrigger.',
  );
  t.deepEqual(controlPlane.services(), []);
  t.is((await ask('a', 'down', '--fil=other.yaml')).code, 0);
});

test('the provider describes no option, so that Compose hands on those that are misspelt', async t => {
  const { stdout } = await runCli({ args: ['compose', 'metadata'] });
  t.deepEqual(JSON.parse(stdout), {});
});
