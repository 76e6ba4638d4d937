import test from 'ava';
import { neighbours } from '../../bench/calls/neighbours.ts';
import { Progress } from '../../bench/progress.ts';
import { ratioInterval } from '../../bench/statistics.ts';

const quiet = Object.assign(new Progress(), { step: () => {} });
const { signal } = new AbortController();

test('each pair is of neighbours, and its order turns from one pair of a side to its next', async t => {
  const order: string[] = [];
  const pairs = await neighbours('b' as 'b' | 'x' | 'y', ['x', 'x', 'y'], {
    rounds: 2,
    measure: async side => `${side}${order.push(side)}`,
    progress: quiet,
    what: 'letters',
    signal,
  });
  t.is(order.join(''), 'bxxbbybxxbyb');
  t.deepEqual(pairs[1], { side: 'x', value: 'x3', base: 'b4' });
  t.deepEqual(
    pairs.map(({ side }) => side),
    ['x', 'x', 'y', 'x', 'x', 'y'],
  );
});

test('sides that are equal come out equal, though each measurement burdens the next and all grow slower', async t => {
  let time = 1;
  const pairs = await neighbours('b' as 'b' | 'x', ['x'], {
    rounds: 40,
    measure: async () => {
      time += 0.01;
      return time;
    },
    progress: quiet,
    what: 'times',
    signal,
  });
  const { median, low, high } = ratioInterval(pairs);
  t.true(low < 1 && 1 < high);
  t.true(Math.abs(median - 1) < 0.005, `${median}`);
});

test('an interruption ends it before the next measurement', async t => {
  const interrupted = new AbortController();
  let measurements = 0;
  const running = neighbours('b' as 'b' | 'x', ['x'], {
    rounds: 4,
    measure: async () => {
      measurements += 1;
      if (measurements === 3) interrupted.abort(new Error('enough'));
    },
    progress: quiet,
    what: 'letters',
    signal: interrupted.signal,
  });
  await t.throwsAsync(running, { message: 'enough' });
  t.is(measurements, 3);
});
