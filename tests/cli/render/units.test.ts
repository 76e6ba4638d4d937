import test from 'ava';
import fc from 'fast-check';
import { formatAge, formatBytes, formatDuration } from '../../../cli/render/units.ts';

const durations = test.macro({
  exec: (t, ms: number, expected: string) => t.is(formatDuration(ms), expected),
  title: (_, ms, expected) => `${ms} ms is ${expected}`,
});
test(durations, -5, '0.0s');
test(durations, 340, '0.3s');
test(durations, 9_949, '9.9s');
test(durations, 9_960, '10s');
test(durations, 59_499, '59s');
test(durations, 59_600, '1m00s');
test(durations, 245_000, '4m05s');
test(durations, 3_600_000, '1h00m');
test(durations, 11_520_000, '3h12m');
test(durations, 9 * 86_400_000, '9d');

const sizes = test.macro({
  exec: (t, bytes: number, expected: string) => t.is(formatBytes(bytes), expected),
  title: (_, bytes, expected) => `${bytes} bytes are ${expected}`,
});
test(sizes, -1, '0 B');
test(sizes, 999, '999 B');
test(sizes, 1_536, '1 KiB');
test(sizes, 12 * 1_024 ** 2, '12 MiB');
test(sizes, 1_023.9 * 1_024 ** 2, '1023 MiB');
test(sizes, 23.59 * 1_024 ** 3, '23.5 GiB');
test(sizes, 2 * 1_024 ** 4, '2048 GiB');
test(sizes, 12.5 * 1_024 ** 4, '12.5 TiB');

test('durations, ages and sizes stay short enough for their columns', t => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 400 * 86_400_000 }), fc.maxSafeNat(), (ms, bytes) => {
      return formatDuration(ms).length <= 6 && formatAge(ms).length <= 4 && formatBytes(bytes).length <= 10;
    }),
  );
  t.pass();
});
