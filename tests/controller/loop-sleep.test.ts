import test from 'ava';
import { LoopSleep } from '../../control-plane/controller/loop-sleep.ts';
import { settle, VirtualClock } from '../fakes/clock.ts';

/** Whether a promise has settled. */
function watched(promise: Promise<void>): { isOver: boolean } {
  const state = { isOver: false };
  void promise.then(() => {
    state.isOver = true;
  });
  return state;
}

test('what wakes the loop during a pass is heard after it', async t => {
  const sleep = new LoopSleep(new VirtualClock());
  sleep.rearm();
  sleep.wake({ isNews: true });
  const after = watched(sleep.until(null));
  await settle();
  t.true(after.isOver);
  t.true(sleep.rearm(), 'it was news');
  const next = watched(sleep.until(null));
  await settle();
  t.false(next.isOver, 'that pass took it in');
  sleep.wake({ isNews: false });
  await settle();
  t.true(next.isOver);
  t.false(sleep.rearm(), 'the loop itself is no news');
});

test('the loop wakes by itself at its time, in a minute at the latest, and leaves no timer behind', async t => {
  const clock = new VirtualClock();
  const sleep = new LoopSleep(clock);
  const short = watched(sleep.until(clock.now() + 1_000));
  await clock.advance(999);
  t.false(short.isOver);
  await clock.advance(1);
  t.true(short.isOver);
  const long = watched(sleep.until(clock.now() + 30 * 86_400_000));
  await clock.advance(60_000);
  t.true(long.isOver);
  const woken = watched(sleep.until(clock.now() + 1_000));
  sleep.wake({ isNews: true });
  await settle();
  t.true(woken.isOver);
  t.is(clock.waiting, 0);
});

test('a pause lasts, whatever wakes the loop, until it is ended', async t => {
  const clock = new VirtualClock();
  const sleep = new LoopSleep(clock);
  const ended = new AbortController();
  const pause = watched(sleep.through(clock.now() + 1_000, ended.signal));
  sleep.wake({ isNews: true });
  await settle();
  t.false(pause.isOver);
  ended.abort();
  await settle();
  t.true(pause.isOver);
});
