import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { compose } from '../../cli/commands/compose.ts';
import type { Context } from '../../cli/context.ts';
import type { ApplyRequest, ServiceRef } from '../../control-plane/control-plane.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { serve } from '../api/served.ts';
import { FakeControlPlane } from '../fakes/control-plane.ts';
import { until } from '../until.ts';
import { startCli, testFolder } from './run-cli.ts';

/** Like the real one, takes another initial number for no change; removes nothing and scales some services only, when told so. */
class Troubled extends FakeControlPlane {
  readonly scalesNot = new Map<string, 'refused' | 'silent'>();
  isRemovalRefused = false;
  isAsked = false;

  override async remove(request: Parameters<FakeControlPlane['remove']>[0]) {
    if (this.isRemovalRefused) throw new OutriggerError('unavailable', 'the store is full', { next: 'Make room.' });
    return super.remove(request);
  }

  override async scale(ref: ServiceRef, replicas: number) {
    const how = this.scalesNot.get(ref.name);
    this.isAsked ||= how !== undefined;
    if (how === 'refused') throw new OutriggerError('denied', `${ref.name} may not have ${replicas} replicas`);
    if (how === 'silent') return new Promise<never>(() => {});
    return super.scale(ref, replicas);
  }

  override async apply(request: ApplyRequest) {
    const isThere = (name: string) => this.services().some(s => s.name === name);
    const there = request.specs.map(spec => spec.name).filter(isThere);
    const created = await super.apply({ ...request, specs: request.specs.filter(spec => !isThere(spec.name)) });
    const unchanged = there.map(name => {
      const service = { namespace: 'demo', name };
      return { service, outcome: 'unchanged' as const, generation: 1, warnings: [] };
    });
    return [...unchanged, ...created];
  }
}

const FILE = ['a', 'b', 'late']
  .map(name => `  ${name}: {image: "${name}:1", x-outrigger: {protocol: grpc, port: 50051}}\n`)
  .join('');

async function scene(t: ExecutionContext, existing: readonly string[] = []) {
  const controlPlane = new Troubled();
  const { socket } = await serve(t, { controlPlane });
  const cwd = await testFolder(t);
  await writeFile(path.join(cwd, 'compose.yaml'), `name: demo\nservices:\n${FILE}`);
  const start = (...args: string[]) => {
    const cli = startCli({ args, environment: { OUTRIGGER_ADDRESS: `unix://${socket}` }, cwd });
    t.teardown(() => cli.child.kill('SIGKILL'));
    return cli;
  };
  const isThere = (...names: readonly string[]) =>
    until(`${names} are accepted`, () => names.every(name => controlPlane.services().some(s => s.name === name)));
  if (existing.length > 0) {
    const first = start('up', '-d', '--no-build', ...existing);
    await isThere(...existing);
    for (const name of existing) controlPlane.settle({ namespace: 'demo', name });
    t.is((await first.ended).code, 0);
  }
  return { controlPlane, start, isThere };
}

test('up says why it failed before it removes, and why that failed too', async t => {
  const { controlPlane, start } = await scene(t, ['a']);
  controlPlane.scalesNot.set('a', 'refused');
  controlPlane.isRemovalRefused = true;
  const { code, stderr } = await start('up', '-d', '--no-build', '--scale', 'a=9').ended;
  t.is(code, 1);
  t.regex(
    stderr,
    /error: a may not have 9 replicas\n(.*\n)*removing what this command created: b, late\n(.*\n)*error: b, late could not be removed: the store is full\n.*"outrigger down -p demo b late" removes what is left/,
  );
});

test('up that fails and is taken back says what failed once', async t => {
  const { controlPlane, start } = await scene(t, ['a']);
  controlPlane.scalesNot.set('a', 'refused');
  const { code, stderr } = await start('up', '-d', '--no-build', '--scale', 'a=9').ended;
  t.is(code, 1);
  t.is(stderr.match(/error: /g)?.length, 1, stderr);
  t.regex(stderr, /a was there before and stays/);
  t.deepEqual(
    controlPlane.services().map(s => s.name),
    ['a'],
  );
});

