import test from 'ava';
import fc from 'fast-check';
import { medianInterval, quantile, ratioInterval } from '../../bench/statistics.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

// Ranks and coverages as in the tables of the sign test's interval.
for (const { count, low, high, confidence } of [
  { count: 6, low: 1, high: 6, confidence: 0.96875 },
  { count: 9, low: 2, high: 8, confidence: 0.9609 },
  { count: 10, low: 2, high: 9, confidence: 0.9785 },
  { count: 15, low: 4, high: 12, confidence: 0.9648 },
  { count: 20, low: 6, high: 15, confidence: 0.9586 },
  { count: 30, low: 10, high: 21, confidence: 0.9572 },
]) {
  test(`the 95 % interval of ${count} values goes from rank ${low} to rank ${high}`, t => {
    const interval = medianInterval(upTo(count));
    t.like(interval, { median: (count + 1) / 2, low, high, count });
    t.is(Math.round(interval.confidence * 1e4) / 1e4, Math.round(confidence * 1e4) / 1e4);
  });
}

test('too few values for 95 % give all of their range, and say what it is worth', t => {
  t.deepEqual(medianInterval([3, 1, 2]), { median: 2, low: 1, high: 3, confidence: 0.75, count: 3 });
  t.deepEqual(medianInterval([5]), { median: 5, low: 5, high: 5, confidence: 0, count: 1 });
});

test('no values are refused', t => {
  t.throws(() => medianInterval([]), { instanceOf: RangeError });
});

test('a wild value at either end moves neither the median nor the interval', t => {
  const plain = upTo(20);
  t.deepEqual(medianInterval([-1e9, ...plain.slice(1, -1), 1e9]), medianInterval(plain));
});

test('ratios are taken pair by pair: a disturbance of both sides drops out', t => {
  const pairs = upTo(8).map(disturbance => ({ value: 0.9 * disturbance, base: disturbance }));
  const { median, low, high } = ratioInterval(pairs);
  for (const ratio of [median, low, high]) t.true(Math.abs(ratio - 0.9) < 1e-12);
});

test('the interval holds the median and lies within the values, whatever they are', t => {
  const values = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(values, all => {
      const { median, low, high, confidence } = medianInterval(all);
      t.true(low <= median && median <= high);
      t.true(low >= Math.min(...all) && high <= Math.max(...all));
      t.true(confidence >= 0.95 || all.length < 6);
    }),
  );
});

test('the stated coverage is what drawing from a known distribution shows', t => {
  // A multiplicative congruence, so that each run draws the same numbers.
  let state = 42;
  const draw = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const trials = 4_000;
  let held = 0;
  for (let i = 0; i < trials; i += 1) {
    const { low, high } = medianInterval(Array.from({ length: 12 }, draw));
    if (low <= 0.5 && 0.5 <= high) held += 1;
  }
  const { confidence } = medianInterval(upTo(12));
  t.true(Math.abs(held / trials - confidence) < 0.015, `${held / trials} against ${confidence}`);
});

test('a quantile falls between its neighbours in proportion', t => {
  t.is(quantile([10, 20, 30, 40, 50], 0.5), 30);
  t.is(quantile([10, 20], 0.75), 17.5);
  t.is(quantile([7], 0.99), 7);
});
