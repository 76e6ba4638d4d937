import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../api/served.ts';
import { until } from '../until.ts';
import { runCli, startCli, testFolder } from './run-cli.ts';

const LLM = { namespace: 'demo', name: 'llm' };
const FILE = 'name: demo\nservices:\n  llm: {image: "llm:1", x-outrigger: {protocol: grpc, port: 50051}}\n';

/** A service file whose service was brought up before, and has one replica that waits for a place. */
async function waitingService(t: ExecutionContext) {
  const { controlPlane, socket } = await serve(t);
  const environment = { OUTRIGGER_ADDRESS: `unix://${socket}`, COMPOSE_PROJECT_NAME: 'demo' };
  const cwd = await testFolder(t);
  await writeFile(path.join(cwd, 'compose.yaml'), FILE);
  const options = (args: readonly string[]) => ({ args, environment, cwd });
  const first = startCli(options(['up', '-d', '--no-build']));
  await until('it is accepted', () => controlPlane.services().length > 0 || first.child.exitCode !== null);
  first.child.kill('SIGKILL');
  await first.ended;
  controlPlane.wait(LLM);
  const start = (...args: string[]) => startCli(options(args));
  return { controlPlane, start, cli: (...args: string[]) => runCli(options(args)) };
}

test('up of what waits already says what it waits for, and Ctrl-C that it stays', async t => {
  const { start, controlPlane } = await waitingService(t);
  const up = start('up', '--no-build');
  await up.until('stderr', /^llm r\d+ {2}pending: no room$/m);
  up.child.kill('SIGINT');
  const { code, stderr } = await up.ended;
  t.is(code, 130);
  t.regex(stderr, /^llm was there before and stays; "outrigger down" removes$/m);
  t.is(controlPlane.services().length, 1);
});

test('scale says what has no place, that the number stays wanted, and how to take it back', async t => {
  const { start, controlPlane } = await waitingService(t);
  const scaling = start('scale', 'llm=3', '--wait-timeout', '3s');
  await until('it is accepted', () => controlPlane.services()[0]?.wantedReplicas === 3);
  controlPlane.wait(LLM);
  const { code, stderr } = await scaling.ended;
  t.is(code, 1, stderr);
  t.regex(stderr, /needs 96 GiB on one GPU/);
  t.regex(stderr, /\n {2}next: llm is still to have 3 replicas; "outrigger scale -p demo llm=\d" takes that back\n$/);
});

test('the provider says what is waited for, that the service stays, and what to do next', async t => {
  const { cli, controlPlane } = await waitingService(t);
  const { code, stdout } = await cli('compose', '--project-name', 'demo', 'up', '--wait-timeout', '1s', 'llm');
  t.is(code, 1, stdout);
  const said = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { type: string; message: string });
  t.true(
    said.some(({ type, message }) => type === 'info' && / pending: no room$/.test(message)),
    stdout,
  );
  const error = said.find(s => s.type === 'error')?.message ?? '';
  t.regex(error, /^not ready in time: /);
  t.regex(
    error,
    /\n {2}it stays, and goes on trying\n {2}next: see "outrigger why demo\/llm", or give it more time with /,
  );
  t.is(controlPlane.services().length, 1);
});

test('the provider says why before it removes what it made, and that it does', async t => {
  const { start, controlPlane } = await waitingService(t);
  await controlPlane.remove({ namespace: 'demo', names: ['llm'], volumes: false });
  const up = start('compose', '--project-name', 'demo', 'up', '--wait-timeout', '5s', 'llm');
  await until('it is accepted', () => controlPlane.services().length > 0 || up.child.exitCode !== null);
  controlPlane.wait(LLM);
  const { code, stdout } = await up.ended;
  t.is(code, 1, stdout);
  const error = JSON.parse(stdout.trim().split('\n').at(-1)!) as { message: string };
  t.regex(error.message, /needs 96 GiB on one GPU(.*\n)*.*it is removed again(.*\n)*.*or mend what it waits for$/);
  t.deepEqual(controlPlane.services(), []);
});

test('why, logs and inspect of what is gone say when it was removed, and of what never was where to look', async t => {
  const { cli, controlPlane } = await waitingService(t);
  await controlPlane.remove({ namespace: 'demo', names: ['llm'], volumes: false });
  controlPlane.addEvent(LLM, 'service.deleted', '');
  const gone = await cli('why', 'llm');
  t.is(gone.code, 1);
  t.regex(gone.stderr, /^error: demo\/llm does not run any more: it was removed at .*\d\d:\d\d:\d\d\.\n/);
  t.regex(gone.stderr, /"outrigger events -p demo llm" tells how it went/);
  for (const command of ['logs', 'inspect']) t.is((await cli(command, 'llm')).stderr, gone.stderr, command);
  const never = await cli('why', 'lllm');
  t.is(never.stderr, 'error: There is no service demo/lllm.\nnext:  See "outrigger ps --all-projects".\n');
});

test('nodes say of a drained node what keeps it from being empty', async t => {
  const { cli, controlPlane } = await waitingService(t);
  controlPlane.settle(LLM);
  controlPlane.wait(LLM);
  t.notRegex((await cli('nodes')).stdout, /keeps/);
  await controlPlane.drainNode('local');
  t.regex(
    (await cli('nodes')).stdout,
    /^local keeps demo\/llm until what is to take its place has one: outrigger why demo\/llm$/m,
  );
});

test('inspect of what waits names no container, and of a service its spec only as JSON', async t => {
  const { cli } = await waitingService(t);
  const { stdout } = await cli('inspect', 'llm');
  t.regex(stdout, /phase: +pending for .*no room/);
  t.notRegex(stdout, /container:|"image"/);
  t.regex(stdout, /its whole spec: outrigger inspect --json demo\/llm\n$/);
});