test('where the second of two cannot be scaled, what became of the first is told', async t => {
  const { controlPlane, start } = await scene(t, ['a', 'b']);
  controlPlane.scalesNot.set('b', 'refused');
  const { code, stderr } = await start('up', '-d', '--no-build', '--scale', 'a=3', '--scale', 'b=3').ended;
  t.is(code, 1);
  t.regex(stderr, /error: b may not have 3 replicas/);
  t.regex(stderr, /^the update of a goes on/m);
  t.regex(stderr, /^b was there before and stays/m);
  t.is(controlPlane.services().find(s => s.name === 'a')?.wantedReplicas, 3);
});

test('an interruption while the second is scaled says that both may go on', async t => {
  const { controlPlane, start } = await scene(t, ['a', 'b']);
  controlPlane.scalesNot.set('b', 'silent');
  const up = start('up', '--no-build', '--scale', 'a=3', '--scale', 'b=3');
  await until('the second is asked for', () => controlPlane.isAsked || up.child.exitCode !== null);
  up.child.kill('SIGINT');
  const { code, stderr } = await up.ended;
  t.is(code, 130, stderr);
  t.regex(stderr, /^the update of a, b goes on/m);
  t.notRegex(stderr, /were? there before/);
});

function errorsIn(stdout: string): string[] {
  const said = stdout.split('\n').filter(Boolean);
  return said
    .map(line => JSON.parse(line) as { type: string; message: string })
    .flatMap(({ type, message }) => (type === 'error' ? [message] : []));
}

test('the provider whose removal fails still says why the service did not come up', async t => {
  const { controlPlane, start } = await scene(t);
  controlPlane.isRemovalRefused = true;
  const { code, stdout } = await start('compose', '--project-name=demo', 'up', '--wait-timeout=1ms', 'late').ended;
  t.is(code, 1, stdout);
  const errors = errorsIn(stdout);
  t.is(errors.length, 1, 'Compose reads no further than the first');
  t.regex(
    errors[0] ?? '',
    /^not ready in time: (.*\n)*Late could not be removed again: the store is full\. "docker compose down" removes it/,
  );
});

test('the provider that can neither wait nor remove says both', async t => {
  const cwd = await testFolder(t);
  await writeFile(path.join(cwd, 'compose.yaml'), `name: demo\nservices:\n${FILE}`);
  const messages: { type: string; message: string }[] = [];
  const service = { namespace: 'demo', name: 'late' };
  let askedBy: string | undefined;
  const counts = { wantedReplicas: 1, readyReplicas: 0, replicas: [] };
  const view = { ...service, ...counts, generation: 1, deleting: false, state: 'starting', message: '' };
  const services = async () => (askedBy === undefined ? [] : [{ ...view, askedBy }]);
  const client = {
    status: async () => ({ exitWhenIdle: false }),
    services,
    apply: async (request: { requestId: string }) => {
      askedBy = request.requestId;
      return [{ service, outcome: 'created', generation: 1, warnings: [] }];
    },
    async *watchServices() {
      yield await services();
      throw new OutriggerError('internal', 'the disk is broken');
    },
    remove: async () => {
      throw new OutriggerError('unavailable', 'the store is full', { next: 'Make room.' });
    },
  };
  const context = {
    environment: { ...process.env, OUTRIGGER_ADDRESS: 'unix:///nowhere.sock' },
    cwd,
    options: {},
    signal: new AbortController().signal,
    out: { json: (line: { type: string; message: string }) => messages.push(line) },
    err: { line: () => {} },
    onSecondInterrupt: () => {},
    leaves: () => {},
    client: async () => client,
  } as unknown as Context;
  t.is(await compose(context, ['--project-name=demo', 'up', 'late']), 1);
  const errors = messages.filter(m => m.type === 'error').map(m => m.message);
  t.is(errors.length, 1);
  t.regex(errors[0] ?? '', /^The disk is broken\. Late could not be removed again: the store is full\./);
});
