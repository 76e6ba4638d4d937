import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import {
  exactly,
  fewestServing,
  GIB,
  running,
  serving,
  sharing,
  smallCluster,
  timeUntil,
  up,
} from './small-cluster.ts';

const MINUTE_MS = 60_000;
const LOW = { min: 0, max: 1, initial: 1 };
const ONE_GPU = { resources: { gpu: { count: 1 } } };
const TWO_GPUS = { resources: { gpu: { count: 2 } } };
const IMPORTANT = { priority: 5, replicas: exactly(1) };

const ORDERS = {
  'start-first': {},
  'stop-first': { order: 'stop-first' as const },
  'max_surge 0': { maxSurge: 0, maxUnavailable: 1 },
};
const WITHOUT_SURGE = Object.entries(ORDERS).filter(([words]) => words !== 'start-first');

const inZone = (zone: string) => ({ placement: { constraints: [`node.labels.zone == ${zone}`] } });

/** Whoever runs says that nobody calls it, from now on, or that somebody does. */
function says(world: SimulatedWorld, inFlight: number): void {
  for (const { id } of world.running()) world.health.load.set(id, { inFlight, since: world.clock.now() });
  world.sidecar.changed();
}

/** Nobody calls anything, whoever begins meanwhile. */
async function passIdle(world: SimulatedWorld, minutes: number): Promise<void> {
  for (let passed = 0; passed < minutes; passed += 1) {
    for (const { id } of world.running())
      if (!world.health.load.has(id)) world.health.load.set(id, { inFlight: 0, since: world.clock.now() });
    world.sidecar.changed();
    await world.advance(MINUTE_MS);
    world.safety.check();
  }
}

const isAt = (world: SimulatedWorld, name: string) =>
  world
    .running()
    .filter(c => c.request.spec.name === name)
    .map(c => [c.request.placement.node, c.request.spec.image]);
const starts = (world: SimulatedWorld) => world.nodes.flatMap(n => [...n.machine.runs.values()].flat()).length;

function whyWaiting(world: SimulatedWorld, name = 'high') {
  return world.controlPlane.why({ namespace: NAMESPACE, name }).replicas.filter(r => r.phase === 'pending');
}

/** `high` has the one GPU of a, and `low` that of b. */
async function oneEach(update: object): Promise<SimulatedWorld> {
  const world = await smallCluster({ a: 1, b: 1 });
  await world.ask(c => c.drainNode('b'));
  await up(world, 'high', { ...ONE_GPU, ...IMPORTANT, update });
  await world.ask(c => c.undrainNode('b', {}));
  await up(world, 'low', { ...ONE_GPU, replicas: LOW });
  return world;
}

for (const [words, update] of Object.entries(ORDERS)) {
  test(`a drained node's replica goes (${words}) to where an idle one of lower priority may be gone, for good`, async t => {
    const world = await oneEach(update);
    await passIdle(world, 2);
    await world.ask(c => c.drainNode('a'));
    await passIdle(world, 5);
    t.deepEqual([isAt(world, 'high'), isAt(world, 'low')], [[['b', 'image:1']], []]);
    const before = starts(world);
    await passIdle(world, 20);
    t.is(starts(world), before, 'nobody comes and goes');
    await world.ask(c => c.undrainNode('a', {}));
    await passIdle(world, 2);
    t.deepEqual([isAt(world, 'high'), isAt(world, 'low')], [[['b', 'image:1']], [['a', 'image:1']]]);
    await world.end();
  });

  test(`an update goes (${words}) to where an idle one of lower priority may be gone`, async t => {
    const world = await smallCluster({ a: 1, b: 1 });
    await up(world, 'high', { ...ONE_GPU, ...IMPORTANT, ...inZone('a'), update });
    await up(world, 'low', { ...ONE_GPU, ...inZone('b'), replicas: LOW });
    await passIdle(world, 2);
    await up(world, 'high', { ...ONE_GPU, ...IMPORTANT, ...inZone('b'), update, image: 'image:2' }, 0);
    await passIdle(world, 5);
    t.deepEqual([isAt(world, 'high'), isAt(world, 'low')], [[['b', 'image:2']], []]);
    t.is(world.stored.service(`${NAMESPACE}/high`)?.rollout.kind, 'settled');
    await world.end();
  });

  test(`an update has its own place and that of an idle one of lower priority (${words})`, async t => {
    const world = await smallCluster({ a: 2 });
    await up(world, 'high', { ...ONE_GPU, ...IMPORTANT, update });
    await up(world, 'low', { ...ONE_GPU, replicas: LOW });
    await passIdle(world, 2);
    await up(world, 'high', { ...TWO_GPUS, ...IMPORTANT, update, image: 'image:2' }, 0);
    await passIdle(world, 5);
    t.deepEqual([isAt(world, 'high'), isAt(world, 'low')], [[['a', 'image:2']], []]);
    const before = starts(world);
    await passIdle(world, 20);
    t.is(starts(world), before, 'nobody comes and goes');
    await world.end();
  });

  test(`while others are called an update (${words}) that needs their room too stays, says so, and goes on once they are idle`, async t => {
    const world = await smallCluster({ a: 2 });
    await up(world, 'high', { ...ONE_GPU, ...IMPORTANT, update });
    await up(world, 'low', { ...ONE_GPU, replicas: LOW });
    says(world, 1);
    await up(world, 'high', { ...TWO_GPUS, ...IMPORTANT, update, image: 'image:2' }, 0);
    t.is(await fewestServing(world, 'high', MINUTE_MS), 1);
    t.is(serving(world, 'low'), 1);
    const [waiting] = whyWaiting(world);
    t.true(
      waiting?.groups.some(g => g.constraint === 'held_by_lower' && g.heldBy.join() === 'sim/low'),
      JSON.stringify(waiting),
    );
    t.regex(waiting?.summary.join('; ') ?? '', /sim\/low, of lower priority, has its room and is not idle/);
    says(world, 0);
    t.not(await timeUntil(world, () => isAt(world, 'high').join() === 'a,image:2', 2 * MINUTE_MS), null);
    await world.end();
  });
}

