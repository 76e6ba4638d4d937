import test from 'ava';
import fc from 'fast-check';
import { formatAddress, parseAddress } from '../../cli/address.ts';
import { parseSinceMs, parseTail, parseTimeoutMs } from '../../cli/parse-values.ts';
import { parseScale, parseServiceReference } from '../../cli/service-reference.ts';
import { withOverrides } from '../../cli/with-overrides.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';

const address = test.macro({
  exec: (t, text: string, expected: string) => t.is(formatAddress(parseAddress(text)), expected),
  title: (_, text) => `an address may be written ${text}`,
});
test(address, 'unix:///run/control.sock', 'unix:///run/control.sock');
test(address, 'unix:/run/control.sock', 'unix:///run/control.sock');
test(address, '/run/a b.sock', 'unix:///run/a b.sock');
test(address, 'http://127.0.0.1:8000', 'http://127.0.0.1:8000');
test(address, 'https://host', 'https://host:7470');
test(address, 'localhost:9', 'http://localhost:9');
test(address, 'http://[::1]:7470/', 'http://[::1]:7470');

for (const text of ['', 'unix://relative', 'ftp://x', 'http://', 'http://host/path', 'http://a:b@c', 'host:99999']) {
  test(`"${text}" is refused as an address`, t => {
    const error = t.throws(() => parseAddress(text), { instanceOf: OutriggerError });
    t.is(error?.code, 'invalid_argument');
    t.truthy(error?.next);
  });
}

test('an address that was read is written so that it reads the same', t => {
  fc.assert(
    fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), fc.boolean(), (host, port, secure) => {
      const text = `${secure ? 'https' : 'http'}://${host}:${port}`;
      t.deepEqual(parseAddress(formatAddress(parseAddress(text))), parseAddress(text));
    }),
  );
});

test('timeouts are seconds, or say their unit', t => {
  t.is(parseTimeoutMs('90'), 90_000);
  t.is(parseTimeoutMs('1m30s'), 90_000);
  t.is(parseTimeoutMs('1.5s'), 1_500);
  // Above this Node's timers fire at once.
  t.is(parseTimeoutMs('90d'), 2_147_483_647);
  t.is(parseTimeoutMs('9'.repeat(400)), 2_147_483_647);
  for (const bad of ['', 'soon', '-1', '1x', '1m 2s'])
    t.throws(() => parseTimeoutMs(bad), { message: /is not a time/ });
});

test('since is how long ago, a time, or seconds since 1970', t => {
  t.is(parseSinceMs('10m', 1_000_000), 400_000);
  t.is(parseSinceMs('2026-01-31T10:00:00Z', 0), Date.UTC(2026, 0, 31, 10));
  t.is(parseSinceMs('1700000000', 0), 1_700_000_000_000);
  t.throws(() => parseSinceMs('yesterday', 0), { message: /is not a time/ });
});

test('tail is a number of lines or all', t => {
  t.is(parseTail('all'), undefined);
  t.is(parseTail('0'), 0);
  t.throws(() => parseTail('-1'), { message: /not a number of lines/ });
});

test('scale and service references are read, and refused with what was expected', t => {
  t.deepEqual(parseScale('a=3'), { name: 'a', replicas: 3 });
  for (const bad of ['a', 'a=', '=3', 'a=-1', 'a=b']) t.throws(() => parseScale(bad), { message: /how many replicas/ });
  t.deepEqual(parseServiceReference('demo/a'), { namespace: 'demo', name: 'a' });
  t.deepEqual(parseServiceReference('a'), { namespace: undefined, name: 'a' });
  for (const bad of ['', 'a/', '/a', 'a/b/c']) t.throws(() => parseServiceReference(bad));
});

test('--scale keeps a fixed number fixed and widens a range just enough', t => {
  const spec = (replicas?: { min: number; max: number; initial: number }) => ({
    namespace: 'n',
    name: 's',
    image: 'i',
    ...(replicas && { replicas }),
  });
  const scaled = (replicas: number, from?: { min: number; max: number; initial: number }) =>
    withOverrides<{ namespace: string; name: string; image: string; replicas?: object }>(spec(from), {
      replicas,
      pull: undefined,
    }).replicas;
  t.deepEqual(scaled(3), { min: 3, max: 3, initial: 3 });
  t.deepEqual(scaled(3, { min: 1, max: 4, initial: 2 }), { min: 1, max: 4, initial: 3 });
  t.deepEqual(scaled(6, { min: 1, max: 4, initial: 2 }), { min: 1, max: 6, initial: 6 });
  t.deepEqual(scaled(0, { min: 1, max: 4, initial: 2 }), { min: 0, max: 4, initial: 0 });
  t.throws(() => withOverrides(spec(), { replicas: undefined, pull: 'often' }), { message: /--pull often/ });
});
