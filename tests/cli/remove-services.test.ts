import test from 'ava';
import type { ControlClient } from '../../cli/control-client.ts';
import { removeServices } from '../../cli/remove-services.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';

const killed = new OutriggerError('unavailable', 'No control plane answers (ECONNRESET).', {
  details: { unreachable: true, reason: 'ECONNRESET' },
});
const gone = new OutriggerError('not_found', 'there is no service llm in namespace demo');

/** Answers each removal with the next of these, and shows that nothing is left. */
function client(answers: readonly (OutriggerError | null)[]) {
  const left = [...answers];
  return {
    status: async () => ({ exitWhenIdle: true }),
    remove: async () => {
      const error = left.shift() ?? null;
      if (error !== null) throw error;
      return [{ namespace: 'demo', name: 'llm' }];
    },
    nodes: async () => [],
    async *watchServices() {
      yield [];
    },
  } as unknown as ControlClient;
}

function remove(answers: readonly (OutriggerError | null)[], revive?: () => Promise<void>) {
  return removeServices(
    { client: client(answers), namespace: 'demo', names: ['llm'], volumes: false },
    { signal: new AbortController().signal, onUpdate: () => {}, ...(revive && { revive }) },
  );
}

for (const answers of [
  [killed, null],
  [killed, killed, null],
  [killed, gone],
]) {
  test(`a removal over which the control plane is killed is asked for again (${answers.map(a => a?.code ?? 'done')})`, async t => {
    let revived = 0;
    const { removed, result } = await remove(answers, async () => {
      revived += 1;
    });
    t.deepEqual(removed, [{ namespace: 'demo', name: 'llm' }]);
    t.is(result.kind, 'gone');
    t.is(revived, answers.filter(a => a === killed).length);
  });
}

test('it is asked for three times at most, not at all where nobody may start it, and what never was is an error', async t => {
  let revived = 0;
  const revive = async () => {
    revived += 1;
  };
  await t.throwsAsync(remove([killed, killed, killed, null], revive), { message: /ECONNRESET/ });
  t.is(revived, 2);
  await t.throwsAsync(remove([killed, null]), { message: /ECONNRESET/ });
  await t.throwsAsync(remove([gone], revive), { message: /there is no service/ });
});

test('of what a command takes back, what another one has removed meanwhile is gone, and the rest is asked for', async t => {
  const asked: (readonly string[])[] = [];
  let present = ['slow', 'toobig'];
  const own = {
    ...client([]),
    services: async () => present.map(name => ({ name })),
    remove: async ({ names }: { names: readonly string[] }) => {
      asked.push(names);
      // The other command is quicker.
      if (asked.length === 1) present = ['slow'];
      if (names.some(name => !present.includes(name))) throw gone;
      return names.map(name => ({ namespace: 'demo', name }));
    },
  } as unknown as ControlClient;
  const request = { client: own, namespace: 'demo', names: ['slow', 'toobig'], volumes: false, areOwn: true };
  const wait = { signal: new AbortController().signal, onUpdate: () => {} };
  t.is((await removeServices(request, wait)).result.kind, 'gone');
  t.deepEqual(asked, [['slow', 'toobig'], ['slow']]);
  present = [];
  t.is((await removeServices(request, wait)).result.kind, 'gone');
  await t.throwsAsync(removeServices({ ...request, areOwn: false }, wait), { message: /there is no service/ });
});
