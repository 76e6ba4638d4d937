import test from 'ava';
import { storeContract } from '../contract/store.ts';
import { Disk, FakeStore } from '../fakes/store.ts';

storeContract(test, 'fake', async () => {
  const disk = new Disk();
  return { open: async options => new FakeStore(disk, options), discard: async () => {} };
});

test('a full disk changes nothing, a lost answer changes all', async t => {
  const disk = new Disk();
  const store = new FakeStore(disk);
  disk.faults.push('full', 'lost_answer');
  const event = { kind: 'event', event: { at: 1, service: 'a/b', type: 'x', message: 'm' } } as const;
  await t.throwsAsync(store.commit([event]), { code: 'out_of_resources' });
  t.is((await store.events({ limit: 9 })).length, 0);
  await t.throwsAsync(store.commit([event]), { code: 'unavailable' });
  t.is((await new FakeStore(disk).events({ limit: 9 })).length, 1);
});
