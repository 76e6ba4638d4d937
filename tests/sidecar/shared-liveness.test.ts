import test, { type ExecutionContext } from 'ava';
import type { ProbeReport } from '../../control-plane/core/observed.ts';
import { createSidecar } from '../../sidecar/index.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { type HealthServer, healthServer } from './servers.ts';
import { probeTarget } from './targets.ts';

/**
 * No answer of a slow machine comes near to the timeouts: virtual time passes only where nobody is being asked. They are
 * known by their length: every pause here is shorter, but for those of the test with a longer interval.
 */
const READINESS = { check: { kind: 'grpc' }, intervalMs: 2_000, timeoutMs: 6_000, failures: 2 } as const;
const LIVENESS = { check: { kind: 'grpc' }, intervalMs: 5_000, timeoutMs: 7_000, failures: 3 } as const;
const MORE_PATIENT_MS = 8_000;
const TIMEOUTS_MS: readonly number[] = [READINESS.timeoutMs, LIVENESS.timeoutMs, MORE_PATIENT_MS];

class AskingClock extends VirtualClock {
  /** Questions that have no answer yet. */
  asking = 0;

  override alarm(delayMs: number, ring: () => void): () => boolean {
    if (!TIMEOUTS_MS.includes(delayMs)) return super.alarm(delayMs, ring);
    this.asking++;
    const cancel = super.alarm(delayMs, () => {
      this.asking--;
      ring();
    });
    return () => {
      const isCancelled = cancel();
      if (isCancelled) this.asking--;
      return isCancelled;
    };
  }
}

interface Watched {
  readonly clock: AskingClock;
  readonly server: HealthServer;
  readonly report: () => ProbeReport;
  /** Lets virtual time pass for at least so long; every probe that it brings is answered before time goes on. */
  pass(durationMs: number): Promise<void>;
}

/** One replica that is ready, and has no load to tell. */
async function watched(
  t: ExecutionContext,
  options: { readiness?: object; liveness?: object; random?: () => number } = {},
): Promise<Watched> {
  const server = await healthServer();
  t.teardown(() => server.close());
  const clock = new AskingClock();
  const sidecar = createSidecar({ clock, random: options.random ?? (() => 0.5) });
  t.teardown(() => sidecar.close());
  const probes = { readiness: { ...READINESS, ...options.readiness }, liveness: { ...LIVENESS, ...options.liveness } };
  sidecar.target([probeTarget({ protocol: 'tcp', port: server.port, probes }, { startedAt: clock.now() })]);
  const report = () => sidecar.reports().get('container-1')!;
  await until('ready', () => report().readiness === 'passing');
  // Between probes only the two next ones are waited for.
  const pass = async (durationMs: number) => {
    for (const end = clock.now() + durationMs; clock.now() < end; ) {
      await until('answered', () => clock.asking === 0 && clock.waiting === 2);
      await clock.advance(Math.min(clock.nextAt()!, end) - clock.now());
    }
    await until('answered', () => clock.asking === 0 && clock.waiting === 2);
  };
  return { clock, server, report, pass };
}

test('where readiness and liveness ask the same, a replica that answers is asked once for both', async t => {
  for (const random of [0, 0.5, 0.999]) {
    const { server, report, pass } = await watched(t, { random: () => random });
    const before = server.asked.length;
    await pass(110_000);
    const asked = server.asked.length - before;
    t.true(asked >= 50 && asked <= 62, `${asked} answers in 110 s, where readiness alone takes 50 to 61`);
    t.is(report().liveness, 'passing');
  }
});

test('what readiness asks with more patience, or differently, liveness asks by itself', async t => {
  for (const readiness of [{ timeoutMs: MORE_PATIENT_MS }, { check: { kind: 'grpc', expect: 'answer' } }]) {
    const { server, pass } = await watched(t, { readiness });
    const before = server.asked.length;
    await pass(110_000);
    t.true(server.asked.length - before >= 70, 'at least 50 for readiness and 20 for liveness');
  }
});

test('where readiness is asked rarely, liveness is asked at its own pace', async t => {
  const { server, pass } = await watched(t, { readiness: { intervalMs: 60_000 } });
  const before = server.asked.length;
  await pass(110_000);
  t.true(server.asked.length - before >= 20, 'one each 5.5 s at least');
});

test('by answers that are shared, a replica that hangs is known to be dead neither later nor sooner than by its own', async t => {
  const { intervalMs, timeoutMs, failures } = LIVENESS;
  for (const random of [0, 0.5, 0.999]) {
    for (const afterMs of [10, 600, 1_300, 1_900, 3_100, 4_700]) {
      const { clock, server, report, pass } = await watched(t, { random: () => random });
      await pass(10_000 + afterMs);
      server.behave({ kind: 'hang' });
      const hungAt = clock.now();
      await clock.advanceUntil(() => report().liveness === 'failing', 60_000);
      const tookMs = clock.now() - hungAt;
      t.true(tookMs <= failures * (1.1 * intervalMs + timeoutMs), `${tookMs} ms`);
      t.true(tookMs >= (failures - 1) * 0.9 * intervalMs, `${tookMs} ms`);
    }
  }
});

test('one that hung and answers again is alive by the next answer that passes', async t => {
  const { clock, server, report, pass } = await watched(t);
  server.behave({ kind: 'error', code: 14 });
  await pass(30_000);
  t.is(report().liveness, 'failing');
  server.behave({ kind: 'status', status: 'SERVING' });
  const from = clock.now();
  await pass(1.1 * LIVENESS.intervalMs);
  t.is(report().liveness, 'passing');
  t.true(clock.now() - from <= 1.1 * LIVENESS.intervalMs);
});
