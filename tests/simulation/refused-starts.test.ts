import test from 'ava';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, running, serving, sharing, smallCluster, timeUntil, up } from './small-cluster.ts';

const MINUTE_MS = 60_000;

/** Every call of the kind for a container of the service is refused from now on, each after so long. */
function refuse(
  world: SimulatedWorld,
  method: 'create' | 'start' | 'stop' | 'remove',
  given: {
    readonly service: string;
    readonly code: 'conflict' | 'unavailable' | 'timeout' | 'internal';
    readonly afterMs?: number;
  },
): void {
  const { engine, machine } = world.node('a');
  const nameOf = (subject: unknown) =>
    typeof subject === 'string'
      ? machine.containers.get(subject)?.request.spec.name
      : (subject as { spec: { name: string } }).spec.name;
  const own = engine[method].bind(engine) as (...args: unknown[]) => Promise<unknown>;
  const refusing = async (...args: unknown[]) => {
    if (nameOf(args[0]) !== given.service) return own(...args);
    await world.clock.sleep(given.afterMs ?? 7, args.at(-1) as AbortSignal);
    throw new OutriggerError(given.code, 'the engine refuses it');
  };
  Object.assign(engine, { [method]: refusing });
}

for (const code of ['conflict', 'unavailable', 'timeout'] as const) {
  test(`a replica whose create is refused again and again (${code}) keeps nobody on its device waiting`, async t => {
    const world = await smallCluster({ a: 1 });
    refuse(world, 'create', { service: 'bad', code });
    await up(world, 'bad', { ...sharing(10), replicas: exactly(1) });
    await up(world, 'good', { ...sharing(10), replicas: exactly(1) }, 0);
    t.not(await timeUntil(world, () => serving(world, 'good') === 1, MINUTE_MS), null);
    world.safety.check();
    await world.end();
  });
}

for (const code of ['unavailable', 'timeout'] as const) {
  test(`a replica whose start is refused again and again (${code}) keeps nobody on its device waiting`, async t => {
    const world = await smallCluster({ a: 1 });
    refuse(world, 'start', { service: 'bad', code });
    await up(world, 'bad', { ...sharing(10), replicas: exactly(1) });
    await up(world, 'good', { ...sharing(10), replicas: exactly(1) }, 0);
    t.not(await timeUntil(world, () => serving(world, 'good') === 1, MINUTE_MS), null);
    world.safety.check();
    await world.end();
  });
}

for (const [priority, withinMs] of [
  [0, 6 * MINUTE_MS],
  [5, 60 * MINUTE_MS],
] as const)
  test(`several of priority ${priority} whose creates take long to be refused do not pass the turn among themselves`, async t => {
    const world = await smallCluster({ a: 1 });
    for (const bad of ['bad', 'worse', 'worst'])
      refuse(world, 'create', { service: bad, code: 'timeout', afterMs: 100_000 });
    for (const bad of ['bad', 'worse', 'worst'])
      await up(world, bad, { ...sharing(10), replicas: exactly(1), priority }, 0);
    await up(world, 'good', { ...sharing(10), replicas: exactly(1) }, 0);
    t.not(await timeUntil(world, () => serving(world, 'good') === 1, withinMs), null);
    world.safety.check();
    await world.end();
  });

test('one that was refused starts once it is refused no more, though neighbours wait as well', async t => {
  const world = await smallCluster({ a: 1 });
  const { engine } = world.node('a');
  const create = engine.create.bind(engine);
  refuse(world, 'create', { service: 'bad', code: 'conflict' });
  await up(world, 'bad', { ...sharing(10), replicas: exactly(1) }, 120_000);
  engine.create = create;
  await up(world, 'good', { ...sharing(10), replicas: exactly(3) }, 0);
  const areUp = () => serving(world, 'good') === 3 && serving(world, 'bad') === 1;
  t.not(await timeUntil(world, areUp, 2 * MINUTE_MS), null);
  world.safety.check();
  await world.end();
});

