import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serve } from '../api/served.ts';
import { until } from '../until.ts';
import { runCli, startCli, testFolder } from './run-cli.ts';

const MAIN = path.join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const ECHO = { namespace: 'demo', name: 'echo', image: 'echo:1', protocol: 'grpc' as const, port: 50_051 };
const REF = { namespace: 'demo', name: 'echo' };

/** The real servers with a fake control plane behind, and the real command line before them. */
async function start(t: ExecutionContext) {
  const { controlPlane, socket } = await serve(t);
  const environment = { OUTRIGGER_ADDRESS: `unix://${socket}`, COMPOSE_PROJECT_NAME: 'demo' };
  const cli = (...args: string[]) => runCli({ args, environment });
  return { controlPlane, environment, cli };
}

async function withEcho(t: ExecutionContext, replicas = 2) {
  const started = await start(t);
  const spec = { ...ECHO, replicas: { min: 0, max: 9, initial: replicas } };
  await started.controlPlane.apply({ specs: [spec], origin: 'test', dryRun: false });
  started.controlPlane.settle(REF);
  return started;
}

test('ps lists each replica with its phase and address', async t => {
  const { cli } = await withEcho(t);
  const { code, stdout, stderr } = await cli('ps');
  t.is(code, 0);
  t.is(stderr, '');
  const [head, ...rows] = stdout.trimEnd().split('\n');
  t.regex(head!, /^SERVICE +REPLICA +PHASE +FOR +ADDRESS +DEVICES +GEN +NODE +IMAGE$/);
  t.is(rows.length, 2);
  for (const row of rows) t.regex(row, /^echo +r\d{7} +ready .* 172\.17\.0\.2:50051 +GPU-0 +1 +local +echo:1$/);
});

test('ps fits a narrow terminal', async t => {
  const { environment } = await withEcho(t);
  const { stdout } = await runCli({ args: ['ps'], environment: { ...environment, COLUMNS: '60' } });
  for (const line of stdout.trimEnd().split('\n')) t.true(line.length <= 60, line);
  t.regex(stdout, /172\.17\.0\.2:50051/);
});

test('ps says what keeps the control plane from carrying anything on', async t => {
  const { cli, controlPlane } = await withEcho(t);
  t.false((await cli('ps')).stdout.includes('cannot carry'));
  controlPlane.trouble = 'the disk is full';
  const { code, stdout } = await cli('ps');
  t.is(code, 0);
  t.true(
    stdout.includes('The control plane cannot carry anything on at present (the disk is full); what runs'),
    stdout,
  );
});

test('ps in a project where nothing runs says so, and succeeds', async t => {
  const { cli } = await withEcho(t);
  const { code, stdout, stderr } = await cli('ps', '-p', 'other');
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: 'no services run in project "other"\n' });
});

test('ps --json prints the services as the API has them', async t => {
  const { cli, controlPlane } = await withEcho(t);
  const { stdout } = await cli('ps', '--json');
  t.deepEqual(JSON.parse(stdout), { services: JSON.parse(JSON.stringify(controlPlane.services())) });
  t.deepEqual(JSON.parse((await cli('--json', 'ps', '--all-projects')).stdout), JSON.parse(stdout));
});

test('resolve prints every address, or the best one of each replica', async t => {
  const { cli } = await withEcho(t);
  t.regex((await cli('resolve', 'echo')).stdout, /127\.0\.0\.1:49152 +published port +r0000001/);
  t.is((await cli('resolve', '--plain', 'demo/echo')).stdout, '172.17.0.2:50051\n172.17.0.2:50051\n');
  t.is((await cli('resolve', '--plain', '--published', 'echo')).stdout, '127.0.0.1:49152\n127.0.0.1:49152\n');
  const snapshot = JSON.parse((await cli('resolve', '--json', 'echo')).stdout);
  t.like(snapshot, { namespace: 'demo', service: 'echo', known: true });
  t.is(snapshot.endpoints.length, 2);
});

test('resolve of an unknown service fails with what to do next', async t => {
  const { cli } = await withEcho(t);
  const { code, stdout, stderr } = await cli('resolve', 'nobody');
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^error: .*nobody/);
  const asJson = await cli('resolve', 'nobody', '--json');
  t.is(JSON.parse(asJson.stderr).error.code, 'not_found');
});

test('a service that is scaled to 0 is shown as such, with the command that brings it back', async t => {
  const { cli } = await withEcho(t, 0);
  const { code, stdout } = await cli('ps');
  t.is(code, 0);
  t.regex(stdout, /^echo +- +scaled to 0 /m);
  t.regex(stdout, /"outrigger scale -p demo echo=1" starts one/);
  const resolved = await cli('resolve', 'echo');
  t.is(resolved.code, 1);
  t.regex(
    resolved.stderr,
    /^error: Service "echo" is scaled to 0 replicas\.\nnext: .*outrigger scale -p demo echo=1$/m,
  );
});

