import test from 'ava';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { advanceUntil, CONTAINER, owned, report, sidecarOf } from './scene.ts';
import { healthServer } from './servers.ts';
import { probeTarget } from './targets.ts';

test('with default probes a replica that hangs is out within 5 s, and back as soon as it answers', async t => {
  for (const random of [0, 0.999]) {
    const server = await owned(t, healthServer());
    const clock = new VirtualClock();
    const sidecar = sidecarOf(t, { clock, random: () => random });
    sidecar.target([probeTarget({ protocol: 'grpc', port: server.port }, { startedAt: clock.now() })]);
    await until('ready', () => report(sidecar).readiness === 'passing');
    server.behave({ kind: 'hang' });
    await clock.advance(5_000);
    t.is(report(sidecar).readiness, 'failing');
    t.regex(report(sidecar).message!, /no answer within 1000 ms/);
    t.is(report(sidecar).startup, 'passed');
    server.behave({ kind: 'status', status: 'SERVING' });
    await advanceUntil(clock, 'ready again', () => report(sidecar).readiness === 'passing');
    await sidecar.close();
    await server.close();
    t.is(clock.waiting, 0);
  }
});

test('one failed probe does not take a replica out', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const target = (containerHealth: 'healthy' | 'unhealthy') =>
    probeTarget({ probes: { startup: { check: CONTAINER } } }, { containerHealth, startedAt: clock.now() });
  sidecar.target([target('healthy')]);
  await clock.advance(10);
  t.is(report(sidecar).readiness, 'passing');
  sidecar.target([target('unhealthy')]);
  await clock.advance(100);
  t.is(report(sidecar).readiness, 'passing');
  t.regex(report(sidecar).message!, /unhealthy/);
  sidecar.target([target('healthy')]);
  await clock.advance(100);
  t.is(report(sidecar).message, undefined);
  await sidecar.close();
});

test('a flapping replica is withdrawn and restored each time', async t => {
  const server = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const states: string[] = [];
  sidecar.onChange(() => {
    const { readiness } = report(sidecar);
    if (states.at(-1) !== readiness) states.push(readiness);
  });
  sidecar.target([probeTarget({ protocol: 'grpc', port: server.port }, { startedAt: clock.now() })]);
  await until('ready', () => states.at(-1) === 'passing');
  for (let i = 0; i < 3; i++) {
    server.behave({ kind: 'status', status: 'NOT_SERVING' });
    await advanceUntil(clock, 'out', () => states.at(-1) === 'failing');
    server.behave({ kind: 'status', status: 'SERVING' });
    await advanceUntil(clock, 'back', () => states.at(-1) === 'passing');
  }
  t.deepEqual(states, ['passing', 'failing', 'passing', 'failing', 'passing', 'failing', 'passing']);
});
