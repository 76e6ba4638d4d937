import test from 'ava';
import fc from 'fast-check';
import { parseDuration } from '../../control-plane/written-files/duration.ts';
import { parseSize } from '../../control-plane/written-files/size.ts';

test('durations of whole parts add up exactly', t => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(10_000), fc.nat(10_000), fc.nat(10_000), (h, m, s, ms) => {
      t.is(parseDuration(`${h}h${m}m${s}s${ms}ms`), ((h * 60 + m) * 60 + s) * 1_000 + ms);
    }),
  );
});

test('a fraction is never rounded down', t => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.constantFrom('s', 'm', 'h'), (thousandths, unit) => {
      const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 }[unit]!;
      t.is(parseDuration(`${thousandths / 1_000}${unit}`), Math.ceil((thousandths * unitMs) / 1_000));
    }),
  );
});

for (const [text, ms] of Object.entries({
  '0': 0,
  '0s': 0,
  '1.5s': 1_500,
  '1d': 86_400_000,
  '1w': 604_800_000,
  '1us': 1,
  '1h30m': 5_400_000,
})) {
  test(`${text} is ${ms} ms`, t => {
    t.is(parseDuration(text), ms);
  });
}

test('sizes are binary, in every spelling of the unit', t => {
  const powers = { k: 1, m: 2, g: 3, t: 4 };
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000 }), fc.constantFrom('k', 'm', 'g', 't'), (amount, unit) => {
      const expected = amount * 1024 ** powers[unit];
      for (const spelling of [unit, unit.toUpperCase(), `${unit}b`, `${unit}ib`, `${unit.toUpperCase()}iB`]) {
        t.is(parseSize(`${amount}${spelling}`), expected);
        t.is(parseSize(`${amount} ${spelling}`), expected);
      }
    }),
  );
});

test('any other text is neither a duration nor a size, and nothing throws', t => {
  fc.assert(
    fc.property(fc.string(), text => {
      const ms = parseDuration(text);
      const bytes = parseSize(text);
      t.true(ms === null || (Number.isFinite(ms) && ms >= 0));
      t.true(bytes === null || (Number.isSafeInteger(bytes) && bytes >= 0));
    }),
  );
  for (const text of ['', ' ', '5', '-5s', '5 s', '5x', 's', '1e3s', '5S']) t.is(parseDuration(text), null, text);
  for (const text of ['', 'g', '-1g', '1gg', '1ib', '1e3', '0x10', '1.2.3k', '99999999999p'])
    t.is(parseSize(text), null, text);
});

test('a very long text is refused at once', t => {
  t.is(parseDuration('1s'.repeat(100_000)), null);
  t.is(parseSize('1'.repeat(100_000)), null);
});