for (const [words, update] of WITHOUT_SURGE) {
  test(`who has to leave (${words}) stays as long as others are called, says so, and goes once they are idle`, async t => {
    const world = await oneEach(update);
    says(world, 1);
    await world.ask(c => c.drainNode('a'));
    t.is(await fewestServing(world, 'high', MINUTE_MS), 1);
    const [waiting] = whyWaiting(world);
    const held = waiting?.groups.find(g => g.constraint === 'held_by_lower');
    t.deepEqual(held?.heldBy, ['sim/low'], JSON.stringify(waiting));
    t.deepEqual(held?.help, ['wait until sim/low has no requests, or outrigger scale -p sim low=0']);
    says(world, 0);
    t.not(await timeUntil(world, () => isAt(world, 'high').join() === 'b,image:1', 2 * MINUTE_MS), null);
    world.safety.check();
    await world.end();
  });

  test(`nobody idle gives way (${words}) for its equal, or for what would not fit then either`, async t => {
    const world = await smallCluster({ a: 1, b: 1 });
    await up(world, 'high', { ...ONE_GPU, ...inZone('a'), replicas: exactly(1), update });
    await up(world, 'low', { ...ONE_GPU, ...inZone('b'), replicas: LOW });
    const before = [running(world, 'high'), running(world, 'low')];
    await passIdle(world, 2);
    await up(world, 'high', { ...ONE_GPU, ...inZone('b'), replicas: exactly(1), update }, 0);
    await passIdle(world, 10);
    await up(world, 'high', { ...TWO_GPUS, ...inZone('b'), ...IMPORTANT, update }, 0);
    await passIdle(world, 10);
    t.deepEqual([running(world, 'high'), running(world, 'low')], before);
    await world.end();
  });

  test(`what one depends on does not give way for it (${words})`, async t => {
    const world = await smallCluster({ a: 2 });
    const dependent = { ...IMPORTANT, update, dependsOn: [{ service: 'low', condition: 'ready' as const }] };
    await up(world, 'low', { ...ONE_GPU, replicas: LOW });
    await up(world, 'high', { ...ONE_GPU, ...dependent });
    const before = [running(world, 'high'), running(world, 'low')];
    await up(world, 'high', { ...TWO_GPUS, ...dependent }, 0);
    await passIdle(world, 20);
    t.deepEqual([running(world, 'high'), running(world, 'low')], before);
    await world.end();
  });

  test(`nobody leaves (${words}) before the image is there, of its own or of others`, async t => {
    const world = await oneEach(update);
    await passIdle(world, 2);
    const before = [running(world, 'high'), running(world, 'low')];
    await up(world, 'high', { ...TWO_GPUS, ...IMPORTANT, update, image: 'missing:1' }, 0);
    await passIdle(world, 5);
    t.deepEqual([running(world, 'high'), running(world, 'low')], before, 'two GPUs are nowhere');
    await up(world, 'high', { ...ONE_GPU, ...IMPORTANT, ...inZone('b'), update, image: 'missing:1' }, 0);
    await passIdle(world, 5);
    t.deepEqual([running(world, 'high'), running(world, 'low')], before);
    t.regex(whyWaiting(world)[0]?.summary.join('; ') ?? '', /waits for image missing:1 to be on node b before/);
    await world.end();
  });

  test(`room that somebody more important waits for is not taken (${words})`, async t => {
    const world = await oneEach(update);
    says(world, 1);
    await up(world, 'top', { ...ONE_GPU, ...inZone('b'), priority: 9, replicas: exactly(1) });
    await world.ask(c => c.drainNode('a'));
    await world.advance(MINUTE_MS);
    says(world, 0);
    await passIdle(world, 10);
    t.deepEqual(
      [isAt(world, 'high'), isAt(world, 'low'), isAt(world, 'top')],
      [[['a', 'image:1']], [], [['b', 'image:1']]],
    );
    await world.end();
  });

  test(`memory that others use is no room, whoever goes (${words})`, async t => {
    const world = await smallCluster({ a: 1, b: 1 });
    world.node('b').machine.occupy('nvidia.com/gpu=0', 40 * GIB);
    await world.advance(MINUTE_MS);
    await up(world, 'high', { ...sharing(60), ...inZone('a'), ...IMPORTANT, update });
    await up(world, 'low', { ...sharing(30), ...inZone('b'), replicas: LOW });
    const before = [running(world, 'high'), running(world, 'low')];
    await passIdle(world, 3);
    await up(world, 'high', { ...sharing(60), ...inZone('b'), ...IMPORTANT, update }, 0);
    await passIdle(world, 10);
    t.deepEqual([running(world, 'high'), running(world, 'low')], before);
    await world.end();
  });
}
