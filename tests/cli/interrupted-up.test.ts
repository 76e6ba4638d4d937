import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { connect } from '../../cli/connect.ts';
import type { Context } from '../../cli/context.ts';
import type { Project } from '../../cli/project.ts';
import { ServedProject } from '../../cli/served-project.ts';
import type { ApplyRequest } from '../../control-plane/control-plane.ts';
import { serve } from '../api/served.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { until } from '../until.ts';
import { startCli, testFolder } from './run-cli.ts';

const FILE = 'name: demo\nservices:\n  llm: {image: "llm:1", x-outrigger: {protocol: grpc, port: 50051}}\n';

/** Accepts at once, and answers when it is told to. */
class LateControlPlane extends FakeControlPlane {
  readonly #answers = Promise.withResolvers<void>();
  isAsked = false;

  answer(): void {
    this.#answers.resolve();
  }

  override async apply(request: ApplyRequest) {
    const results = await super.apply(request);
    this.isAsked = true;
    await this.#answers.promise;
    return results;
  }
}

async function start(t: ExecutionContext, ...args: string[]) {
  const controlPlane = new LateControlPlane();
  const { socket, api } = await serve(t, { controlPlane });
  t.teardown(() => controlPlane.answer());
  const cwd = await testFolder(t);
  await writeFile(path.join(cwd, 'compose.yaml'), FILE);
  const environment = { OUTRIGGER_ADDRESS: `unix://${socket}` };
  const cli = startCli({ args, environment, cwd });
  t.teardown(() => cli.child.kill('SIGKILL'));
  await until('it was asked', () => {
    if (cli.child.exitCode !== null) throw new Error(`it ended before that:\n${cli.stderr()}`);
    return controlPlane.isAsked;
  });
  return { controlPlane, api, cli };
}

for (const args of [['up'], ['up', '-d'], ['up', '--wait', '--json']]) {
  test(`${args.join(' ')} that is interrupted before it is answered removes what was accepted`, async t => {
    const { controlPlane, cli } = await start(t, ...args, '--no-build');
    t.is(controlPlane.services().length, 1);
    cli.child.kill('SIGINT');
    if (!args.includes('--json')) await cli.until('stderr', /interrupted/);
    controlPlane.answer();
    const { code, stderr } = await cli.ended;
    t.is(code, 130, stderr);
    t.deepEqual(controlPlane.services(), []);
  });
}

test('the provider that is told to end before it is answered removes what was accepted', async t => {
  const { controlPlane, cli } = await start(t, 'compose', '--project-name', 'demo', 'up', 'llm');
  cli.child.kill('SIGTERM');
  controlPlane.answer();
  t.is((await cli.ended).code, 130);
  t.deepEqual(controlPlane.services(), []);
});

test('whoever does not wait for the answer is told what may run on, and how it is removed', async t => {
  const { cli } = await start(t, 'up', '--no-build');
  cli.child.kill('SIGINT');
  await cli.until('stderr', /interrupted/);
  cli.child.kill('SIGINT');
  const { code, stderr } = await cli.ended;
  t.is(code, 130);
  t.regex(stderr, /It may have accepted llm before\.\n.*"outrigger down -p demo llm" removes/);
});

test('a control plane that dies over its answer and cannot be asked: what may be left is told', async t => {
  const { cli, api } = await start(t, 'up', '-d', '--no-build');
  await api.close(AbortSignal.abort());
  const { code, stderr } = await cli.ended;
  t.is(code, 3, stderr);
  t.regex(stderr, /It may have accepted llm before\.\n.*"outrigger down -p demo llm" removes/);
});

test('the third interruption ends at once, and says what may run on', async t => {
  const { cli } = await start(t, 'up', '--no-build');
  cli.child.kill('SIGINT');
  await cli.until('stderr', /interrupted/);
  // Both at once, before the command can end by itself.
  cli.child.kill('SIGSTOP');
  cli.child.kill('SIGINT');
  cli.child.kill('SIGTERM');
  cli.child.kill('SIGCONT');
  const { code, stderr } = await cli.ended;
  t.is(code, 130);
  t.regex(stderr, /"outrigger down -p demo llm" removes/);
});

test('a control plane that is to take its file down ends only once it knows what it accepted', async t => {
  const controlPlane = new LateControlPlane();
  const { socket } = await serve(t, { controlPlane });
  const ending = new AbortController();
  const place = { environment: { OUTRIGGER_ADDRESS: `unix://${socket}` }, cwd: '/' };
  const quiet = { isTerminal: false, width: () => 80, line: () => {}, style: (_: unknown, text: string) => text };
  const context = {
    ...place,
    options: {},
    signal: ending.signal,
    err: quiet,
    out: quiet,
    client: () => connect({}, place),
    leaves: () => {},
    onSecondInterrupt: () => {},
  } as unknown as Context;
  const spec = { namespace: 'demo', name: 'llm', image: 'llm:1', protocol: 'grpc', port: 50_051 };
  const project = { namespace: 'demo', services: [spec], warnings: [], origin: 'test' } as unknown as Project;
  await using served = new ServedProject(context, project, true);
  served.bringUp();
  await until('it was asked', () => controlPlane.isAsked);
  ending.abort();
  controlPlane.answer();
  await until('it may end', () => served.ending.aborted);
  t.notThrows(() => served.throwIfFailed());
  t.deepEqual(controlPlane.services(), []);
});

test('Ctrl-C while the service file is read is an interruption, and no failure, and says that nothing was begun', async t => {
  const cwd = await testFolder(t);
  const asked = path.join(cwd, 'asked');
  await writeFile(path.join(cwd, 'compose.yaml'), FILE);
  await writeFile(path.join(cwd, 'docker'), `#!/bin/sh\ntouch '${asked}'\nexec sleep 60\n`, { mode: 0o755 });
  const environment = {
    PATH: `${cwd}${path.delimiter}${process.env['PATH']}`,
    OUTRIGGER_STATE: path.join(cwd, 'state'),
  };
  for (const [command, words] of [
    ['up', 'interrupted: nothing was started\n'],
    ['down', 'interrupted: nothing was removed\n'],
  ] as const) {
    await rm(asked, { force: true });
    const cli = startCli({ args: [command], environment, cwd });
    await until('Compose is asked', () => existsSync(asked));
    cli.child.kill('SIGINT');
    const { code, stderr } = await cli.ended;
    t.is(code, 130);
    t.is(stderr, words);
  }
});
