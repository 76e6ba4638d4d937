import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../api/served.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { until } from '../until.ts';
import { runCli, startCli, testFolder } from './run-cli.ts';

const REF = { namespace: 'demo', name: 'echo' };
const ECHO = {
  ...REF,
  image: 'echo:1',
  protocol: 'grpc' as const,
  port: 50_051,
  replicas: { min: 1, max: 9, initial: 2 },
};

/** The real command line and servers, and a fake control plane with two replicas on its one node. */
async function start(t: ExecutionContext, given = new FakeControlPlane()) {
  const { controlPlane, socket } = await serve(t, { controlPlane: given });
  const environment = { OUTRIGGER_ADDRESS: `unix://${socket}`, COMPOSE_PROJECT_NAME: 'demo' };
  await controlPlane.apply({ specs: [ECHO], origin: 'test', dryRun: false });
  controlPlane.settle(REF);
  return { controlPlane, environment, cli: (...args: string[]) => runCli({ args, environment }) };
}

test('nodes show what is held of them and which devices are free', async t => {
  const { cli } = await start(t);
  const { stdout, stderr, code } = await cli('nodes');
  t.deepEqual({ stderr, code }, { stderr: '', code: 0 });
  t.regex(stdout, /^NODE +STATE +REPLICAS +CPUS +MEMORY +GPUS +ADDRESS +LABELS\n/);
  t.regex(stdout, /local +answering +2 +0\.5\/8 +0 B\/16 GiB +0\/1 +127\.0\.0\.1 +zone=a\n/);
  t.regex(stdout, /GPU-0 +H100 +- +80 GiB +free\n/);
  t.is(JSON.parse((await cli('nodes', '--json')).stdout).nodes[0].name, 'local');
});

test('no line of nodes is wider than a terminal', async t => {
  const { environment, controlPlane } = await start(t);
  controlPlane.quarantined = true;
  for (const args of [['nodes'], ['nodes', 'inspect', 'local']]) {
    const { stdout } = await runCli({ args, environment: { ...environment, COLUMNS: '50' } });
    for (const line of stdout.trimEnd().split('\n')) t.true(line.length <= 50, line);
    t.regex(stdout, /GPU-0/);
  }
});

test('a GPU driver that could not be asked is told of beside the nodes', async t => {
  const { cli, controlPlane } = await start(t);
  const told = /^the GPU driver of \S+ could not be asked: nvidia-smi hangs$/m;
  t.notRegex((await cli('nodes')).stdout, told);
  controlPlane.driverTrouble = 'nvidia-smi hangs';
  t.regex((await cli('nodes')).stdout, told);
});

test('a quarantined device says why, and how it is trusted again', async t => {
  const { cli, controlPlane } = await start(t);
  controlPlane.quarantined = true;
  const { stdout } = await cli('nodes');
  t.regex(stdout, /GPU-0 +H100 +- +80 GiB +quarantined\n/);
  t.regex(stdout, /GPU-0 on local is quarantined: replica r1 lost sight of it/);
  t.regex(stdout, /outrigger nodes undrain local --device GPU-0\n/);
  t.is(
    (await cli('nodes', 'undrain', 'local', '--device', 'GPU-0')).stderr,
    'GPU-0 on local is given to replicas again\n',
  );
  t.is((await cli('nodes', 'undrain', 'local', '--device', 'GPU-0')).stderr, 'GPU-0 on local was not quarantined\n');
  t.is((await cli('nodes', 'undrain', 'local', '--device', 'GPU-7')).code, 1);
});

test('what is wrong with the nodes file is told beside the nodes that there are', async t => {
  const { cli, controlPlane } = await start(t);
  controlPlane.nodesProblem = 'nodes.yaml:3:5: nodes.a.engin: unknown key\nnodes.yaml:7:5: nodes.b: given twice';
  const { stdout, code } = await cli('nodes');
  t.is(code, 0);
  t.regex(stdout, /local +answering/);
  t.regex(stdout, /^nodes\.yaml:3:5: nodes\.a\.engin: unknown key\nnodes\.yaml:7:5: nodes\.b: given twice\n/m);
});