test('resolve --watch prints the endpoints again when they change', async t => {
  const { controlPlane, environment } = await withEcho(t, 1);
  const watching = startCli({ args: ['resolve', '--watch', '--json', 'echo'], environment });
  await watching.until('stdout', '\n');
  await controlPlane.scale(REF, 2);
  controlPlane.settle(REF);
  await watching.until('stdout', /\n.*r0000002.*\n/);
  watching.child.kill('SIGINT');
  const { code, stdout } = await watching.ended;
  t.is(code, 130);
  const counts = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).endpoints.length);
  t.deepEqual([counts[0], counts.at(-1)], [1, 2]);
});

test('scale waits until as many replicas are ready', async t => {
  const { controlPlane, environment } = await withEcho(t, 1);
  const scaling = startCli({ args: ['scale', 'echo=3'], environment });
  const scaled = new Promise<void>(resolve => {
    const stop = controlPlane.onChange(() => {
      if (controlPlane.services()[0]?.wantedReplicas !== 3) return;
      stop();
      resolve();
    });
  });
  await scaled;
  t.is(scaling.child.exitCode, null);
  controlPlane.settle(REF);
  const { code, stderr } = await scaling.ended;
  t.is(code, 0);
  t.regex(stderr, /echo r0000003 {2}ready: 172\.17\.0\.2:50051/);
  t.notRegex(stderr, /r0000001/, 'what was there before is not told again');
  t.regex(stderr, /^scaled in [\d.]+s: echo 3\/3$/m);
});

test('a wrong scale is a usage error and asks nothing of the control plane', async t => {
  const { cli, controlPlane } = await withEcho(t);
  const { code, stderr } = await cli('scale', 'echo');
  t.is(code, 2);
  t.regex(stderr, /"echo" does not say how many replicas\.\nnext: +Give SERVICE=NUMBER/);
  t.is(controlPlane.services()[0]?.wantedReplicas, 2);
});

test('restart replaces the replicas that there were', async t => {
  const { cli, controlPlane } = await withEcho(t);
  const { code, stderr: said } = await cli('restart', 'echo');
  t.regex(said, /^restarted in [\d.]+s: echo 2\/2$/m);
  t.is(code, 0);
  t.deepEqual(
    controlPlane.services()[0]?.replicas.map(r => r.id),
    ['r0000003', 'r0000004'],
  );
  t.is((await cli('restart', '--replica', 'r0000003')).code, 0);
  t.deepEqual(
    controlPlane.services()[0]?.replicas.map(r => r.id),
    ['r0000005', 'r0000004'],
  );
  t.is((await cli('restart', 'ecco')).code, 1);
});

test('logs carry the name of their replica, and end when the reader goes', async t => {
  const { cli, controlPlane, environment } = await withEcho(t);
  for (let i = 0; i < 3; i++) {
    const stream = i === 1 ? 'stderr' : 'stdout';
    controlPlane.addLogLine({
      service: 'echo',
      replicaId: `r${i}`,
      stream,
      timestamp: `2026-01-01T00:00:0${i}Z`,
      text: `line ${i}`,
    });
  }
  t.is((await cli('logs')).stdout, 'echo-r0 | line 0\necho-r1 | line 1\necho-r2 | line 2\n');
  t.is((await cli('logs', '--tail', '1', '--no-log-prefix', '-t')).stdout, '2026-01-01T00:00:02Z line 2\n');
  t.like(JSON.parse((await cli('logs', '-n', '1', '--json')).stdout), { replicaId: 'r2', text: 'line 2' });

  const following = startCli({ args: ['logs', '-f'], environment });
  await following.until('stdout', 'line 2');
  following.child.stdout.destroy();
  controlPlane.addLogLine({
    service: 'echo',
    replicaId: 'r0',
    stream: 'stdout',
    timestamp: '2026-01-01T00:00:09Z',
    text: 'more',
  });
  controlPlane.addLogLine({
    service: 'echo',
    replicaId: 'r0',
    stream: 'stdout',
    timestamp: '2026-01-01T00:00:09Z',
    text: 'more',
  });
  const { code, stderr } = await following.ended;
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

test('logs of a replica that does not exist are an error, not silence', async t => {
  const { cli, controlPlane } = await withEcho(t);
  const line = { service: 'echo', stream: 'stdout', timestamp: '2026-01-01T00:00:00Z' } as const;
  controlPlane.addLogLine({ ...line, replicaId: 'r0000001', text: 'hello' });
  t.is((await cli('logs', '--replica', 'r0000001', '--no-log-prefix')).stdout, 'hello\n');
  const { code, stdout, stderr } = await cli('logs', '--replica', 'zzz');
  t.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  t.is(stderr, 'error: There is no such replica: "zzz".\nnext:  There are: r0000001, r0000002.\n');
});

test('events are told once each, past ones first', async t => {
  const { controlPlane, environment, cli } = await withEcho(t);
  t.regex((await cli('events')).stdout, /^.* echo {2}service\.applied {2}generation 1\n$/);
  const following = startCli({ args: ['events', '-f', '--json', 'echo'], environment });
  await following.until('stdout', '\n');
  controlPlane.addEvent(REF, 'replica.ready', 'ready');
  await following.until('stdout', 'replica.ready');
  following.child.kill('SIGINT');
  const { stdout, code } = await following.ended;
  t.is(code, 130);
  t.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).sequence),
    [1, 2],
  );
});

