import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import { randomIds } from '../../control-plane/ids.ts';
import { VirtualClock } from '../fakes/clock.ts';

test('a step of the wall clock does not move the steady clock', t => {
  let wallMs = 1_000_000;
  let monotonicMs = 50.4;
  const clock = createSteadyClock({ wallMs: () => wallMs, monotonicMs: () => monotonicMs });
  t.is(clock.now(), 1_000_000);
  wallMs += 3_600_000;
  monotonicMs += 10;
  t.is(clock.now(), 1_000_010);
  wallMs -= 7_200_000;
  t.is(clock.now(), 1_000_010);
});

test('a sleep ends early with the reason of its signal, and leaves no timer behind', async t => {
  const abort = new AbortController();
  const clock = createSteadyClock();
  const sleeping = clock.sleep(3_600_000, abort.signal);
  abort.abort(new Error('enough'));
  await t.throwsAsync(sleeping, { message: 'enough' });
  await t.throwsAsync(clock.sleep(1, abort.signal), { message: 'enough' });
});

test('a replica id is 8 lower-case letters and digits, and new each time', t => {
  const ids = Array.from({ length: 1_000 }, () => randomIds.replicaId());
  t.true(ids.every(id => /^[a-z0-9]{8}$/.test(id)));
  t.is(new Set(ids).size, ids.length);
});

test('virtual time passes sleeper by sleeper, and what each wakes may sleep again', async t => {
  const clock = new VirtualClock(0);
  const { signal } = new AbortController();
  const seen: string[] = [];
  const ticker = async (name: string, everyMs: number, times: number) => {
    for (let i = 0; i < times; i++) {
      await clock.sleep(everyMs, signal);
      seen.push(`${name}@${clock.now()}`);
    }
  };
  const both = Promise.all([ticker('a', 10, 3), ticker('b', 15, 2)]);
  await clock.advance(20);
  t.deepEqual(seen, ['a@10', 'b@15', 'a@20']);
  t.is(clock.nextAt(), 30);
  t.is(await clock.runUntilIdle(), 10);
  await both;
  t.deepEqual(seen.slice(3), ['b@30', 'a@30']);
  t.is(clock.waiting, 0);
});

test('waiting in virtual time for what never comes is an error', async t => {
  const clock = new VirtualClock();
  await t.throwsAsync(
    clock.advanceUntil(() => false, 1_000),
    { message: /nobody waits/ },
  );
  const abort = new AbortController();
  const sleeping = clock.sleep(5_000, abort.signal);
  await t.throwsAsync(
    clock.advanceUntil(() => false, 1_000),
    { message: /within 1000 ms/ },
  );
  abort.abort(new Error('over'));
  await t.throwsAsync(sleeping, { message: 'over' });
  t.is(clock.waiting, 0);
});
