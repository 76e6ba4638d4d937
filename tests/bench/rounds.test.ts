import test from 'ava';
import { Progress } from '../../bench/progress.ts';
import { alternate, orderOf } from '../../bench/rounds.ts';

const quiet = Object.assign(new Progress(), { step: () => {} });
const sides = ['a', 'b', 'c'] as const;

test('two rounds that follow each other are mirror images, and every side comes first in turn', t => {
  const orders = Array.from({ length: 6 }, (_, round) => orderOf(sides, round).join(''));
  t.deepEqual(orders, ['abc', 'cba', 'bca', 'acb', 'cab', 'bac']);
});

test('every round has a value of every side', async t => {
  const measured: string[] = [];
  const rounds = await alternate(sides, {
    rounds: 4,
    measure: async (side, round) => {
      measured.push(side);
      return `${side}${round}`;
    },
    progress: quiet,
    what: 'letters',
    signal: new AbortController().signal,
  });
  t.deepEqual(rounds[3], { a: 'a3', b: 'b3', c: 'c3' });
  t.is(measured.length, 12);
});

test('an interruption ends it before the next measurement', async t => {
  const interrupted = new AbortController();
  let measurements = 0;
  const running = alternate(sides, {
    rounds: 4,
    measure: async () => {
      measurements += 1;
      if (measurements === 2) interrupted.abort(new Error('enough'));
    },
    progress: quiet,
    what: 'letters',
    signal: interrupted.signal,
  });
  await t.throwsAsync(running, { message: 'enough' });
  t.is(measurements, 2);
});
