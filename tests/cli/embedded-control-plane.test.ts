import test from 'ava';
import type { Context } from '../../cli/context.ts';
import { withControlPlane } from '../../cli/embedded-control-plane.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { testFolder } from './run-cli.ts';

const unreachable = (reason: string) =>
  new OutriggerError('unavailable', `No control plane answers (${reason}).`, {
    details: { unreachable: true, reason },
  });

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
    client: async () => ({ status }),
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
