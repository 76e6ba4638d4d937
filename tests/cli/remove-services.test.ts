import test from 'ava';
import { askToRemove } from '../../cli/ask-to-remove.ts';
import type { ControlClient } from '../../cli/control-client.ts';
import { removeServices } from '../../cli/remove-services.ts';
import type { RemoveRequest } from '../../control-plane/control-plane.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { ServiceView } from '../../control-plane/views/views.ts';

const killed = new OutriggerError('unavailable', 'No control plane answers (ECONNRESET).', {
  details: { unreachable: true, reason: 'ECONNRESET' },
});
const gone = new OutriggerError('not_found', 'there is no service llm in namespace demo');

/** Answers each removal with the next of these, and shows that nothing is left once one was answered. */
function client(answers: readonly (OutriggerError | null)[]) {
  const left = [...answers];
  return {
    status: async () => ({ exitWhenIdle: true }),
    remove: async () => {
      const error = left.shift() ?? null;
      if (error !== null) throw error;
      return [{ namespace: 'demo', name: 'llm' }];
    },
    services: async () => [],
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

for (const isLost of [false, true])
  test(`of what a command takes back only its own counts as removed${isLost ? ', also where the answer was lost' : ''}`, async t => {
    const asked: (string | undefined)[] = [];
    let present = ['slow', 'toobig', 'wanted'];
    const own = {
      ...client([]),
      services: async () => present.map(name => ({ name, deleting: false })),
      remove: async ({ askedBy }: RemoveRequest) => {
        asked.push(askedBy);
        const removed = present.filter(name => name !== 'wanted');
        present = ['wanted'];
        if (isLost && asked.length === 1) throw killed;
        return removed.map(name => ({ namespace: 'demo', name }));
      },
    } as unknown as ControlClient;
    const request = { client: own, namespace: 'demo', names: present, volumes: false, askedBy: 'us' };
    const wait = { signal: new AbortController().signal, onUpdate: () => {}, revive: async () => {} };
    const { removed, result } = await removeServices(request, wait);
    t.is(result.kind, 'gone');
    t.deepEqual(
      removed.map(r => r.name),
      ['slow', 'toobig'],
    );
    t.deepEqual(asked, isLost ? ['us', 'us'] : ['us']);
  });

/** A control plane that does not end by itself; it dies over the first removal, of which it has carried out this much. */
function diesOverIt(present: readonly string[], carriedOut: readonly string[]) {
  const asked: (readonly string[])[] = [];
  let there = present;
  const refs = (names: readonly string[]) => names.map(name => ({ namespace: 'demo', name }));
  const mortal = {
    status: async () => ({ exitWhenIdle: false }),
    services: async () => refs(there),
    remove: async ({ names }: { names: readonly string[] }) => {
      asked.push(names);
      const chosen = names.length > 0 ? names : there;
      if (asked.length === 1) {
        there = there.filter(name => !carriedOut.includes(name));
        throw killed;
      }
      if (chosen.some(name => !there.includes(name))) throw gone;
      return refs(chosen);
    },
  } as unknown as ControlClient;
  const ask = async (names: readonly string[], known?: readonly string[]) => {
    const request = { client: mortal, namespace: 'demo', names, volumes: false };
    const seen = known && { known: refs(known) as unknown as readonly ServiceView[] };
    const { exitWhenIdle, removed } = await askToRemove({ ...request, ...seen }, async () => {});
    return { exitWhenIdle, removed: removed.map(r => r.name) };
  };
  return { asked, ask };
}

test('what is gone after a kill is not taken for a control plane that ends by itself', async t => {
  const { ask } = diesOverIt(['llm'], ['llm']);
  t.deepEqual(await ask(['llm']), { exitWhenIdle: false, removed: ['llm'] });
});

test('of the named ones that are asked for again, the rest is asked for where one is gone already', async t => {
  const { ask, asked } = diesOverIt(['llm', 'embed'], ['llm']);
  t.deepEqual(await ask(['llm', 'embed']), { exitWhenIdle: false, removed: ['llm', 'embed'] });
  t.deepEqual(asked, [['llm', 'embed'], ['llm', 'embed'], ['embed']]);
});

for (const [how, known] of [
  ['as the caller saw them', ['llm', 'embed']],
  ['as they were listed before', undefined],
] as const) {
  test(`a whole project whose removal was carried out before its answer was lost is told by name, ${how}`, async t => {
    for (const carriedOut of [['llm', 'embed'], ['llm']]) {
      const { ask } = diesOverIt(['llm', 'embed'], carriedOut);
      t.deepEqual(await ask([], known), { exitWhenIdle: false, removed: ['llm', 'embed'] });
    }
  });
}