test('down with a name that nothing has removes nothing, not even what the other names mean', async t => {
  const { cli, controlPlane } = await withEcho(t);
  const { code, stderr } = await cli('down', 'typo', 'echo');
  t.is(code, 1);
  t.regex(stderr, /There is no service demo\/typo\.\n.*Project "demo" runs: echo/);
  t.is(controlPlane.services().length, 1);
});

test('down removes a project, and one that is empty is no error', async t => {
  const { cli, controlPlane } = await withEcho(t);
  const { code, stderr } = await cli('down');
  t.is(code, 0);
  t.regex(stderr, /^removed echo in /);
  t.is(controlPlane.services().length, 0);
  t.deepEqual(await cli('down'), { code: 0, stdout: '', stderr: 'nothing runs in project "demo"\n' });
});

test('inspect finds a service by name and a replica by id', async t => {
  const { cli } = await withEcho(t);
  t.regex((await cli('inspect', 'echo')).stdout, /^service: +demo\/echo\nstate: +ready\n/);
  t.regex((await cli('inspect', 'r0000002')).stdout, /^replica: +r0000002 of demo\/echo\n/);
  t.is(JSON.parse((await cli('inspect', '--json', 'r0000002')).stdout).id, 'r0000002');
  t.is((await cli('inspect', 'nothing')).code, 1);
});

test('an event of a node is told by its name, and found by it', async t => {
  const { cli, controlPlane } = await withEcho(t);
  controlPlane.addNodeEvent('gpu-a', 'node.silent', 'no answer');
  controlPlane.addNodeEvent('gpu-b', 'node.draining', '');
  t.regex((await cli('events', '--node', 'gpu-a')).stdout, /^[^n]+ {2}node gpu-a {2}node\.silent {2}no answer\n$/);
  t.is((await cli('events', '--all-projects')).stdout.split('\n').length, 4);
  t.notRegex((await cli('events')).stdout, /gpu-/);
});

test('the control plane not being there is told apart from every other failure', async t => {
  const state = await testFolder(t);
  const { code, stdout, stderr } = await runCli({
    args: ['ps', '-p', 'demo'],
    environment: { OUTRIGGER_STATE: state },
  });
  t.is(code, 3);
  t.is(stdout, '');
  t.regex(stderr, /^error: No control plane answers at unix:.*\(ENOENT\)\.\nnext: +Start one with "outrigger up"/);
  t.deepEqual(await runCli({ args: ['down', '-p', 'demo'], environment: { OUTRIGGER_STATE: state } }), {
    code: 0,
    stdout: '',
    stderr: 'nothing runs in project "demo"\n',
  });
});

test('an error of the control plane reaches the person word by word', async t => {
  const { cli, controlPlane } = await withEcho(t);
  const { OutriggerError } = await import('../../control-plane/core/errors.ts');
  controlPlane.failure = new OutriggerError('denied', 'replicas above 5 are not allowed here', {
    next: 'Ask the operator.',
  });
  const { code, stderr } = await cli('scale', 'echo=9');
  t.is(code, 1);
  t.is(stderr, 'error: replicas above 5 are not allowed here\nnext:  Ask the operator.\n');
});

test('output that cannot be written is a failure, not a command that did well', async t => {
  const { environment } = await withEcho(t);
  for (const flags of ['', '--json']) {
    const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>(resolve => {
      const script = `exec "$0" "$1" ps ${flags} >/dev/full`;
      const env = { ...process.env, ...environment };
      execFile('sh', ['-c', script, process.execPath, MAIN], { env }, (error, _stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stderr }),
      );
    });
    t.is(code, 1);
    t.regex(stderr, /^error: what belongs on stdout could not be written: ENOSPC/);
  }
});

