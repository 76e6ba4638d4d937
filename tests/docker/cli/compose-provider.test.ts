import { execFile } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BUSYBOX_IMAGE } from '../../images/busybox.ts';
import { until } from '../../until.ts';
import { dockerProject, type Project } from './project.ts';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');

const MODEL = `
    provider: {type: outrigger}
    image: BUSYBOX
    command: ["sh", "-c", "trap 'exit 0' TERM; mkdir /tmp/w; echo 42 > /tmp/w/index.html; httpd -p 8080 -h /tmp/w; while :; do sleep 0.1; done"]
    x-outrigger: {protocol: http, port: 8080, replicas: 2}
`;
const APPLICATION = `
    image: BUSYBOX
    command: ["sh", "-c", "env | grep MODEL_; wget -qO- $$MODEL_URL; trap 'exit 0' TERM; while :; do sleep 0.1; done"]
    stop_grace_period: 1s
    depends_on: [model]
`;

/** Compose with `outrigger` on its PATH: a symbolic link to the clone's command, in a folder with a space. */
async function composeWith(t: ExecutionContext, project: Project) {
  const bin = path.join(project.folder, 'bin folder');
  await mkdir(bin);
  await symlink(path.join(ROOT, 'bin', 'outrigger'), path.join(bin, 'outrigger'));
  const env = {
    ...process.env,
    PATH: `${bin}${path.delimiter}${process.env['PATH']}`,
    OUTRIGGER_STATE: project.state,
    COMPOSE_PROJECT_NAME: project.name,
  };
  const compose = (...args: string[]) =>
    new Promise<{ code: number; output: string }>(resolve => {
      execFile('docker', ['compose', ...args], { env, cwd: project.folder, timeout: 90_000 }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr }),
      );
    });
  t.teardown(() => compose('down'));
  return compose;
}

test.serial('docker compose up brings a model up through its provider, and its application calls it', async t => {
  const project = await dockerProject(t, `services:\n  app:${APPLICATION}  model:${MODEL}`);
  const compose = await composeWith(t, project);
  const up = await compose('up', '-d');
  t.is(up.code, 0, up.output);
  t.regex(up.output, /model +[a-z0-9]+ {2}starting/, 'phases show in the display of Compose');

  const said = await logsUntil(compose, '42');
  t.regex(said, /MODEL_URL=http:\/\/model:8080\n/);
  t.regex(said, /MODEL_ADDR=\d+\.\d+\.\d+\.\d+:8080,\d+\.\d+\.\d+\.\d+:8080\n/);

  const before = (await project.containers()).map(c => c.Id).sort();
  t.is((await compose('up', '-d')).code, 0);
  t.deepEqual((await project.containers()).map(c => c.Id).sort(), before, 'a second up changes nothing');

  const down = await compose('down');
  t.is(down.code, 0, down.output);
  t.deepEqual(await project.containers(), []);
});

test.serial('a model that fails stops docker compose up with its last words', async t => {
  const broken = MODEL.replace(/command:.*/, 'command: ["sh", "-c", "echo no weights here; exit 3"]');
  const project = await dockerProject(t, `services:\n  app:${APPLICATION}  model:${broken}`);
  const compose = await composeWith(t, project);
  const up = await compose('up', '-d');
  t.not(up.code, 0);
  t.regex(up.output, /exited with code 3/);
  t.regex(up.output, /no weights here/);
  t.is((await compose('down')).code, 0);
  t.deepEqual(await project.containers(), []);
});

test.serial('a file of another name is given as an option of the provider', async t => {
  const project = await dockerProject(t, 'services: {}');
  // Compose itself wants at least one container of its own to start.
  const text = `services:\n  app:${APPLICATION}  model:${MODEL.replace('{type: outrigger}', '{type: outrigger, options: {file: models.yaml}}')}`;
  await writeFile(path.join(project.folder, 'models.yaml'), text.replaceAll('BUSYBOX', BUSYBOX_IMAGE));
  const compose = await composeWith(t, project);
  const untold = text.replace(', options: {file: models.yaml}', '').replaceAll('BUSYBOX', BUSYBOX_IMAGE);
  await rm(path.join(project.folder, 'compose.yaml'));
  await writeFile(path.join(project.folder, 'untold.yaml'), untold);
  const failed = await compose('-f', 'untold.yaml', 'up', '-d');
  t.not(failed.code, 0);
  t.regex(
    failed.output,
    /no service file here or in a folder above\. docker compose does not hand its -f on: set provider\.options\.file/i,
  );
  const up = await compose('-f', 'models.yaml', 'up', '-d');
  t.is(up.code, 0, up.output);
  t.is((await project.containers()).length, 3);
  t.is((await compose('-f', 'models.yaml', 'down')).code, 0);
  t.deepEqual(await project.containers(), []);
});

/** What the application has written, once it has written this. */
async function logsUntil(compose: (...args: string[]) => Promise<{ output: string }>, text: string): Promise<string> {
  let written = '';
  await until(
    () => `the application writes ${text}; it wrote:\n${written}`,
    async () => {
      written = (await compose('logs', '--no-log-prefix', 'app')).output;
      return written.includes(text);
    },
  );
  return written;
}
