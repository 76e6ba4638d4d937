import test from 'ava';
import fc from 'fast-check';
import { formatAddress, parseAddress } from '../../cli/address.ts';
import { connect, controlAddress } from '../../cli/connect.ts';
import type { CommonOptions } from '../../cli/context.ts';
import { parseSinceMs, parseTail, parseTimeoutMs } from '../../cli/parse-values.ts';
import { parseScale, parseServiceReference } from '../../cli/service-reference.ts';
import { withOverrides } from '../../cli/up/with-overrides.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';

const address = test.macro({
  exec: (t, text: string, expected: string) => t.is(formatAddress(parseAddress(text)), expected),
  title: (_, text) => `an address may be written ${text}`,
});
test(address, '/run/a b.sock', 'unix:///run/a b.sock');
test(address, 'https://host', 'https://host:7470');
test(address, 'https://host:443', 'https://host:443');
test(address, 'host:80', 'http://host:80');

for (const text of ['', 'unix://relative', 'ftp://x', 'http://', 'http://host/path', 'http://a:b@c', 'host:99999']) {
  test(`"${text}" is refused as an address`, t => {
    const error = t.throws(() => parseAddress(text), { instanceOf: OutriggerError });
    t.is(error?.code, 'invalid_argument');
    t.truthy(error?.next);
  });
}

test('an address that was read is written so that it reads the same', t => {
  fc.assert(
    fc.property(
      fc.domain(),
      fc.oneof(fc.constantFrom(80, 443), fc.integer({ min: 1, max: 65_535 })),
      fc.boolean(),
      (host, port, secure) => {
        const text = `${secure ? 'https' : 'http'}://${host}:${port}`;
        t.deepEqual(parseAddress(text), { kind: 'tcp', secure, host, port });
        t.is(formatAddress(parseAddress(text)), text);
      },
    ),
  );
});

test('which control plane: what was given, then the environment, then the state folder', t => {
  const at = (options: CommonOptions, environment: NodeJS.ProcessEnv) =>
    formatAddress(controlAddress(options, { environment, cwd: '/' }));
  const environment = { OUTRIGGER_ADDRESS: 'https://host:443', OUTRIGGER_STATE: '/a' };
  t.is(at({ host: 'b:80' }, environment), 'http://b:80');
  t.is(at({}, environment), 'https://host:443');
  t.is(at({}, { OUTRIGGER_STATE: '/a' }), 'unix:///a/control.sock');
  t.is(at({ state: '/b' }, { OUTRIGGER_STATE: '/a' }), 'unix:///b/control.sock');
});

test('a credential that cannot be read is told as it was named', async t => {
  const place = { environment: { OUTRIGGER_TLS_CA: 'ca.pem' }, cwd: '/nowhere' };
  const variable = await t.throwsAsync<OutriggerError>(connect({ host: 'a:1' }, place), {
    instanceOf: OutriggerError,
    message: 'OUTRIGGER_TLS_CA names /nowhere/ca.pem, which cannot be read (ENOENT).',
  });
  t.is(variable?.code, 'invalid_argument');
  t.truthy(variable?.next);
  await t.throwsAsync(connect({ host: 'a:1', tokenFile: 'token' }, place), {
    message: 'The token file /nowhere/token cannot be read (ENOENT).',
  });
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
