import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ApplyRequest, RemoveRequest } from '../../control-plane/control-plane.ts';
import { serve } from '../api/served.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { until } from '../until.ts';
import { startCli, testFolder } from './run-cli.ts';

const LLM = { namespace: 'demo', name: 'llm' };

/** The CLI beside a control plane whose replicas are ready when the test says so. */
async function scene<C extends FakeControlPlane = FakeControlPlane>(
  t: ExecutionContext,
  replicas = '2',
  controlPlane = new FakeControlPlane() as C,
) {
  const { socket } = await serve(t, { controlPlane });
  const cwd = await testFolder(t);
  const write = (image: string) =>
    writeFile(
      path.join(cwd, 'compose.yaml'),
      `name: demo\nservices:\n  llm: {image: "${image}", x-outrigger: {protocol: grpc, port: 50051, replicas: ${replicas}}}\n`,
    );
  await write('llm:1');
  const start = (...args: string[]) => {
    const cli = startCli({ args, environment: { OUTRIGGER_ADDRESS: `unix://${socket}` }, cwd });
    t.teardown(() => cli.child.kill('SIGKILL'));
    return cli;
  };
  const reaches = (generation: number) =>
    until('it is accepted', () => controlPlane.services()[0]?.generation === generation);
  return { controlPlane, write, start, reaches };
}

test('an update by another command ends the waiting for the one before, and is not removed', async t => {
  const { controlPlane, write, start, reaches } = await scene(t);
  const first = start('up', '-d', '--no-build');
  await reaches(1);
  await write('llm:2');
  const second = start('up', '-d', '--no-build');
  await reaches(2);
  const { code, stderr } = await first.ended;
  t.is(code, 1);
  t.regex(stderr, /llm.* was updated again/s);
  t.regex(stderr, /generation 2 was asked for while this command waited for generation 1/);
  t.regex(stderr, /another command has asked for llm since: not removed/);
  t.is(controlPlane.services()[0]?.generation, 2);
  controlPlane.settle(LLM);
  t.is((await second.ended).code, 0);
});

test('an interrupted command leaves what another one has updated since', async t => {
  const { controlPlane, start, reaches } = await scene(t);
  const cli = start('up', '--no-build');
  await reaches(1);
  // Whichever it sees first when it goes on, the update or the interruption.
  cli.child.kill('SIGSTOP');
  const spec = { ...LLM, image: 'llm:2', protocol: 'grpc' as const, port: 50051 };
  await controlPlane.apply({ specs: [spec], origin: '', dryRun: false });
  cli.child.kill('SIGINT');
  cli.child.kill('SIGCONT');
  const { code, stderr } = await cli.ended;
  t.true(code === 130 || code === 1, `${code}`);
  t.regex(stderr, /another command has asked for llm since: not removed/);
  t.is(controlPlane.services()[0]?.generation, 2);
});

test('what another command has removed meanwhile is not missed', async t => {
  const { controlPlane, start, reaches } = await scene(t);
  const cli = start('up', '-d', '--no-build');
  await reaches(1);
  await controlPlane.remove({ namespace: 'demo', names: ['llm'], volumes: false });
  const { code, stderr } = await cli.ended;
  t.is(code, 1);
  t.regex(stderr, /another command removed it while this one waited/);
  t.notRegex(stderr, /could not be removed/);
});

/** Counts what it was asked to apply. */
class Counting extends FakeControlPlane {
  applied = 0;

  override async apply(request: ApplyRequest) {
    const results = await super.apply(request);
    this.applied += 1;
    return results;
  }
}

/** Two commands that wait for the same unchanged file: the first has created what is in it. */
async function twoWait(t: ExecutionContext, ...args: string[]) {
  const { controlPlane, start, reaches } = await scene(t, '2', new Counting());
  const first = start('up', '-d', '--no-build', ...args);
  await reaches(1);
  // Its time runs out no earlier than the second one waits.
  first.child.kill('SIGSTOP');
  const second = start('up', '-d', '--no-build');
  await until('the second one was accepted too', () => controlPlane.applied === 2);
  first.child.kill('SIGCONT');
  return { controlPlane, first, second };
}

for (const isInterrupted of [false, true])
  test(`what another command waits for stays, when the one that created it ${isInterrupted ? 'is interrupted' : 'runs out of time'}`, async t => {
    const { controlPlane, first, second } = await twoWait(t, ...(isInterrupted ? [] : ['--wait-timeout', '5']));
    if (isInterrupted) first.child.kill('SIGINT');
    const ended = await first.ended;
    t.is(ended.code, isInterrupted ? 130 : 1);
    t.regex(ended.stderr, /another command has asked for llm since: not removed/);
    controlPlane.settle(LLM);
    t.is((await second.ended).code, 0);
    t.is(controlPlane.services().length, 1);
  });

