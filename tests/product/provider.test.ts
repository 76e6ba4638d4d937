import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import Docker from 'dockerode';
import { until } from '../until.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const FOLDER = path.join(ROOT, 'compose/provider');
/** As the file names it: the provider refuses a file of another project. */
const PROJECT = 'provided';

test('docker compose up brings models up through Outrigger, hands their addresses to the application, and down leaves nothing', async t => {
  t.timeout(5 * 60_000);
  const state = await mkdtemp(path.join(tmpdir(), 'outrigger-provider-'));
  const environment = {
    ...process.env,
    OUTRIGGER_STATE: state,
    COMPOSE_PROJECT_NAME: undefined,
    PATH: `${path.join(ROOT, 'bin')}:${process.env['PATH']}`,
  };
  const compose = (...args: string[]) =>
    promisify(execFile)('docker', ['compose', ...args], { cwd: FOLDER, env: environment, maxBuffer: 16 * 1024 * 1024 });
  t.teardown(async () => {
    await compose('down', '-v', '--remove-orphans').catch(() => {});
    await rm(state, { recursive: true, force: true });
  });

  const { stderr: progress } = await compose('--progress', 'plain', 'up', '-d');
  t.regex(progress, /digits +\w{8} {2}ready/, "the model's phases show in Compose's display");
  const said = await until(
    async () => `the application prints its line; it printed ${JSON.stringify(await compose('logs', 'app'))}`,
    async () => {
      const { stdout } = await compose('logs', '--no-log-prefix', 'app');
      return stdout.split('\n').find(line => line.startsWith('{'));
    },
  );
  const result = JSON.parse(said) as { replicas: number; correct: number; calls: number; llm: string };
  t.is(result.replicas, 2);
  t.true(result.correct / result.calls > 0.9);
  t.is(result.llm, 'length');

  await t.notThrowsAsync(compose('up', '-d'), 'a second up finds everything as it is wanted');
  await compose('down');
  const docker = new Docker();
  const left = (await docker.listContainers({ all: true })).filter(c => c.Names.some(n => n.includes(PROJECT)));
  t.deepEqual(left, []);
  t.deepEqual(
    (await docker.listNetworks()).filter(n => n.Name.startsWith(PROJECT)),
    [],
  );
});
