import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, GIB, running, serving, sharing, smallCluster, timeUntil, up } from './small-cluster.ts';

const GPU = 'nvidia.com/gpu=0';
const MINUTE_MS = 60_000;
const DEFAULT_STARTUP_MS = 10 * MINUTE_MS;

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

/** Containers of these services never pass their startup probe, and fail it at its deadline. */
function neverReady(world: SimulatedWorld, names: ReadonlySet<string>): void {
  const reports = world.sidecar.reports.bind(world.sidecar);
  world.sidecar.reports = () => {
    const containers = new Map(world.containers().map(c => [c.id, c]));
    return new Map(
      [...reports()].map(([id, report]) => {
        const container = containers.get(id);
        if (!container || !names.has(container.request.spec.name)) return [id, report];
        const { startedAt, request } = container;
        const deadlineMs = request.spec.probes.startup?.deadlineMs ?? DEFAULT_STARTUP_MS;
        const isLate = startedAt !== null && world.clock.now() >= startedAt + deadlineMs;
        // It is ended for its own fault.
        if (isLate) world.health.everHung.add(id);
        return [
          id,
          {
            ...report,
            startup: isLate ? 'failed' : 'pending',
            warmup: 'pending',
            readiness: 'unknown',
            liveness: 'unknown',
          },
        ];
      }),
    );
  };
}

/** How long it takes until something is so, while probes are made every five seconds; null: it is not so within the time. */
async function whileProbed(world: SimulatedWorld, isSo: () => boolean, withinMs: number): Promise<number | null> {
  for (let passedMs = 0; passedMs <= withinMs; passedMs += 5_000) {
    if (isSo()) return passedMs;
    await world.advance(5_000);
    world.sidecar.changed();
  }
  return null;
}

const failuresOf = (world: SimulatedWorld, name: string) =>
  world.stored
    .replicas()
    .filter(r => r.service === `${NAMESPACE}/${name}`)
    .map(r => r.failures);

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

test('however important those are that never get ready, a good neighbour is started on their device', async t => {
  const world = await smallCluster({ a: 1 });
  neverReady(world, new Set(['stuck']));
  await up(world, 'stuck', { ...sharing(8), priority: 5, replicas: exactly(3) }, 5_000);
  await up(world, 'good', { ...sharing(8), replicas: exactly(1) }, 0);
  // Two starts of each, and what they take to end.
  const isStarted = await whileProbed(world, () => serving(world, 'good') === 1, 3 * 2 * 11 * MINUTE_MS);
  t.not(isStarted, null, JSON.stringify(failuresOf(world, 'stuck')));
  await world.end();
});

test('a neighbour that served and crashes is back beside more important ones that fail again and again', async t => {
  const world = await smallCluster({ a: 1 });
  neverReady(world, new Set(['stuck']));
  await up(world, 'good', { ...sharing(8), replicas: exactly(1) });
  await up(world, 'stuck', { ...sharing(8), priority: 5, replicas: exactly(2) }, 0);
  const isHopeless = () => failuresOf(world, 'stuck').every(f => f >= 3);
  t.not(await whileProbed(world, isHopeless, 120 * MINUTE_MS), null);
  world.node('a').machine.exit(running(world, 'good')[0]!, { code: 1 });
  await world.advance(1_000);
  t.is(serving(world, 'good'), 0);
  // The start that is under way may have just begun.
  t.not(await whileProbed(world, () => serving(world, 'good') === 1, 12 * MINUTE_MS), null);
  await world.end();
});

test('one that failed as often as more important ones has its turn as they have, and starts once it can', async t => {
  const world = await smallCluster({ a: 1 });
  const ill = new Set(['stuck', 'mended']);
  neverReady(world, ill);
  await up(world, 'mended', { ...sharing(8), replicas: exactly(1) }, 5_000);
  await up(world, 'stuck', { ...sharing(8), priority: 5, replicas: exactly(2) }, 0);
  const haveFailed = () => ['stuck', 'mended'].every(name => failuresOf(world, name).every(f => f >= 2));
  t.not(await whileProbed(world, haveFailed, 120 * MINUTE_MS), null);
  ill.delete('mended');
  t.not(await whileProbed(world, () => serving(world, 'mended') === 1, 3 * 11 * MINUTE_MS), null);
  await world.end();
});

test('one that needs two devices is started, whoever fails on each of them again and again', async t => {
  const world = await smallCluster({ a: 2 });
  const names = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5'];
  neverReady(world, new Set(names));
  for (const name of names) {
    await up(world, name, { ...sharing(24), replicas: exactly(1) }, 0);
    await whileProbed(world, () => false, 4 * MINUTE_MS);
  }
  const gpu = { count: 2, memoryBytes: 8 * GIB, exclusive: false };
  await up(world, 'wide', { resources: { gpu }, replicas: exactly(1) }, 0);
  t.not(await whileProbed(world, () => serving(world, 'wide') === 1, 60 * MINUTE_MS), null);
  await world.end();
});

test('one that needs two devices and failed as often as more important ones on each is started once it can', async t => {
  const world = await smallCluster({ a: 2 });
  const names = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5'];
  const ill = new Set([...names, 'wide']);
  neverReady(world, ill);
  const gpu = { count: 2, memoryBytes: 8 * GIB, exclusive: false };
  await up(world, 'wide', { resources: { gpu }, replicas: exactly(1) }, 0);
  for (const name of names) {
    await up(world, name, { ...sharing(24), priority: 5, replicas: exactly(1) }, 0);
    await whileProbed(world, () => false, 4 * MINUTE_MS);
  }
  const haveFailed = () => [...ill].every(name => failuresOf(world, name).every(f => f >= 2));
  t.not(await whileProbed(world, haveFailed, 180 * MINUTE_MS), null);
  ill.delete('wide');
  t.not(await whileProbed(world, () => serving(world, 'wide') === 1, 60 * MINUTE_MS), null);
  await world.end();
});

for (const plight of ['down', 'hung', 'cut_hung'] as const)
  test(`a stop without end keeps nobody waiting for ever on a node that is silent (${plight}) again and again`, async t => {
    const world = await smallCluster({ a: 1 });
    const grace = 6 * 60 * MINUTE_MS;
    const slow = { command: ['slow-stop', String(grace)], stopGraceMs: grace };
    await up(world, 'old', { ...sharing(8), ...slow, replicas: exactly(1) });
    await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['old'], volumes: false }));
    await up(world, 'new', { ...sharing(8), replicas: exactly(1) }, 0);
    let isServed = false;
    for (let silences = 0; silences < 5 && !isServed; silences += 1) {
      isServed = (await timeUntil(world, () => serving(world, 'new') === 1, 100_000)) !== null;
      world.suffer('a', plight);
      await world.advance(25_000);
      world.suffer('a', 'fine');
    }
    t.true(isServed);
    t.is(running(world, 'old').length, 1, 'it has its grace');
    world.safety.check();
    await world.end();
  });
