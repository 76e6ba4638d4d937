import test from 'ava';
import { FailureStreak } from '../../sidecar/failure-streak.ts';

test('a probe that was under way when another failure came to count says nothing new', t => {
  const streak = new FailureStreak(0);
  const [one, other] = [streak.begin(), streak.begin()];
  streak.failed(one, 1_000);
  t.is(streak.counted, 0, 'the engine was not heard since');
  streak.heard(2_000);
  t.is(streak.counted, 1);
  streak.failed(other, 2_500);
  streak.heard(3_000);
  t.is(streak.counted, 1, 'it began before the answer that made the first one count');
  streak.failed(streak.begin(), 4_000);
  streak.heard(5_000);
  t.is(streak.counted, 2);
  t.true(streak.suffices(2));
});

test('a probe that was begun in a silence of the engine, or before it, says nothing', t => {
  const streak = new FailureStreak(0);
  const before = streak.begin();
  streak.heard(null);
  const during = streak.begin();
  streak.heard(1_000);
  for (const begun of [before, during]) streak.failed(begun, 1_500);
  streak.heard(2_000);
  t.is(streak.counted, 0);
});
