import test from 'ava';
import { EventFeed } from '../../control-plane/controller/event-feed.ts';
import type { ServiceKey } from '../../control-plane/core/spec.ts';
import type { Store } from '../../control-plane/ports.ts';
import type { EventView } from '../../control-plane/views/views.ts';
import { Disk, FakeStore } from '../fakes/store.ts';

async function happened(store: Store, ...services: ServiceKey[]): Promise<void> {
  for (const service of services)
    await store.commit([{ kind: 'event', event: { at: 5, service, replicaId: 'r1', type: 'x', message: 'm' } }]);
}

function heard(feed: EventFeed): EventView[] {
  const views: EventView[] = [];
  feed.on(view => views.push(view));
  return views;
}

const numbers = (views: readonly { sequence: number }[]) => views.map(v => v.sequence);

test('listeners hear what was stored since, each event once, in order, with the number that the store gave it', async t => {
  const store = new FakeStore();
  await happened(store, 'ns/a', 'ns/a', 'ns/a');
  const feed = await EventFeed.open(store);
  const views = heard(feed);
  t.deepEqual(await feed.announceNew(), []);
  await happened(store, 'ns/a', 'ns/b');
  t.deepEqual(numbers(await feed.announceNew()), [4, 5]);
  t.deepEqual(await feed.announceNew(), []);
  await happened(store, 'ns/c');
  await feed.announceNew();
  t.deepEqual(numbers(views), [4, 5, 6]);
  t.deepEqual(views[1], {
    sequence: 5,
    atMs: 5,
    namespace: 'ns',
    service: 'b',
    replicaId: 'r1',
    type: 'x',
    message: 'm',
  });
});

test('an event whose commit lost its answer is told with the next one, and no number is given twice', async t => {
  const disk = new Disk();
  const store = new FakeStore(disk);
  const feed = await EventFeed.open(store);
  const views = heard(feed);
  disk.faults.push('lost_answer');
  await t.throwsAsync(happened(store, 'ns/a'));
  disk.faults.push('full');
  await t.throwsAsync(happened(store, 'ns/nothing'));
  await happened(store, 'ns/b');
  await feed.announceNew();
  t.deepEqual(
    views.map(v => [v.sequence, v.service]),
    [
      [1, 'a'],
      [2, 'b'],
    ],
  );
  t.deepEqual(numbers(await feed.past({ limit: 9 })), numbers(views));
});

test('who leaves hears nothing more, and the others go on', async t => {
  const store = new FakeStore();
  const feed = await EventFeed.open(store);
  const gone: EventView[] = [];
  const leave = feed.on(view => gone.push(view));
  const views = heard(feed);
  leave();
  await happened(store, 'ns/a');
  await feed.announceNew();
  t.deepEqual([gone.length, views.length], [0, 1]);
});

test('the past is filtered by namespace and by service, the newest where it is more than was asked for', async t => {
  const store = new FakeStore();
  await happened(store, 'one/a', 'two/a', 'one/b', 'two/b', 'one/a', 'two/a');
  const feed = await EventFeed.open(store);
  t.deepEqual(numbers(await feed.past({ limit: 100 })), [1, 2, 3, 4, 5, 6]);
  t.deepEqual(numbers(await feed.past({ limit: 2 })), [5, 6]);
  t.deepEqual(numbers(await feed.past({ namespace: 'one', limit: 100 })), [1, 3, 5]);
  t.deepEqual(numbers(await feed.past({ namespace: 'one', limit: 2 })), [3, 5]);
  t.deepEqual(numbers(await feed.past({ namespace: 'two', name: 'a', limit: 100 })), [2, 6]);
  t.deepEqual(numbers(await feed.past({ namespace: 'two', name: 'a', limit: 1 })), [6]);
  t.deepEqual(await feed.past({ namespace: 'three', limit: 100 }), []);
});

test('from a starting point the next ones are given, so that a reader misses none', async t => {
  const store = new FakeStore();
  await happened(store, 'one/a', 'two/a', 'one/b', 'two/b', 'one/a', 'two/a');
  const feed = await EventFeed.open(store);
  t.deepEqual(numbers(await feed.past({ afterSequence: 2, limit: 2 })), [3, 4]);
  t.deepEqual(numbers(await feed.past({ namespace: 'one', afterSequence: 1, limit: 1 })), [3]);
  t.deepEqual(numbers(await feed.past({ namespace: 'one', name: 'a', afterSequence: 1, limit: 9 })), [5]);
});

test('the past is found by what an event is about: a namespace, a name in any of them, a node', async t => {
  const store = new FakeStore();
  await happened(store, 'a/x', 'b/x', 'b/y');
  const about = { at: 5, type: 'x', message: 'm' };
  await store.commit([
    { kind: 'event', event: { ...about, node: 'gpu-a' } },
    { kind: 'event', event: { ...about, node: 'gpu-b' } },
    { kind: 'event', event: { ...about, service: 'b/y', node: 'gpu-a' } },
  ]);
  const feed = await EventFeed.open(store);
  t.deepEqual(numbers(await feed.past({ namespace: 'b', limit: 10 })), [2, 3, 6]);
  t.deepEqual(numbers(await feed.past({ name: 'x', limit: 10 })), [1, 2]);
  t.deepEqual(numbers(await feed.past({ node: 'gpu-a', limit: 10 })), [4, 6]);
  t.deepEqual(numbers(await feed.past({ node: 'gpu-a', namespace: 'b', name: 'y', limit: 10 })), [6]);
  t.deepEqual(numbers(await feed.past({ node: 'gpu-a', limit: 1 })), [6]);
});
