import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import type { ProbeTarget } from '../../control-plane/ports.ts';
import { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';
import { advanceUntil, CONTAINER, GRPC, owned, report, sidecarOf } from './scene.ts';
import { healthServer, tcpServer } from './servers.ts';
import { probeTarget } from './targets.ts';

test('a container is reached by whichever of its hosts answers, even while another swallows everything', async t => {
  const silent = await owned(t, tcpServer());
  const server = await owned(t, healthServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock() });
  const hosts: ProbeTarget['hosts'] = [
    { host: '127.0.0.1', portOf: { 50051: silent.port } },
    { host: '127.0.0.2', portOf: null },
    { host: 'localhost', portOf: { 50051: server.port } },
  ];
  const startup = { check: GRPC, timeoutMs: 60_000 };
  sidecar.target([probeTarget({ protocol: 'grpc', port: 50_051, probes: { startup } }, { hosts })]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  t.pass();
});

test('an address that comes late or changes is taken up', async t => {
  const first = await owned(t, healthServer());
  const second = await owned(t, healthServer());
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const target = (port?: number) =>
    probeTarget(
      { protocol: 'grpc', port: 50_051 },
      { hosts: port ? [{ host: '127.0.0.1', portOf: { 50051: port } }] : [], startedAt: clock.now() },
    );
  sidecar.target([target()]);
  await clock.advance(5_000);
  t.like(report(sidecar), { startup: 'pending', message: 'the container has no address yet' });
  sidecar.target([target(first.port)]);
  await until('ready', () => report(sidecar).readiness === 'passing');
  await first.close();
  sidecar.target([target(second.port)]);
  await advanceUntil(clock, 'asked at its new port', () => second.asked.length > 0);
  t.is(report(sidecar).readiness, 'passing');
  await sidecar.close();
});

test('targets that stay keep their progress; those that leave are forgotten, and come back as new ones', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  const spec = { probes: { startup: { check: CONTAINER } } };
  const one = probeTarget(spec, { containerId: 'one', containerHealth: 'healthy', startedAt: clock.now() });
  const two = probeTarget(spec, { containerId: 'two', startedAt: clock.now() });
  sidecar.target([one, two]);
  await clock.advance(100);
  t.is(report(sidecar, 'one').startup, 'passed');
  sidecar.target([{ ...one }]);
  t.deepEqual([...sidecar.reports().keys()], ['one']);
  t.is(report(sidecar, 'one').startup, 'passed');
  sidecar.target([]);
  t.is(sidecar.reports().size, 0);
  await clock.advance(0);
  t.is(clock.waiting, 0);
  sidecar.target([{ ...one, containerHealth: 'starting' }]);
  t.is(report(sidecar, 'one').startup, 'pending');
  await sidecar.close();
});

test('changes are told once for all that changed together, and not at all when nothing did', async t => {
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  let told = 0;
  sidecar.onChange(() => told++);
  const targets = Array.from({ length: 50 }, (_, i) =>
    probeTarget(
      { probes: { startup: { check: CONTAINER } } },
      { containerId: `c${i}`, containerHealth: 'healthy', startedAt: clock.now() },
    ),
  );
  sidecar.target(targets);
  await until('told', () => told > 0);
  t.is(told, 1);
  await clock.advance(60_000);
  t.is(told, 1);
  await sidecar.close();
});

test('replicas that hang do not keep hundreds of others from becoming ready', async t => {
  const silent = await owned(t, tcpServer());
  const server = await owned(t, healthServer());
  const sidecar = sidecarOf(t, { clock: createSteadyClock(), concurrency: 4 });
  const startup = { check: GRPC, timeoutMs: 3_600_000 };
  const target = (containerId: string, port: number) =>
    probeTarget({ protocol: 'grpc', port, probes: { startup } }, { containerId });
  sidecar.target([
    ...Array.from({ length: 40 }, (_, i) => target(`hung${i}`, silent.port)),
    ...Array.from({ length: 200 }, (_, i) => target(`fine${i}`, server.port)),
  ]);
  const ready = () => [...sidecar.reports()].filter(([, r]) => r.readiness === 'passing').map(([id]) => id);
  await until('the 200 are ready', () => ready().length === 200, { deadlineMs: 60_000 });
  t.true(ready().every(id => id.startsWith('fine')));
});

test('a removed target leaves no connection behind', async t => {
  let open = 0;
  const server = await owned(
    t,
    tcpServer(socket => {
      open++;
      socket.on('close', () => open--);
      socket.resume();
    }),
  );
  const clock = new VirtualClock();
  const sidecar = sidecarOf(t, { clock });
  sidecar.target([
    probeTarget({ protocol: 'grpc', port: server.port }, { containerId: 'g', startedAt: clock.now() }),
    probeTarget({ protocol: 'http', port: server.port }, { containerId: 'h', startedAt: clock.now() }),
  ]);
  await until('both connected', () => open === 2);
  sidecar.target([]);
  await until('both gone', () => open === 0);
  await sidecar.close();
  t.is(clock.waiting, 0);
});
