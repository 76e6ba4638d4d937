import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../api/served.ts';
import { until } from '../until.ts';
import { runCli, startCli, testFolder } from './run-cli.ts';

const FILE = `name: demo
services:
  llm: {image: "llm:1", x-outrigger: {protocol: grpc, port: 50051}}
  extra: {image: "extra:1", profiles: [more], x-outrigger: {protocol: grpc, port: 50051}}
`;

/** A folder with a service file of two services, and a control plane that runs `echo` and `extra` of its project. */
async function start(t: ExecutionContext) {
  const { controlPlane, socket } = await serve(t);
  const environment = { OUTRIGGER_ADDRESS: `unix://${socket}`, COMPOSE_PROJECT_NAME: 'demo' };
  const cwd = await testFolder(t);
  await writeFile(path.join(cwd, 'compose.yaml'), FILE);
  const spec = { namespace: 'demo', protocol: 'grpc' as const, port: 50_051 };
  const specs = ['echo', 'extra'].map(name => ({ ...spec, name, image: `${name}:1` }));
  await controlPlane.apply({ specs, origin: 'test', dryRun: false });
  for (const { name } of specs) controlPlane.settle({ namespace: 'demo', name });
  const names = () => controlPlane.services().map(s => s.name);
  const cli = (...args: string[]) => runCli({ args, environment, cwd });
  const up = async (...args: string[]) => {
    const running = startCli({ args: ['up', '--no-build', ...args], environment, cwd });
    await until('it is accepted', () => {
      if (running.child.exitCode !== null) throw new Error(`up ended before that:\n${running.stderr()}`);
      return names().includes('llm');
    });
    controlPlane.settle({ namespace: 'demo', name: 'llm' });
    return await running.ended;
  };
  return { controlPlane, cli, up, names };
}

test('up --wait returns once services are ready, and warns of those that the file has under no profile', async t => {
  const { up, names } = await start(t);
  const { code, stderr } = await up('--wait');
  t.is(code, 0, stderr);
  t.regex(stderr, /warning: echo is of this project and not in the service file; --remove-orphans removes/);
  t.notRegex(stderr, /extra/);
  t.deepEqual(names().sort(), ['echo', 'extra', 'llm']);
});

test('up --remove-orphans removes those, and no others', async t => {
  const { up, names } = await start(t);
  const { code, stderr } = await up('-d', '--remove-orphans', '-t', '3');
  t.is(code, 0, stderr);
  t.deepEqual(names().sort(), ['extra', 'llm']);
});

test('ps -q gives the ids of containers, and --services names', async t => {
  const { cli, controlPlane } = await start(t);
  const ids = controlPlane.services().flatMap(s => s.replicas.map(r => r.containerId));
  t.true(ids.length > 0 && ids.every(id => typeof id === 'string'));
  t.is((await cli('ps', '-q')).stdout, `${ids.join('\n')}\n`);
  t.is((await cli('ps', '--services')).stdout, 'echo\nextra\n');
  t.is((await cli('ps', '--format', 'json')).stdout, (await cli('ps', '--json')).stdout);
});

for (const [args, message] of [
  [['up', '--force-recreate'], /has no --force-recreate.*\n.*outrigger restart/],
  [['up', '-d', '--watch'], /has no --watch/],
  [['restart', '-t', '5', 'echo'], /has no --timeout.*\n.*stop_grace_period/],
  [['down', '--rmi', 'all'], /has no --rmi.*\n.*docker image rm/],
] as const) {
  test(`${args.join(' ')} is refused, with what to do instead`, async t => {
    const { cli, names } = await start(t);
    const { code, stderr } = await cli(...args);
    t.is(code, 2);
    t.regex(stderr, message);
    t.deepEqual(names(), ['echo', 'extra']);
    t.notRegex((await cli(args[0], '--help')).stdout, /--force-recreate|--watch,|--rmi/);
  });
}

for (const args of [
  ['ps'],
  ['ps', '-q'],
  ['ps', '--services'],
  ['ps', '--all-projects'],
  ['inspect', 'echo'],
  ['why', 'echo'],
  ['resolve', 'echo'],
  ['events'],
  ['scale', 'echo=1'],
  ['scale', '--no-wait', 'echo=1'],
  ['restart', 'echo'],
  ['restart', '--no-wait', 'echo'],
  ['config'],
  ['config', '--services'],
  ['config', '--images'],
  ['config', '--format', 'yaml'],
  ['nodes'],
  ['nodes', 'inspect', 'local'],
  ['nodes', 'drain', 'local'],
  ['nodes', 'undrain', 'local'],
  ['version'],
  ['version', '--short'],
  ['down'],
]) {
  test(`${args.join(' ')} prints nothing but JSON with --json`, async t => {
    const { cli } = await start(t);
    const { code, stdout, stderr } = await cli(...args, '--json');
    t.is(code, 0, stderr);
    const lines = stdout.trim().split('\n');
    if (args[0] === 'config' && args.length !== 2) t.notThrows(() => JSON.parse(stdout), stdout);
    else for (const line of lines) t.notThrows(() => JSON.parse(line), stdout);
  });
}