test('nodes and version tell the nodes file in use, and that it is the one of the last start', async t => {
  const { cli, controlPlane } = await start(t);
  t.notRegex((await cli('nodes')).stdout, /nodes file/);
  t.regex((await cli('version')).stdout, /^nodes +no nodes file: this machine's engine alone$/m);
  controlPlane.nodesFile = { nodesFile: '/etc/nodes.yaml', nodesFileFrom: 'named' };
  t.regex((await cli('nodes')).stdout, /^nodes file: \/etc\/nodes\.yaml$/m);
  controlPlane.nodesFile = { nodesFile: '/etc/nodes.yaml', nodesFileFrom: 'last_start' };
  t.regex(
    (await cli('nodes')).stdout,
    /^nodes file: \/etc\/nodes\.yaml, the file of the last start, as none is named$/m,
  );
  t.regex((await cli('version')).stdout, /^nodes +\/etc\/nodes\.yaml, the file of the last start/m);
});

test('version tells what is wrong with the registry, and nothing of one that is well', async t => {
  const { cli, controlPlane } = await start(t);
  t.notRegex((await cli('version')).stdout, /^registry/m);
  controlPlane.registry = { kind: 'consul', healthy: false, message: 'connect ECONNREFUSED 127.0.0.1:8500' };
  t.regex((await cli('version')).stdout, /^registry +consul is not well: connect ECONNREFUSED 127\.0\.0\.1:8500$/m);
});

test('what is wrong with the entry of a node is told once, with its place', async t => {
  const { cli, controlPlane } = await start(t);
  controlPlane.nodesProblem = '/etc/nodes.yaml:3:7: nodes.local.tls.ca: the file /etc/ca.pem does not exist';
  controlPlane.nodeError = 'the file /etc/ca.pem does not exist. Mend nodes.local in /etc/nodes.yaml';
  const { stdout } = await cli('nodes');
  t.is(stdout.match(/does not exist/g)?.length, 1);
  controlPlane.nodeError = 'Docker is not running at tcp://h:2375';
  t.regex((await cli('nodes')).stdout, /local is silent: Docker is not running/);
});

for (const command of ['drain', 'undrain', 'inspect'])
  test(`nodes ${command} without a name says which nodes there are`, async t => {
    const { cli } = await start(t);
    const { code, stderr } = await cli('nodes', command);
    t.is(code, 2);
    t.regex(stderr, /Which node\?\n.*There are: local\./);
  });

test('nodes inspect shows how a node is reached and the replicas on it', async t => {
  const { cli, controlPlane } = await start(t);
  const { stdout } = await cli('nodes', 'inspect', 'local');
  t.regex(stdout, /^node: +local\nstate: +answering\nconnection: +unix:\/\/\/var\/run\/docker\.sock\n/);
  t.regex(stdout, /CPUs: +0\.5 of 8 held\n/);
  t.regex(stdout, /demo\/echo +r0000001 +ready +\S+ +GPU-0\n/);
  t.is(JSON.parse((await cli('nodes', 'inspect', 'local', '--json')).stdout).name, 'local');
  t.notRegex(stdout, /GPU driver/);
  controlPlane.driverTrouble = 'nvidia-smi did not end within 10000 ms';
  t.regex(
    (await cli('nodes', 'inspect', 'local')).stdout,
    /GPU driver: +could not be asked: nvidia-smi did not end within 10000 ms\n/,
  );
  const unknown = await cli('nodes', 'inspect', 'nowhere');
  t.is(unknown.code, 1);
  t.is(unknown.stderr, 'error: There is no node "nowhere".\nnext:  There are: local.\n');
});

test('nodes drain says what moves, and --wait returns once nothing is left', async t => {
  const { cli, controlPlane, environment } = await start(t);
  t.is((await cli('nodes', 'drain', 'local')).stderr, 'local takes no more replicas; 2 replicas move away\n');
  t.regex((await cli('nodes')).stdout, /local +draining 0s/);
  const waiting = startCli({ args: ['nodes', 'drain', 'local', '--wait'], environment });
  await controlPlane.scale(REF, 1);
  controlPlane.settle(REF);
  t.is(waiting.child.exitCode, null);
  await controlPlane.remove({ namespace: 'demo', names: ['echo'], volumes: false });
  const { code, stderr } = await waiting.ended;
  t.is(code, 0);
  t.regex(stderr, /drained local in /);
  t.regex((await cli('nodes')).stdout, /local +drained/);
  t.is((await cli('nodes', 'undrain', 'local')).stderr, 'local takes replicas again\n');
  t.is((await cli('nodes', 'undrain', 'local')).stderr, 'local was not drained\n');
});

test('a drain that finds no other place says at once what stays, and why', async t => {
  class Full extends FakeControlPlane {
    override async drainNode(name: string) {
      const node = await super.drainNode(name);
      this.wait(REF);
      return node;
    }
  }
  const { cli } = await start(t, new Full());
  const { code, stderr } = await cli('nodes', 'drain', 'local');
  t.is(code, 0);
  t.regex(stderr, /2 replicas move away\nwarning: demo\/echo cannot move now and stays: no room\n/);
  t.regex(stderr, /"outrigger why demo\/echo" says what would help; "outrigger nodes undrain local"/);
});

test('a drain that does not end in time says what is left and why to look', async t => {
  const { cli } = await start(t);
  const { code, stderr } = await cli('nodes', 'drain', 'local', '--wait-timeout', '1s');
  t.is(code, 1);
  t.regex(stderr, /error: 2 replicas are still on local:\n {2}- demo\/echo r0000001\n {2}- demo\/echo r0000002\n/);
  t.regex(stderr, /"outrigger why demo\/echo"/);
  t.regex((await cli('nodes')).stdout, /local +draining/, 'the drain goes on');
});

test('why tells what waits and what would help, once for replicas with the same reasons', async t => {
  const { cli, controlPlane, environment } = await start(t);
  t.regex((await cli('why', 'echo')).stdout, /^demo\/echo: ready; nothing waits\n/);
  controlPlane.wait(REF);
  controlPlane.wait(REF);
  const { stdout } = await cli('why', 'demo/echo');
  t.regex(stdout, /^demo\/echo: degraded; 2 of 4 replicas wait\n\nr0000003, r0000004: pending for /);
  t.is(stdout.split('needs 96 GiB on one GPU, the largest has 80 GiB').length, 2);
  t.regex(stdout, /→ lower x-outrigger\.gpu\.memory to at most 80 GiB\n/);
  t.regex(stdout, /r0000001, r0000002: ready for \S+ on local, GPU-0\n/);
  t.is(JSON.parse((await cli('why', 'echo', '--json')).stdout).replicas[2].groups[0].constraint, 'gpu_memory');
  const narrow = await runCli({ args: ['why', 'echo'], environment: { ...environment, COLUMNS: '40' } });
  for (const line of narrow.stdout.trimEnd().split('\n')) t.true(line.length <= 40, line);
  t.is((await cli('why', 'nobody')).code, 1);
});

test('ps and a wait that is over say where to read on about what waits for a place', async t => {
  const { cli, controlPlane } = await start(t);
  t.notRegex((await cli('ps')).stdout, /outrigger why/);
  controlPlane.wait(REF);
  t.regex((await cli('ps')).stdout, /see "outrigger why demo\/echo"/);
  const { code, stderr } = await cli('scale', 'echo=9', '--wait-timeout', '1s');
  t.is(code, 1);
  t.regex(stderr, /not ready in time: echo\n.*see "outrigger why demo\/echo"\n/s);
});

test('a word that nodes does not know is a usage error that names the nearest', async t => {
  const { code, stderr } = await runCli({ args: ['nodes', 'drian'] });
  t.is(code, 2);
  t.regex(stderr, /unknown command 'drian'\n\(Did you mean drain\?\)/);
});

test('the commands of nodes have help with examples', async t => {
  for (const name of ['inspect', 'drain', 'undrain']) {
    const { code, stdout } = await runCli({ args: ['nodes', name, '--help'] });
    t.is(code, 0);
    t.regex(stdout, new RegExp(`Examples:\n  outrigger nodes ${name}`));
  }
});

test('completion offers the commands of nodes, and the nodes', async t => {
  const { cli } = await start(t);
  t.regex((await cli('complete', '--', 'nodes', '')).stdout, /^inspect\t.*\ndrain\t.*\nundrain\t/);
  // A shell is not kept waiting: on a busy machine the names may come too late, and then none are offered.
  const offers = (words: readonly string[], text: string) =>
    until(`${words.join(' ')} offers ${text}`, async () => (await cli('complete', '--', ...words)).stdout === text);
  await offers(['nodes', 'drain', 'lo'], 'local\tanswering\n:4\n');
  t.regex((await cli('complete', '--', 'nodes', 'drain', '--wait')).stdout, /^--wait\t.*\n--wait-timeout\t/);
  await offers(['events', '--node', ''], 'local\t\n:4\n');
  await offers(['why', 'ec'], 'echo\tdemo, ready\n:4\n');
});

test('Ctrl-C while a drain is waited for says that it goes on, and how it is ended', async t => {
  const { environment, controlPlane } = await start(t);
  const waiting = startCli({ args: ['nodes', 'drain', 'local', '--wait'], environment });
  await until(
    'the drain is waited for',
    () => controlPlane.nodes()[0]!.state === 'draining' && controlPlane.changeListeners > 0,
  );
  waiting.child.kill('SIGINT');
  const { code, stderr } = await waiting.ended;
  t.is(code, 130);
  t.regex(stderr, /the drain goes on; end it with: outrigger nodes undrain local\n/);
});

test('a device is named by its whole id, whatever it was called', async t => {
  const { cli, controlPlane } = await start(t);
  controlPlane.quarantined = true;
  t.is((await cli('nodes', 'undrain', 'local', '--device', '0')).stderr, 'GPU-0 on local is given to replicas again\n');
});

test('up that ends for want of a place says why before it removes the service, and sends nobody to what is gone', async t => {
  const { controlPlane, environment } = await start(t);
  const folder = await testFolder(t);
  const file = 'name: demo\nservices:\n  llm:\n    image: llm:1\n    x-outrigger: {protocol: grpc, port: 50051}\n';
  await writeFile(path.join(folder, 'compose.yaml'), file);
  const up = startCli({ args: ['up', '-d', '--no-build', '--wait-timeout', '5s'], environment, cwd: folder });
  const ref = { namespace: 'demo', name: 'llm' };
  await until('the service is there', () => {
    if (up.child.exitCode !== null) throw new Error(`up ended before that:\n${up.stderr()}`);
    return controlPlane.services().some(s => s.name === 'llm');
  });
  controlPlane.wait(ref);
  const { code, stderr } = await up.ended;
  t.is(code, 1, stderr);
  t.regex(stderr, /not ready within 5 s: llm\n/);
  t.regex(
    stderr,
    /needs 96 GiB on one GPU.*\n +→ lower x-outrigger\.gpu\.memory to at most 80 GiB\n(.*\n)*removing what/,
  );
  t.notRegex(stderr, /outrigger why/);
});
