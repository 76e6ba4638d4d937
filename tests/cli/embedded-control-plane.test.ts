import test from 'ava';
import type { Context } from '../../cli/context.ts';
import type { ControlClient } from '../../cli/control-client.ts';
import { withControlPlane } from '../../cli/embedded-control-plane.ts';
import { type FirstLook, firstLook } from '../../cli/first-look.ts';
import { requireAnsweringNode } from '../../cli/require-answering-node.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { testFolder } from './run-cli.ts';

const unreachable = (reason: string) =>
  new OutriggerError('unavailable', `No control plane answers (${reason}).`, {
    details: { unreachable: true, reason },
  });

const NODE = { name: 'here', answering: true };
const SEEN = { status: {}, nodes: [NODE] } as unknown as FirstLook;

/** A command whose control plane answers as it is told, call after call, and well from then on. */
function contextWith(state: string, answers: readonly (string | null)[], options: Context['options'] = {}) {
  const asked: string[] = [];
  const left = [...answers];
  const status = async () => {
    const trouble = left.shift() ?? null;
    asked.push(trouble ?? 'well');
    if (trouble !== null) throw unreachable(trouble);
    return {};
  };
  const context = {
    environment: { OUTRIGGER_STATE: state },
    cwd: state,
    options,
    signal: new AbortController().signal,
    client: async () => ({
      status,
      nodes: async () => {
        asked.push('nodes');
        return [NODE];
      },
    }),
  } as unknown as Context;
  return { context, asked };
}

for (const reason of ['EPIPE', 'ECONNRESET', 'socket hang up']) {
  test(`a control plane that is just ending (${reason}) is waited out`, async t => {
    const { context, asked } = contextWith(await testFolder(t), [reason, reason]);
    t.is(await withControlPlane(context, [], async () => 'begun'), 'begun');
    t.deepEqual(asked, [reason, reason, 'well']);
  });
}

test('what began with a control plane that ended meanwhile begins once more, and only once', async t => {
  const folder = await testFolder(t);
  let begun = 0;
  const failing = (times: number) => async () => {
    begun += 1;
    if (begun <= times) throw unreachable('EPIPE');
    return begun;
  };
  t.is(await withControlPlane(contextWith(folder, []).context, [], failing(1)), 2);
  begun = 0;
  await t.throwsAsync(withControlPlane(contextWith(folder, []).context, [], failing(9)), { message: /EPIPE/ });
  t.is(begun, 2);
});

test('one that somebody else runs is not waited for, nor asked twice', async t => {
  const folder = await testFolder(t);
  const host = { host: 'http://127.0.0.1:1' };
  await t.throwsAsync(
    withControlPlane(contextWith(folder, ['EPIPE'], host).context, [], async () => 1),
    { message: /EPIPE/ },
  );
  let begun = 0;
  const failing = async () => {
    begun += 1;
    throw unreachable('ECONNRESET');
  };
  await t.throwsAsync(withControlPlane(contextWith(folder, [], host).context, [], failing));
  t.is(begun, 1);
});

test('one that was seen a moment ago is not asked again, unless it has ended since', async t => {
  const folder = await testFolder(t);
  const there = contextWith(folder, []);
  t.is(await withControlPlane(there.context, [], async (_client, seen) => seen, SEEN), SEEN);
  t.deepEqual(there.asked, []);

  const gone = contextWith(folder, []);
  const begun: (FirstLook | null)[] = [];
  const begin = async (_client: unknown, seen: FirstLook | null) => {
    begun.push(seen);
    if (begun.length === 1) throw unreachable('ECONNREFUSED');
  };
  await withControlPlane(gone.context, [], begin, SEEN);
  t.deepEqual(begun, [SEEN, null], 'what was seen of it holds no more');
  t.deepEqual(gone.asked, ['well']);
});

test('a first look shows what the control plane says of itself and its nodes, or nothing where it does not answer', async t => {
  const folder = await testFolder(t);
  t.deepEqual(await firstLook(contextWith(folder, []).context), SEEN);
  t.is(await firstLook(contextWith(folder, ['ENOENT']).context), null);
  const { context } = contextWith(folder, []);
  const noCredentials = { ...context, client: () => Promise.reject(new Error('no such token file')) };
  t.is(await firstLook(noCredentials), null);
});

test('nodes are asked about where none of those that were seen answered', async t => {
  const { context, asked } = contextWith(await testFolder(t), []);
  const client = await context.client();
  await requireAnsweringNode(context, client, SEEN);
  t.deepEqual(asked, []);
  const silent = { ...SEEN, nodes: SEEN.nodes.map(node => ({ ...node, answering: false })) };
  await requireAnsweringNode(context, client, silent);
  await requireAnsweringNode(context, client, null);
  t.deepEqual(asked, ['nodes', 'nodes']);
});

test('where no node answers one that ran before is named with its process, for whoever means another engine', async t => {
  const { context } = contextWith(await testFolder(t), []);
  const silent = {
    status: async () => ({ pid: 4321, exitWhenIdle: true }),
    nodes: async () => [{ name: 'here', answering: false, error: 'Docker is not running at tcp://127.0.0.1:1' }],
  } as unknown as ControlClient;
  const nextFor = async (environment: Context['environment']) => {
    const told = { ...context, environment: { ...context.environment, ...environment } };
    return (await t.throwsAsync<OutriggerError>(requireAnsweringNode(told, silent, null))).next ?? '';
  };
  t.regex(await nextFor({ DOCKER_HOST: 'unix:///elsewhere.sock' }), /DOCKER_HOST of yours, end it with "kill 4321"/);
  t.notRegex(await nextFor({}), /kill/);
});
