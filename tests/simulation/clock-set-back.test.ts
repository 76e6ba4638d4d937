import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, running, serving, sharing, smallCluster, timeUntil, up } from './small-cluster.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A restart of ours, between which somebody set the clock back by five hours. */
async function setBack(world: SimulatedWorld, meanwhile: () => void = () => {}): Promise<void> {
  await world.crash();
  world.clock.step(-5 * HOUR_MS);
  meanwhile();
  await world.begin();
}

const phases = (world: SimulatedWorld) => world.stored.replicas().map(r => `${r.service} ${r.id} ${r.phase.kind}`);
const remove = (world: SimulatedWorld) =>
  world.ask(c => c.remove({ namespace: NAMESPACE, names: ['s'], volumes: false }));

test('a back-off lasts as long as it was said to', async t => {
  const world = await smallCluster({ a: 0 });
  await up(world, 's', { replicas: exactly(1) });
  for (const exit of [1, 2]) {
    t.not(await timeUntil(world, () => serving(world, 's') === 1, MINUTE_MS), null, `before exit ${exit}`);
    world.machine.exit(running(world, 's')[0]!, { code: exit });
    await world.advance(1_000);
  }
  await setBack(world);
  await world.advance(15_000);
  t.is(running(world, 's').length, 0, 'the second one is of 20 s');
  t.not(await timeUntil(world, () => serving(world, 's') === 1, MINUTE_MS), null, phases(world).join());
  await world.end();
});

test('a container that vanished is replaced', async t => {
  const world = await smallCluster({ a: 0 });
  await up(world, 's', { replicas: exactly(1) });
  const [before] = running(world, 's');
  await setBack(world);
  await world.advance(MINUTE_MS);
  t.deepEqual(running(world, 's'), [before], 'a restart of ours costs nobody anything');
  world.machine.vanish(before!);
  t.not(await timeUntil(world, () => serving(world, 's') === 1 && running(world, 's').length === 1, MINUTE_MS), null);
  await world.end();
});

test('what starts on a shared device starts, and its device is not measured without end', async t => {
  const world = await smallCluster({ a: 1 });
  await up(world, 'one', { ...sharing(8), replicas: exactly(1) });
  await setBack(world);
  const { engine } = world.node('a');
  let measured = 0;
  const measure = engine.measure.bind(engine);
  engine.measure = signal => {
    measured += 1;
    return measure(signal);
  };
  await up(world, 'two', { ...sharing(8), replicas: exactly(1) }, MINUTE_MS);
  t.is(serving(world, 'two'), 1, phases(world).join());
  t.true(measured < 10, `${measured} times`);
  await world.end();
});

test('a drain and the removal after it end', async t => {
  const world = await smallCluster({ a: 0 });
  await up(world, 's', { replicas: exactly(1), drain: { timeoutMs: 20_000 } });
  for (const { id } of world.running()) world.health.load.set(id, { inFlight: 1, since: world.clock.now() });
  await remove(world);
  await world.advance(1_000);
  await setBack(world);
  await world.advance(15_000);
  t.is(running(world, 's').length, 1, 'it drains for 20 s');
  t.not(await timeUntil(world, () => world.stored.replicas().length === 0, MINUTE_MS), null, phases(world).join());
  await world.end();
});

test('a stop whose container vanishes meanwhile ends', async t => {
  const world = await smallCluster({ a: 0 });
  await up(world, 's', { replicas: exactly(1), command: ['slow-stop', '8000'], stopGraceMs: 30_000 });
  const [id] = running(world, 's');
  await remove(world);
  await world.advance(1_000);
  await setBack(world, () => world.machine.vanish(id!));
  t.not(await timeUntil(world, () => world.stored.replicas().length === 0, 2 * MINUTE_MS), null, phases(world).join());
  await world.end();
});

test('an update whose image cannot be had fails', async t => {
  const world = await smallCluster({ a: 0 });
  await up(world, 's', { replicas: exactly(1) });
  world.suffer('a', 'hung');
  await up(world, 's', { image: 'missing:1', replicas: exactly(1), restart: { startAttempts: 1 } }, 2_000);
  await setBack(world);
  world.suffer('a', 'fine');
  const isRolledBack = () => world.stored.service(`${NAMESPACE}/s`)?.rollout.kind === 'rolled_back';
  t.not(await timeUntil(world, isRolledBack, 2 * MINUTE_MS), null, phases(world).join());
  await world.end();
});

test('what was lost with its node is replaced', async t => {
  const world = await smallCluster({ a: 1, b: 1 });
  await up(world, 's', { resources: { gpu: { count: 1 } }, replicas: exactly(1) });
  world.suffer(world.running()[0]!.request.placement.node, 'dark');
  const isLost = () => world.stored.replicas()[0]?.phase.kind === 'lost';
  t.not(await timeUntil(world, isLost, 5 * MINUTE_MS), null);
  await setBack(world);
  t.not(await timeUntil(world, () => serving(world, 's') === 1, 5 * MINUTE_MS), null, phases(world).join());
  await world.end();
});

test('what is stored lies in the past again, also where it could not be written at once', async t => {
  const world = await smallCluster({ a: 0 });
  await up(world, 's', { replicas: exactly(1) });
  await setBack(world, () => world.disk.faults.push('full', 'lost_answer'));
  await world.advance(MINUTE_MS);
  const [replica] = world.stored.replicas();
  t.deepEqual(replica!.timings.map(t => t.phase).at(-1), 'ready');
  const newest = Math.max(...world.stored.replicas().flatMap(r => [r.phase.since, ...r.timings.map(t => t.at)]));
  t.true(newest <= world.clock.now() && newest > world.clock.now() - 2 * MINUTE_MS, `${newest - world.clock.now()}`);
  t.true(world.stored.service(`${NAMESPACE}/s`)!.acceptedAt < newest);
  await world.end();
});
