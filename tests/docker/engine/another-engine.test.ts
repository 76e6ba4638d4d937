import test from 'ava';
import { OutriggerError } from '../../../control-plane/core/errors.ts';
import { requestOf, soon, started } from '../../contract/engine.ts';
import { dockerWorld } from '../../contract/engine-docker.ts';

test('nothing is changed on an engine that turns out to be another one than the node had', async t => {
  let isOwn = true;
  const claimed: string[] = [];
  const w = await dockerWorld(undefined, {
    claim: ({ id }) => {
      claimed.push(id);
      if (!isOwn) throw new OutriggerError('conflict', 'local was another engine', { next: 'mend it' });
    },
  });
  t.teardown(() => w.close());
  const id = await started(w, { command: ['sleep', '600'] });
  t.true(claimed.length > 0, 'also where no listing came before');
  isOwn = false;
  const { engine } = w;
  const changes = {
    pull: () => engine.pull({ kind: 'pull', node: 'local', image: w.image, policy: 'missing' }, () => {}, soon()),
    create: () => engine.create(requestOf(w, {}, { replicaId: 'aaaa0002' }), soon()),
    start: () => engine.start(id, soon()),
    stop: () => engine.stop(id, { graceMs: 0 }, soon()),
    // One that another engine does not have would count as gone.
    remove: () => engine.remove('f'.repeat(64), soon()),
    cleanNamespace: () => engine.cleanNamespace(w.namespace, { volumes: true }, soon()),
    removeNetworks: () => engine.removeNetworks(soon()),
  };
  for (const [what, change] of Object.entries(changes)) {
    const error = await t.throwsAsync(change, { instanceOf: OutriggerError }, what);
    t.like(error, { code: 'unavailable', message: 'local was another engine', next: 'mend it' }, what);
  }
  const listed = await w.docker.listContainers({
    all: true,
    filters: { label: [`dev.outrigger.instance=${w.instance}`] },
  });
  t.deepEqual(
    listed.map(c => [c.Id, c.State]),
    [[id, 'running']],
  );
});