test('a service that another command removed and started anew meanwhile is not taken back', async t => {
  const { controlPlane, start, reaches } = await scene(t);
  const first = start('up', '-d', '--no-build');
  await reaches(1);
  first.child.kill('SIGSTOP');
  await controlPlane.remove({ namespace: 'demo', names: ['llm'], volumes: false });
  const second = start('up', '-d', '--no-build');
  await reaches(1);
  first.child.kill('SIGINT');
  first.child.kill('SIGCONT');
  const { code } = await first.ended;
  // Whichever it sees first when it goes on, the removal or the interruption.
  t.true(code === 130 || code === 1, `${code}`);
  controlPlane.settle(LLM);
  t.is((await second.ended).code, 0);
  t.is(controlPlane.services().length, 1);
});

/** Somebody else asks for the same at the very moment at which the command asks for something. */
class Contested extends FakeControlPlane {
  readonly spec = { ...LLM, image: 'llm:1', protocol: 'grpc' as const, port: 50051 };
  readonly at: 'apply' | 'remove';

  constructor(at: 'apply' | 'remove') {
    super();
    this.at = at;
  }

  other(image: string) {
    return super.apply({ specs: [{ ...this.spec, image }], origin: '', dryRun: false, requestId: 'another' });
  }

  override async apply(request: ApplyRequest) {
    if (this.at === 'apply') await super.apply({ ...request, requestId: 'another' });
    return super.apply(request);
  }

  override async remove(request: RemoveRequest) {
    if (this.at === 'remove') await this.other('llm:2');
    return super.remove(request);
  }
}

test('what somebody else asks for between the last look and the removal stays', async t => {
  const { controlPlane, start, reaches } = await scene(t, '2', new Contested('remove'));
  const cli = start('up', '-d', '--no-build');
  await reaches(1);
  cli.child.kill('SIGINT');
  const { code, stderr } = await cli.ended;
  t.is(code, 130);
  t.regex(stderr, /another command has asked for llm since: not removed/);
  t.notRegex(stderr, /removed llm/);
  t.is(controlPlane.services()[0]?.generation, 2);
});

test('of two commands that ask for the same at the same moment only one has created it', async t => {
  const { controlPlane, start, reaches } = await scene(t, '2', new Contested('apply'));
  const cli = start('up', '-d', '--no-build');
  await reaches(1);
  cli.child.kill('SIGINT');
  const { code, stderr } = await cli.ended;
  t.is(code, 130);
  t.regex(stderr, /llm was there before and stays/);
  t.is(controlPlane.services().length, 1);
});

test('whoever gives up first on what another command created leaves it to that one', async t => {
  const { controlPlane, first, second } = await twoWait(t);
  second.child.kill('SIGINT');
  t.is((await second.ended).code, 130);
  t.is(controlPlane.services().length, 1);
  controlPlane.settle(LLM);
  t.is((await first.ended).code, 0);
});

test('a provider leaves what another call of Compose has updated since', async t => {
  const { controlPlane, write, start, reaches } = await scene(t);
  const up = ['compose', '--project-name=demo', 'up', 'llm'];
  const first = start(...up);
  await reaches(1);
  await write('llm:2');
  const second = start(...up);
  await reaches(2);
  const { code, stdout } = await first.ended;
  t.is(code, 1);
  t.regex(stdout, /generation 2 was asked for/);
  t.is(controlPlane.services()[0]?.generation, 2);
  controlPlane.settle(LLM);
  t.is((await second.ended).code, 0);
});

test('beside a control plane that stands still the second interruption ends the command, which says what runs on', async t => {
  class StandsStill extends FakeControlPlane {
    override remove() {
      return new Promise<never>(() => {});
    }
  }
  const { controlPlane, start, reaches } = await scene(t, '2', new StandsStill());
  const cli = start('up', '-d', '--no-build');
  await reaches(1);
  cli.child.kill('SIGINT');
  await cli.until('stderr', /removing what this command created/);
  cli.child.kill('SIGINT');
  const { code, stderr } = await cli.ended;
  t.is(code, 130);
  t.regex(stderr, /llm could not be removed: the control plane was not heard of in time/);
  t.regex(stderr, /"outrigger down -p demo llm" removes what is left/);
  t.is(controlPlane.services().length, 1);
});

for (const replicas of ['2', '{min: 1, max: 4, initial: 2}']) {
  test(`--scale counts for a service that is there, with replicas: ${replicas}`, async t => {
    const { controlPlane, start, reaches } = await scene(t, replicas);
    const first = start('up', '-d', '--no-build');
    await reaches(1);
    controlPlane.settle(LLM);
    t.is((await first.ended).code, 0);
    const scaled = start('up', '-d', '--no-build', '--scale', 'llm=3');
    await until('three are wanted', () => controlPlane.services()[0]?.wantedReplicas === 3);
    controlPlane.settle(LLM);
    const { code, stderr } = await scaled.ended;
    t.is(code, 0, stderr);
    t.regex(stderr, /llm 3\/3/);
  });
}
