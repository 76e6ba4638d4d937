import { readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runCli, startCli, testFolder } from '../cli/run-cli.ts';
import { dockerProject } from '../docker/cli/project.ts';
import { until } from '../until.ts';
import { SshServer } from './ssh-server.ts';

const SERVICE = `
services:
  web:
    image: BUSYBOX
    command: ["sleep", "3600"]
    init: true
`;

interface Node {
  readonly name: string;
  readonly answering: boolean;
  readonly error?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A control plane on a state folder of its own with this nodes file, and what is asked of it. */
async function serving(t: ExecutionContext, nodes: string, environment: Readonly<Record<string, string>> = {}) {
  const folder = await testFolder(t);
  const file = path.join(folder, 'nodes.yaml');
  const write = (text: string) => writeFile(file, text);
  await write(nodes);
  const options = (args: readonly string[]) => ({
    args,
    cwd: folder,
    environment: { ...environment, OUTRIGGER_STATE: path.join(folder, 'state') },
  });
  const running = startCli(options(['serve', '--nodes', 'nodes.yaml']));
  t.teardown(async () => {
    running.child.kill('SIGTERM');
    await running.ended;
  });
  await running.until('stdout', 'the control plane serves');
  const shown = async (): Promise<readonly Node[]> => {
    const { stdout, stderr } = await runCli(options(['nodes', '--json']));
    try {
      const answer = JSON.parse(stdout) as { nodes: readonly Node[] } | readonly Node[];
      return 'nodes' in answer ? answer.nodes : answer;
    } catch {
      throw new Error(`nodes --json said: ${stdout}${stderr}`);
    }
  };
  const untilNode = async (name: string, holds: (node: Node | undefined) => boolean) => {
    let last: readonly Node[] = [];
    await until(
      () => `node ${name} is as it should be: ${JSON.stringify(last)}\n${running.stdout()}`,
      async () => {
        last = await shown();
        return holds(last.find(n => n.name === name));
      },
      { pauseMs: 200 },
    );
    return last.find(n => n.name === name);
  };
  return { folder, write, running, shown, untilNode, cli: (...args: string[]) => runCli(options(args)) };
}

/** Takes connections and never answers. */
async function hangingHost(t: ExecutionContext): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer(socket => sockets.add(socket.on('error', () => {})));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `tcp://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

test('nodes that hang, refuse or are not there hold up neither the start nor the others', async t => {
  const hangs = await hangingHost(t);
  const w = await serving(
    t,
    `nodes:
  good: {engine: unix:///var/run/docker.sock, labels: {zone: a}}
  hangs: {engine: "${hangs}"}
  refuses: {engine: tcp://127.0.0.1:9}
  missing: {context: no-such-context}
`,
  );
  const good = await w.untilNode('good', node => node?.answering === true);
  t.is(good?.labels['zone'], 'a');
  const refuses = await w.untilNode('refuses', node => /Docker is not running at/.test(node?.error ?? ''));
  t.false(refuses?.answering);
  const missing = await w.untilNode('missing', node => /"no-such-context" does not exist/.test(node?.error ?? ''));
  t.false(missing?.answering);
  await w.untilNode('hangs', node => /did not answer|no answer within/.test(node?.error ?? ''));
});

test('a node joins by the file, its labels change, a wrong version changes nothing, and it leaves', async t => {
  const good = '  good: {engine: unix:///var/run/docker.sock}\n';
  const w = await serving(t, `nodes:\n${good}`);
  await w.untilNode('good', node => node?.answering === true);
  await w.write(`nodes:\n${good}  late: {engine: tcp://127.0.0.1:9}\n`);
  await w.untilNode('late', node => node !== undefined);
  await w.write(`nodes:\n${good}  late: {engine: tcp://127.0.0.1:9, labels: {zone: b}}\n`);
  await w.untilNode('late', node => node?.labels['zone'] === 'b');
  await w.write(`nodes:\n${good}  late: {engine: tcp://127.0.0.1:9, lables: {zone: c}}\n`);
  await w.running.until('stdout', /nodes\.yaml:3:37: nodes\.late\.lables: unknown key/);
  t.deepEqual((await w.shown()).map(n => n.name).sort(), ['good', 'late']);
  await w.write(`nodes:\n${good}`);
  await w.untilNode('late', node => node === undefined);
  t.is(w.running.child.exitCode, null);
});

test('SIGHUP reads the file and all that it names again, and ends nothing', async t => {
  const w = await serving(t, 'nodes: {good: {engine: "unix:///var/run/docker.sock"}}');
  w.running.child.kill('SIGHUP');
  await w.running.until('stdout', 'the nodes file was read');
  const good = await w.untilNode('good', node => node?.answering === true);
  t.truthy(good);
  t.is(w.running.child.exitCode, null);
});

test('one engine by two ways is one node, and the other one says so', async t => {
  const server = await SshServer.start();
  t.teardown(() => server.dispose());
  const environment = { PATH: server.environment['PATH'] ?? '' };
  const good = '  good: {engine: unix:///var/run/docker.sock}\n';
  const w = await serving(t, `nodes:\n${good}`, environment);
  await w.untilNode('good', node => node?.answering === true);
  await w.write(`nodes:\n${good}  twin: {engine: "ssh://gpu-lab"}\n`);
  const twin = await w.untilNode('twin', node => /twin and good are one engine/.test(node?.error ?? ''));
  t.false(twin?.answering);
  await w.write('nodes:\n  twin: {engine: "ssh://gpu-lab"}\n');
  await w.untilNode('twin', node => node?.answering === true);
  t.deepEqual(
    (await w.shown()).map(n => n.name),
    ['twin'],
    'nothing ran on the other one, so that it is gone at once',
  );
});

test('a nodes file that is missing or wrong keeps the control plane from starting, and says what is wrong', async t => {
  const folder = await testFolder(t);
  const environment = { OUTRIGGER_STATE: path.join(folder, 'state') };
  const missing = await runCli({ args: ['serve', '--nodes', 'gone.yaml'], cwd: folder, environment });
  t.not(missing.code, 0);
  t.regex(missing.stderr, /gone\.yaml does not exist/);
  await writeFile(path.join(folder, 'bad.yaml'), 'nodes:\n  a: {engin: x}\n');
  const wrong = await runCli({
    args: ['serve'],
    cwd: folder,
    environment: { ...environment, OUTRIGGER_NODES: 'bad.yaml' },
  });
  t.not(wrong.code, 0);
  t.regex(wrong.stderr, /bad\.yaml:2:7: nodes\.a\.engin: unknown key "engin".*did you mean "engine"/s);
});

test('up uses the nodes of OUTRIGGER_NODES as seen from where it is run; another name for an engine moves nothing', async t => {
  const project = await dockerProject(t, SERVICE);
  const nodes = 'nodes:\n  own: {engine: unix:///var/run/docker.sock, labels: {here: "yes"}}\n';
  await writeFile(path.join(project.folder, 'my-nodes.yaml'), nodes);
  const up = await runCli({
    args: ['up', '-d'],
    cwd: project.folder,
    environment: {
      OUTRIGGER_STATE: project.state,
      COMPOSE_PROJECT_NAME: project.name,
      OUTRIGGER_NODES: 'my-nodes.yaml',
    },
  });
  t.is(up.code, 0, up.stderr);
  t.regex((await project.cli('ps', '--json')).stdout, /"node": ?"own"/);
  const [before] = await project.containers();

  const again = (nodes: string) =>
    runCli({
      args: ['up', '-d'],
      cwd: project.folder,
      environment: { OUTRIGGER_STATE: project.state, COMPOSE_PROJECT_NAME: project.name, OUTRIGGER_NODES: nodes },
    });
  t.notRegex((await again('my-nodes.yaml')).stderr, /OUTRIGGER_NODES/);
  const { code, stderr } = await again('other-nodes.yaml');
  t.is(code, 0, stderr);
  t.regex(
    stderr,
    /warning: OUTRIGGER_NODES=other-nodes\.yaml has no effect: .* uses \S+my-nodes\.yaml\. .*kill \d+; services run on/,
  );

  await writeFile(path.join(project.folder, 'my-nodes.yaml'), nodes.replace('own', 'renamed'));
  await until(
    'the replica is on the node of the new name',
    async () => /"node": ?"renamed"/.test((await project.cli('ps', '--json')).stdout),
    { pauseMs: 200 },
  );
  const after = await project.containers();
  t.deepEqual(
    after.map(c => [c.Id, c.State]),
    [[before?.Id, 'running']],
    'the same container, and no other',
  );
});

test('doctor checks each node, and names what is wrong with the file', async t => {
  const folder = await testFolder(t);
  const environment = { OUTRIGGER_STATE: path.join(folder, 'state') };
  const checks = async () => {
    const { stdout } = await runCli({ args: ['doctor', '--nodes', 'n.yaml', '--json'], cwd: folder, environment });
    return (JSON.parse(stdout) as { checks: { name: string; status: string; message: string; next?: string }[] })
      .checks;
  };
  const named = (all: Awaited<ReturnType<typeof checks>>, name: string) => all.find(c => c.name === name);
  await writeFile(
    path.join(folder, 'n.yaml'),
    'nodes:\n  a: {engine: unix:///var/run/docker.sock}\n  b: {engine: tcp://127.0.0.1:9}\n  c: {context: gone}\n',
  );
  const all = await checks();
  t.like(named(all, 'nodes file'), { status: 'ok' });
  t.like(named(all, 'node a'), { status: 'ok' });
  t.regex(named(all, 'node a')?.message ?? '', /Docker Engine [\d.]+.* \(API 1\.\d+\) at unix:/);
  t.like(named(all, 'node a clock'), { status: 'ok' });
  t.truthy(named(all, 'node a gpu'));
  t.like(named(all, 'node b'), { status: 'fail', message: 'Docker is not running at tcp://127.0.0.1:9' });
  t.like(named(all, 'node c'), { status: 'fail' });
  t.regex(named(all, 'node c')?.message ?? '', /nodes\.c\.context: The Docker context "gone" does not exist/);
  await writeFile(path.join(folder, 'n.yaml'), 'nodes: {a: {enigne: x}}');
  t.regex(named(await checks(), 'nodes file')?.message ?? '', /n\.yaml:1:13: nodes\.a\.enigne: unknown key/);
  t.is(await readFile(path.join(folder, 'n.yaml'), 'utf8'), 'nodes: {a: {enigne: x}}');
});
