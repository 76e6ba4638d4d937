import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { AS_ANYBODY, closedSocket } from '../closed-socket.ts';
import { runCli, testFolder } from './run-cli.ts';

/** A command of somebody who may open neither the control plane's socket nor the engine's. */
async function shutOut(t: ExecutionContext) {
  const state = await testFolder(t);
  const [control, docker] = [path.join(state, 'control.sock'), path.join(state, 'docker.sock')];
  for (const socket of [control, docker]) await closedSocket(t, socket);
  const environment = { OUTRIGGER_STATE: state, DOCKER_HOST: `unix://${docker}` };
  const run = (...args: string[]) => runCli({ args, environment, cwd: state, runner: AS_ANYBODY });
  return { control, docker, run };
}

test('version says of a control plane whose socket may not be opened that this is why none answers', async t => {
  const { control, run } = await shutOut(t);
  const { code, stdout, stderr } = await run('version');
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  t.true(stdout.includes(`control plane  none answers at unix://${control}; this user may not open it\n`), stdout);
  t.is(JSON.parse((await run('version', '--json')).stdout).controlPlane, null);
});

test('doctor says of both sockets that they may not be opened, and who may', async t => {
  const { control, docker, run } = await shutOut(t);
  const { code, stdout } = await run('doctor', '--json');
  t.is(code, 1);
  const checks: { name: string; status: string; message: string; next?: string }[] = JSON.parse(stdout).checks;
  const of = (name: string) => checks.find(f => f.name === name);
  t.like(of('docker'), { status: 'fail', message: `No permission to use the Docker socket at unix://${docker}` });
  t.regex(of('docker')?.next ?? '', /group `docker` \(`sudo usermod -aG docker \$USER`, then log in again\)/);
  t.like(of('control plane'), { status: 'fail', message: `No control plane answers at unix://${control} (EACCES).` });
  t.regex(
    of('control plane')?.next ?? '',
    /run this as the user who started the control plane, or set OUTRIGGER_STATE/,
  );
});

test('what needs the control plane ends with 3 and says who may open its socket', async t => {
  const { control, run } = await shutOut(t);
  const { code, stdout, stderr } = await run('ps', '--all-projects');
  t.deepEqual({ code, stdout }, { code: 3, stdout: '' });
  t.true(stderr.includes(`No control plane answers at unix://${control} (EACCES).`), stderr);
  t.regex(stderr, /next: +You may not open .*; run this as the user who started the control plane/);
});
