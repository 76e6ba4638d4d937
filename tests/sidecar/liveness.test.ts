import test, { type ExecutionContext } from 'ava';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { advanceUntil, GRPC, owned, report, sidecarOf } from './scene.ts';
import { healthServer } from './servers.ts';
import { probeTarget } from './targets.ts';

test('liveness fails later than readiness and by its own count, and mends itself', async t => {
  const server = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock, random: () => 0.5 });
  const liveness = { check: GRPC, intervalMs: 5_000, timeoutMs: 1_000, failures: 3 };
  sidecar.target([
    probeTarget({ protocol: 'grpc', port: server.port, probes: { liveness } }, { startedAt: clock.now() }),
  ]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  server.behave({ kind: 'hang' });
  await clock.advance(12_000);
  t.is(report(sidecar).readiness, 'failing');
  t.not(report(sidecar).liveness, 'failing');
  await clock.advance(7_000);
  t.is(report(sidecar).liveness, 'failing');
  server.behave({ kind: 'status', status: 'SERVING' });
  await advanceUntil(clock, 'alive again', () => report(sidecar).liveness === 'passing');
});

/** A replica that is ready; `heard` says when its node was listed last, null that it does not answer. */
async function readyOnNode(t: ExecutionContext, given: { intervalMs: number; failures: number }) {
  const server = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock, random: () => 0.5 });
  const liveness = { check: GRPC, timeoutMs: 1_000, ...given };
  const startedAt = clock.now();
  const spec = { protocol: 'grpc', port: server.port, probes: { liveness } } as const;
  const heard = (heardFrom: number | null) => sidecar.target([probeTarget(spec, { startedAt, heardFrom })]);
  heard(clock.now());
  await until('ready', () => report(sidecar).readiness === 'passing');
  return { server, clock, sidecar, heard };
}

test('where its node is cut off, a container fails no liveness probe that counts; hung in reach, it does', async t => {
  const { server, clock, sidecar, heard } = await readyOnNode(t, { intervalMs: 5_000, failures: 3 });

  // Too short to be noticed by the engine's own listings: all of these fail, and one is asked about.
  server.behave({ kind: 'hang' });
  await clock.advance(20_000);
  t.is(typeof report(sidecar).doubtedSince, 'number');
  t.not(report(sidecar).liveness, 'failing');
  heard(clock.now());
  t.not(report(sidecar).liveness, 'failing');
  t.is(report(sidecar).doubtedSince, undefined);

  // The engine is silent, too: what failed before and during it is over when it answers.
  await clock.advance(6_000);
  heard(clock.now());
  heard(null);
  await clock.advance(60_000);
  heard(clock.now());
  t.not(report(sidecar).liveness, 'failing');

  // It hangs while its engine answers.
  const from = clock.now();
  await advanceUntil(clock, 'not alive', () => {
    if (report(sidecar).doubtedSince !== undefined) heard(clock.now() + 1);
    return report(sidecar).liveness === 'failing';
  });
  t.true(clock.now() - from >= 10_000, 'by as many failures as ever');
  t.true((report(sidecar).notAliveSince ?? 0) > from);
});

test('one failure that is asked for is one of the container: a cut that was over at once makes none', async t => {
  const { server, clock, sidecar, heard } = await readyOnNode(t, { intervalMs: 10_000, failures: 1 });

  server.behave({ kind: 'hang' });
  await advanceUntil(clock, 'a failure', () => report(sidecar).doubtedSince !== undefined);
  server.behave({ kind: 'status', status: 'SERVING' });
  heard(clock.now() + 1);
  t.not(report(sidecar).liveness, 'failing');
  await advanceUntil(clock, 'alive', () => report(sidecar).liveness === 'passing');

  server.behave({ kind: 'hang' });
  await advanceUntil(clock, 'a failure', () => report(sidecar).doubtedSince !== undefined);
  const from = clock.now();
  await advanceUntil(clock, 'not alive', () => {
    if (report(sidecar).doubtedSince !== undefined) heard(clock.now() + 1);
    return report(sidecar).liveness === 'failing';
  });
  t.true(clock.now() - from <= 5_000, 'it is asked again soon, not after an interval');
});
