import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { deviceColumns } from '../../cli/render/nodes.ts';
import { renderTable } from '../../cli/render/table.ts';
import type { DeviceView } from '../../control-plane/views/views.ts';
import { serve } from '../api/served.ts';
import { until } from '../until.ts';
import { runCli, startCli, testFolder } from './run-cli.ts';

/** A folder with a service file, and a control plane that runs nothing yet. */
async function start(t: ExecutionContext, services: string) {
  const { controlPlane, socket } = await serve(t);
  const environment = { OUTRIGGER_ADDRESS: `unix://${socket}` };
  const cwd = await testFolder(t);
  const write = (text: string) => writeFile(path.join(cwd, 'compose.yaml'), `name: demo\n${text}`);
  await write(services);
  const cli = (...args: string[]) => runCli({ args, environment, cwd });
  const begin = async (...args: string[]) => {
    const running = startCli({ args, environment, cwd });
    t.teardown(() => running.child.kill('SIGKILL'));
    await until('it is accepted', () => {
      if (running.child.exitCode !== null) throw new Error(`it ended before that:\n${running.stderr()}`);
      return controlPlane.services().length > 0;
    });
    return running;
  };
  return { controlPlane, cli, begin, write };
}

const REF = { namespace: 'demo', name: 'llm' };
function fileWith(replicas: string): string {
  return `services:\n  llm: {image: "llm:1", x-outrigger: {protocol: grpc, port: 50051, replicas: ${replicas}}}\n`;
}

for (const command of ['up', 'serve -f compose.yaml']) {
  test(`${command} of a file without a service says so`, async t => {
    const { cli } = await start(t, 'services: {}\n');
    const { code, stderr } = await cli(...command.split(' '));
    t.is(code, 1);
    t.regex(stderr, /^error: The service file has no service to start: .*compose\.yaml\.\nnext: /);
  });
}

test('up says which number of replicas it takes back, and none where a range keeps it', async t => {
  const { controlPlane, begin, write } = await start(t, fileWith('2'));
  const first = await begin('up', '-d', '--no-build');
  controlPlane.settle(REF);
  t.is((await first.ended).code, 0, first.stderr());
  t.notRegex(first.stderr(), /become/);
  await controlPlane.scale(REF, 3);
  const again = await begin('up', '-d', '--no-build');
  await again.until(
    'stderr',
    'llm: 3 replicas become 2, as the file says; with x-outrigger.replicas: {min, max} there',
  );
  again.child.kill('SIGKILL');
  await write(fileWith('{min: 1, max: 5}'));
  const range = await begin('up', '-d', '--no-build');
  const { generation } = controlPlane.services()[0]!;
  await until('the range is accepted', () => controlPlane.services()[0]!.generation > generation);
  controlPlane.settle(REF);
  t.is((await range.ended).code, 0);
  t.notRegex(range.stderr(), /become/);
});

test('up --json that is not ready in time tells its error as JSON, and nothing else on stderr', async t => {
  const { begin } = await start(t, fileWith('1'));
  const up = await begin('up', '-d', '--no-build', '--json', '--wait-timeout', '1s');
  const { code, stderr, stdout } = await up.ended;
  t.is(code, 1);
  const { error } = JSON.parse(stderr) as { error: { code: string; message: string; next: string; details: object } };
  t.is(error.code, 'timeout');
  t.is(error.message, 'not ready within 1 s: llm');
  t.regex(error.next, /--wait-timeout/);
  t.deepEqual(error.details, { waitingFor: ['llm'] });
  const types = stdout
    .trim()
    .split('\n')
    .map(line => (JSON.parse(line) as { type: string }).type);
  t.deepEqual([types[0], ...types.slice(-2)], ['applied', 'timed_out', 'removed']);
});

test('that there is no such service is told in the same words by every command', async t => {
  const { controlPlane, begin, cli } = await start(t, fileWith('1'));
  const up = await begin('up', '-d', '--no-build');
  controlPlane.settle(REF);
  await up.ended;
  for (const command of ['logs', 'resolve', 'why', 'down', 'restart', 'events']) {
    const { code, stderr } = await cli(command, '-p', 'demo', 'nothere');
    t.is(code, 1, command);
    t.regex(stderr, /^error: There is no service demo\/nothere\.\nnext: /, command);
  }
});

test('nodes without a control plane says how to see them before there is one', async t => {
  const environment = { OUTRIGGER_STATE: await testFolder(t) };
  const { code, stderr } = await runCli({ args: ['nodes'], environment });
  t.is(code, 3);
  t.regex(stderr, /outrigger up.*outrigger doctor --nodes FILE/);
});

test('on a narrow terminal nodes keeps the model of a GPU rather than what is used of it', t => {
  const GIB = 2 ** 30;
  const device: DeviceView = {
    id: 'nvidia.com/gpu=0',
    driver: 'cdi',
    kind: 'nvidia.com/gpu',
    model: 'SIM-A',
    memoryBytes: 24 * GIB,
    measuredUsedBytes: 2 * GIB,
    state: 'free',
    holders: [],
    declaredBytes: 20 * GIB,
  };
  const rows = [{ node: 'gpu-a', device }];
  const [titles] = renderTable(deviceColumns(rows, { withNode: true }), rows, { width: 60 });
  t.regex(titles!, /MODEL/);
  t.notRegex(titles!, /USED/);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`a control plane that is ended by ${signal} says so in its log`, async t => {
    const state = await testFolder(t);
    const serving = startCli({ args: ['serve', '--state', state] });
    t.teardown(() => serving.child.kill('SIGKILL'));
    await serving.until('stdout', 'the control plane serves');
    serving.child.kill(signal);
    const { stdout } = await serving.ended;
    const last = JSON.parse(stdout.trim().split('\n').at(-1)!) as { reason: string; msg: string };
    t.regex(last.msg, /^the control plane is shutting down/);
    t.is(last.reason, `interrupted by ${signal}`);
  });
}