test('one whose last container cannot be removed keeps nobody on its device waiting', async t => {
  const world = await smallCluster({ a: 1 });
  for (const name of ['bad', 'good']) await up(world, name, { ...sharing(10), replicas: exactly(1) });
  refuse(world, 'remove', { service: 'bad', code: 'internal' });
  const { machine } = world.node('a');
  machine.exit(running(world, 'bad')[0]!, { code: 1 });
  await world.advance(30_000);
  machine.exit(running(world, 'good')[0]!, { code: 1 });
  await world.advance(2_000);
  t.is(serving(world, 'good'), 0);
  t.not(await timeUntil(world, () => serving(world, 'good') === 1, MINUTE_MS), null);
  world.safety.check();
  await world.end();
});

test('one that cannot be stopped keeps a neighbour from its restart for some minutes at most', async t => {
  const world = await smallCluster({ a: 1 });
  for (const name of ['bad', 'good']) await up(world, name, { ...sharing(10), replicas: exactly(1) });
  refuse(world, 'stop', { service: 'bad', code: 'internal', afterMs: 12_000 });
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['bad'], volumes: false }));
  await world.advance(5_000);
  world.node('a').machine.exit(running(world, 'good')[0]!, { code: 1 });
  await world.advance(2_000);
  t.not(await timeUntil(world, () => serving(world, 'good') === 1, 4 * MINUTE_MS), null);
  t.is(running(world, 'bad').length, 1);
  world.safety.check();
  await world.end();
});

test('one that takes ten minutes to stop keeps a neighbour from its restart for some minutes at most', async t => {
  const world = await smallCluster({ a: 1 });
  const slow = { command: ['ignore-stop'], stopGraceMs: 10 * MINUTE_MS };
  await up(world, 'slow', { ...sharing(10), ...slow, replicas: exactly(1) });
  await up(world, 'good', { ...sharing(10), replicas: exactly(1) });
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['slow'], volumes: false }));
  await world.advance(5_000);
  world.node('a').machine.exit(running(world, 'good')[0]!, { code: 1 });
  await world.advance(2_000);
  t.not(await timeUntil(world, () => serving(world, 'good') === 1, 4 * MINUTE_MS), null);
  t.is(running(world, 'slow').length, 1, 'it has its grace');
  world.safety.check();
  await world.end();
});

test('one that came back from a lost node and is not ready keeps no neighbour from starting', async t => {
  const world = await smallCluster({ a: 1, b: 0 });
  await up(world, 'first', { ...sharing(10), replicas: exactly(1) });
  for (const id of running(world, 'first')) world.health.unready.add(id);
  world.sidecar.changed();
  await world.advance(10_000);
  world.suffer('a', 'cut_down');
  await world.advance(45_000);
  world.suffer('a', 'fine');
  await world.advance(20_000);
  t.is(world.stored.replicas()[0]?.phase.kind, 'starting');
  await up(world, 'second', { ...sharing(10), replicas: exactly(1) }, 0);
  t.not(await timeUntil(world, () => serving(world, 'second') === 1, MINUTE_MS), null);
  world.safety.check();
  await world.end();
});

test('an update of which every create meets a conflict is rolled back', async t => {
  const world = await smallCluster({ a: 1, b: 0 });
  await up(world, 's', { ...sharing(10), replicas: exactly(1) });
  const [before] = running(world, 's');
  refuse(world, 'create', { service: 's', code: 'conflict' });
  const update = { image: 'image:2', restart: { startAttempts: 2 } };
  await up(world, 's', { ...sharing(10), ...update, replicas: exactly(1) }, 0);
  const kind = () => world.stored.service(`${NAMESPACE}/s`)?.rollout.kind;
  t.not(await timeUntil(world, () => kind() === 'rolled_back', 2 * MINUTE_MS), null);
  t.deepEqual(running(world, 's'), [before], 'it serves all the time');
  world.safety.check();
  await world.end();
});
