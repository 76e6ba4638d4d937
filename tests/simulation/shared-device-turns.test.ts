import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, GIB, running, sharing, smallCluster, timeUntil, up } from './small-cluster.ts';

const GPU = 'nvidia.com/gpu=0';

/** From now on nothing that starts passes its startup probe. */
function letNobodyStart(world: SimulatedWorld): void {
  const started = new Set(world.running().map(c => c.id));
  const reports = world.sidecar.reports.bind(world.sidecar);
  world.sidecar.reports = () =>
    new Map(
      [...reports()].map(([id, report]) => [
        id,
        started.has(id) ? report : { ...report, startup: 'pending', readiness: 'unknown', liveness: 'unknown' },
      ]),
    );
}

test('one that waits for memory others use keeps nobody waiting who has enough, and starts once it is given back', async t => {
  const world = await smallCluster({ a: 1 });
  world.node('a').machine.occupy(GPU, 60 * GIB);
  await world.advance(60_000);
  await up(world, 'big', { ...sharing(30), replicas: exactly(1) });
  await up(world, 'small', { ...sharing(2), replicas: exactly(1) }, 30_000);
  t.is(running(world, 'small').length, 1);
  t.is(running(world, 'big').length, 0);
  const why = () => world.controlPlane.why({ namespace: NAMESPACE, name: 'big' }).replicas[0]!;
  const isTold = () => why().groups[0]?.constraint === 'gpu_memory_measured';
  t.not(await timeUntil(world, isTold, 60_000), null, JSON.stringify(why()));
  t.like(why().groups[0], { constraint: 'gpu_memory_measured', requested: 30 * GIB, free: 18 * GIB });
  t.regex(why().summary.join(), /60 GiB are in use there that nobody declares/);
  world.node('a').machine.occupy(GPU, 20 * GIB);
  t.not(await timeUntil(world, () => running(world, 'big').length === 1, 90_000), null);
  await world.end();
});

test('memory that does not suffice is measured ever more rarely, down to once a minute', async t => {
  const world = await smallCluster({ a: 1 });
  world.node('a').machine.occupy(GPU, 60 * GIB);
  await world.advance(60_000);
  let measured = 0;
  const { engine } = world.node('a');
  const measure = engine.measure.bind(engine);
  engine.measure = signal => {
    measured += 1;
    return measure(signal);
  };
  await up(world, 'big', { ...sharing(30), replicas: exactly(1) }, 600_000);
  const before = measured;
  t.true(before > 1);
  await world.advance(3_600_000);
  t.true(measured - before <= 61, `${measured - before} times in an hour`);
  await world.end();
});

test('the end of a healthy service waits a moment only for a neighbour that never gets ready', async t => {
  const world = await smallCluster({ a: 1 });
  await up(world, 'healthy', { ...sharing(8), replicas: exactly(1) });
  letNobodyStart(world);
  await up(world, 'stuck', { ...sharing(8), replicas: exactly(1) });
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['healthy'], volumes: false }));
  await world.advance(5_000);
  t.is(running(world, 'healthy').length, 1, 'it gives the start a moment');
  t.not(await timeUntil(world, () => running(world, 'healthy').length === 0, 20_000), null);
  await world.end();
});

test('a replica that hangs is restarted though its neighbour never gets ready', async t => {
  const world = await smallCluster({ a: 1 });
  await up(world, 'hung', { ...sharing(8), replicas: exactly(1) });
  const [id] = running(world, 'hung');
  letNobodyStart(world);
  await up(world, 'stuck', { ...sharing(8), replicas: exactly(1) });
  world.health.hang(id!);
  world.sidecar.changed();
  t.not(await timeUntil(world, () => !running(world, 'hung').includes(id!), 60_000), null);
  await world.end();
});

test('what ends on a node that was away for long has ended before anything starts on its device', async t => {
  const world = await smallCluster({ a: 1 });
  const slow = { command: ['slow-stop', '8000'], stopGraceMs: 30_000 };
  await up(world, 'old', { ...sharing(8), ...slow, replicas: exactly(1) });
  world.suffer('a', 'down');
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['old'], volumes: false }));
  await world.advance(5 * 60_000);
  await up(world, 'new', { ...sharing(8), replicas: exactly(1) }, 10_000);
  t.is(running(world, 'old').length, 1);
  world.suffer('a', 'fine');
  const hasBegun = () => running(world, 'new').length === 1;
  t.not(await timeUntil(world, hasBegun, 2 * 60_000), null);
  t.is(running(world, 'old').length, 0);
  world.safety.check();
  await world.end();
});