test('a state folder that can never hold a control plane is refused by up before the service file is read', async t => {
  const folder = await testFolder(t);
  const file = path.join(folder, 'file');
  await writeFile(file, '');
  const deep = path.join(folder, 'x'.repeat(107));
  for (const [state, expected] of [
    [deep, /control\.sock has \d+ bytes; a socket's path may have 107/],
    [file, /file is not a folder/],
    [path.join(file, 'below'), /lies below a file/],
  ] as const) {
    const environment = { OUTRIGGER_STATE: state };
    const up = await runCli({ args: ['up'], environment, cwd: folder });
    t.is(up.code, 1);
    t.regex(up.stderr, expected);
    t.regex(up.stderr, /next: +Choose another one with --state or OUTRIGGER_STATE/);
    const doctor = await runCli({ args: ['doctor'], environment });
    t.regex(doctor.stdout, expected);
  }
});

test('wrong usage is exit code 2 and names the nearest word', async t => {
  const { code, stderr } = await runCli({ args: ['lgos'] });
  t.is(code, 2);
  t.regex(stderr, /unknown command 'lgos'\n\(Did you mean logs\?\)/);
  const far = await runCli({ args: ['bogus'] });
  t.is(far.code, 2);
  t.is(far.stderr, 'error: unknown command \'bogus\'\n(See "outrigger --help".)\n');
  t.regex((await runCli({ args: ['nodes', 'bogus'] })).stderr, /\(See "outrigger nodes --help"\.\)/);
  t.regex((await runCli({ args: ['nodes', 'darin', 'a'] })).stderr, /\(Did you mean drain\?\)/);
  const option = await runCli({ args: ['up', '--detatch'] });
  t.is(option.code, 2);
  t.regex(option.stderr, /unknown option '--detatch'\n\(Did you mean --detach\?\)/);
  t.is((await runCli({ args: [] })).code, 2);
  t.is((await runCli({ args: ['ps', '--host', 'ftp://x', '-p', 'demo'] })).code, 1);
});

test('every command has help with examples', async t => {
  const { stdout, code } = await runCli({ args: ['--help'] });
  t.is(code, 0);
  const commands = [...stdout.matchAll(/^ {2}([a-z]+)(?: [<[].*?[>\]])? {2,}/gm)]
    .map(([, name]) => name!)
    .filter(name => name !== 'help');
  t.true(commands.length >= 15, commands.join(' '));
  const helps = await Promise.all(commands.map(name => runCli({ args: [name, '--help'] })));
  for (const [i, help] of helps.entries()) {
    t.is(help.code, 0, commands[i]);
    t.regex(help.stdout, new RegExp(`Examples:\n  .*outrigger ${commands[i]}`), commands[i]);
  }
});

test('help of the provider says who calls it and where it is described', async t => {
  const { stdout, stderr, code } = await runCli({ args: ['compose', '--help'] });
  t.deepEqual({ stderr, code }, { stderr: '', code: 0 });
  t.regex(stdout, /^Usage: outrigger compose --project-name=NAME up\|down/);
  t.regex(stdout, /provider: \{type: outrigger\}.*docs\/compose\.md/s);
});

test('the provider without a word shows its help as a wrong use, and not what Compose reads', async t => {
  const { stdout, stderr, code } = await runCli({ args: ['compose'] });
  t.deepEqual({ stdout, code }, { stdout: '', code: 2 });
  t.regex(stderr, /^Usage: outrigger compose --project-name=NAME up\|down.*provider: \{type: outrigger\}/s);
  const { stdout: lacking } = await runCli({ args: ['compose', '--project-name=demo'] });
  t.regex(JSON.parse(lacking).message, /^"outrigger compose" lacks what to do\. .*up, down or metadata\.$/);
});

test('completion offers commands, options, choices and the services that run', async t => {
  const { cli } = await withEcho(t);
  t.is((await cli('complete', '--', 'lo')).stdout, 'logs\tprint what services write\n:4\n');
  t.regex((await cli('complete', '--', 'up', '--sc')).stdout, /^--scale\t/);
  // A shell is not kept waiting: on a busy machine the names may come too late, and then none are offered.
  const offers = (words: readonly string[], text: RegExp) =>
    until(`${words.join(' ')} offers ${text}`, async () => text.test((await cli('complete', '--', ...words)).stdout));
  await offers(['logs', '-f', ''], /^echo\tdemo, ready\n/);
  await offers(['scale', 'ec'], /^echo=\t/);
  t.is((await cli('complete', '--', 'up', '-f', '')).stdout, ':0\n');
  t.is(
    (await runCli({ args: ['complete', '--', 'logs', ''], environment: { OUTRIGGER_ADDRESS: '/nowhere.sock' } }))
      .stdout,
    ':4\n',
  );
  for (const shell of ['bash', 'zsh', 'fish'])
    t.regex((await cli('completion', shell)).stdout, /outrigger complete --/);
  t.is((await cli('completion', 'tcsh')).code, 2);
});
