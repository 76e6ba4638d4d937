import test from 'ava';
import { Slots } from '../../control-plane/slots.ts';
import { settle, VirtualClock } from '../fakes/clock.ts';

function watched(busyMs?: number) {
  const clock = new VirtualClock();
  const slots = new Slots({ clock, limit: 2, ...(busyMs !== undefined && { busyMs }) });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const stop = new AbortController();
  const run = (name: string, signal = stop.signal) =>
    slots.run(() => {
      begun.push(name);
      return new Promise<void>(resolve => ends.set(name, resolve));
    }, signal);
  return { clock, slots, begun, run, end: (name: string) => ends.get(name)!() };
}

test('as many run as there are slots; the next begins when one ends, in their order', async t => {
  const { begun, run, end, clock } = watched();
  const all = ['a', 'b', 'c', 'd'].map(name => run(name));
  await settle();
  t.deepEqual(begun, ['a', 'b']);
  end('b');
  await all[1];
  await settle();
  t.deepEqual(begun, ['a', 'b', 'c']);
  for (const name of ['a', 'c']) end(name);
  await settle();
  end('d');
  await Promise.all(all);
  t.deepEqual(begun, ['a', 'b', 'c', 'd']);
  t.is(clock.waiting, 0);
});

test('one that hangs makes room after its time, and only while somebody waits is that timed', async t => {
  const { begun, run, clock } = watched(100);
  for (const name of ['a', 'b']) void run(name);
  await settle();
  t.is(clock.waiting, 0);
  for (const name of ['c', 'd', 'e']) void run(name);
  await clock.advance(99);
  t.deepEqual(begun, ['a', 'b']);
  await clock.advance(1);
  t.deepEqual(begun, ['a', 'b', 'c', 'd']);
  await clock.advance(100);
  t.deepEqual(begun, ['a', 'b', 'c', 'd', 'e']);
  t.is(clock.waiting, 0);
});

test('who leaves while waiting gets no slot, and leaves no alarm behind', async t => {
  const { begun, run, end, clock } = watched(100);
  for (const name of ['a', 'b']) void run(name);
  const leaving = new AbortController();
  const left = run('c', leaving.signal);
  await settle();
  t.is(clock.waiting, 1);
  leaving.abort(new Error('enough'));
  await t.throwsAsync(left, { message: 'enough' });
  t.is(clock.waiting, 0);
  end('a');
  await settle();
  t.deepEqual(begun, ['a', 'b']);
});

test('where no time is set a slot is held to the end, and whoever waits gives up without one', async t => {
  const { begun, run, end, clock, slots } = watched();
  t.true(slots.isIdle);
  const [a] = ['a', 'b'].map(name => run(name));
  const leaving = new AbortController();
  const left = run('c', leaving.signal);
  const next = run('d');
  await clock.advance(3_600_000);
  t.deepEqual(begun, ['a', 'b']);
  t.is(clock.waiting, 0);
  leaving.abort(new Error('enough'));
  await t.throwsAsync(left, { message: 'enough' });
  end('a');
  await a;
  await settle();
  t.deepEqual(begun, ['a', 'b', 'd']);
  t.false(slots.isIdle);
  for (const name of ['b', 'd']) end(name);
  await next;
  await settle();
  t.true(slots.isIdle);
});
