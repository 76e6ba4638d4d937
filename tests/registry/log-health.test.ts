import test from 'ava';
import { pino } from 'pino';
import { createSteadyClock } from '../../control-plane/clock.ts';
import { ConsulRegistry } from '../../control-plane/registry/consul.ts';
import { logHealth } from '../../control-plane/registry/log-health.ts';
import { FakeRegistry } from '../fakes/registry.ts';
import { until } from '../until.ts';

interface Entry {
  readonly level: number;
  readonly msg: string;
  readonly problem?: string;
}

function log() {
  const entries: Entry[] = [];
  return { entries, log: pino({}, { write: (line: string) => entries.push(JSON.parse(line)) }) };
}

const WARN = 40;
const INFO = 30;

test('a registry that goes away and comes back is logged once each, with why', t => {
  const registry = new FakeRegistry();
  const { entries, log: to } = log();
  logHealth(registry, to);
  registry.publish([]);
  t.deepEqual(entries, []);
  registry.away();
  registry.away('did not answer');
  registry.back();
  registry.converge();
  t.deepEqual(
    entries.map(({ level }) => level),
    [WARN, INFO],
  );
  t.regex(entries[0]?.problem ?? '', /ECONNREFUSED/);
});

test('a Consul that is not there at the start is logged', async t => {
  const registry = new ConsulRegistry({
    connection: { url: new URL('http://127.0.0.1:1') },
    instance: 'instance1',
    clock: createSteadyClock(),
  });
  t.teardown(() => registry.close({ withdraw: false }, AbortSignal.timeout(10_000)));
  const { entries, log: to } = log();
  logHealth(registry, to);
  await until('it is logged', () => entries.length > 0);
  t.is(entries[0]?.level, WARN);
  t.regex(entries[0]?.problem ?? '', /127\.0\.0\.1:1/);
});
