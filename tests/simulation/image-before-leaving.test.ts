import test from 'ava';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, fewestServing, GIB, running, serving, smallCluster, timeUntil, up } from './small-cluster.ts';

const MINUTE_MS = 60_000;
const PULL_MS = 10 * MINUTE_MS;
const ONE_GPU = { resources: { gpu: { count: 1 } } };
const ONE = { ...ONE_GPU, replicas: exactly(1) };

const ORDERS = {
  'start-first': {},
  'stop-first': { order: 'stop-first' as const },
  'max_unavailable 1': { maxUnavailable: 1 },
};

/** Nodes with so many GPUs whose pulls of `slow:1` and `slow:2` take ten minutes. */
async function slowCluster(gpusOf: Readonly<Record<string, number>>): Promise<SimulatedWorld> {
  const world = await smallCluster(gpusOf);
  for (const { machine } of world.nodes)
    for (const image of ['slow:1', 'slow:2'])
      machine.remoteImages.set(image, { id: `sha-${image}`, bytes: GIB, durationMs: PULL_MS * 0.8 });
  return world;
}

function whyWaiting(world: SimulatedWorld, name = 's'): string {
  const { replicas } = world.controlPlane.why({ namespace: NAMESPACE, name });
  return replicas
    .filter(r => r.phase === 'pending')
    .flatMap(r => r.summary)
    .join('; ');
}

/** How long nobody of a service could be called, seen ten times a second. */
async function downMs(world: SimulatedWorld, name: string, forMs: number): Promise<number> {
  let down = 0;
  for (let passedMs = 0; passedMs < forMs; passedMs += 100) {
    await world.advance(100);
    if (serving(world, name) === 0) down += 100;
  }
  return down;
}

function imagesOf(world: SimulatedWorld, name = 's'): string[] {
  const own = new Set(running(world, name));
  return world
    .running()
    .filter(c => own.has(c.id))
    .map(c => c.request.spec.image);
}

for (const [words, update] of Object.entries(ORDERS)) {
  for (const pullPolicy of ['missing', 'always'] as const) {
    test(`the only replica serves on while the image of its successor is pulled (${words}, ${pullPolicy})`, async t => {
      const world = await slowCluster({ a: 1 });
      await up(world, 's', { ...ONE, update });
      const [old] = world.stored.replicas();
      await up(world, 's', { ...ONE, update, image: 'slow:1', pullPolicy }, MINUTE_MS);
      t.is(serving(world, 's'), 1);
      t.true(
        whyWaiting(world).includes(`waits for image slow:1 to be on node a before ${old!.id} gives way`),
        whyWaiting(world),
      );
      const { replicas } = world.controlPlane.why({ namespace: NAMESPACE, name: 's' });
      t.true(replicas.some(r => r.groups.some(g => g.constraint === 'image_first')));
      const down = await downMs(world, 's', PULL_MS + MINUTE_MS);
      t.true(down > 0 && down < 5_000, `down for ${down} ms`);
      t.deepEqual(imagesOf(world), ['slow:1']);
      t.is(world.stored.service(`${NAMESPACE}/s`)?.rollout.kind, 'settled');
      await world.end();
    });
  }

  for (const onFailure of ['rollback', 'pause', 'continue'] as const) {
    test(`an image that cannot be had costs no old replica (${words}, ${onFailure})`, async t => {
      const world = await smallCluster({ a: 1 });
      await up(world, 's', { ...ONE, update: { ...update, onFailure } });
      const [old] = running(world, 's');
      const next = { ...ONE, image: 'missing:1', update: { ...update, onFailure }, restart: { startAttempts: 1 } };
      await up(world, 's', next, 0);
      t.is(await fewestServing(world, 's', 5 * MINUTE_MS), 1);
      t.deepEqual(running(world, 's'), [old]);
      const ends = { rollback: 'rolled_back', pause: 'paused', continue: 'progressing' };
      t.is(world.stored.service(`${NAMESPACE}/s`)?.rollout.kind as string, ends[onFailure]);
      await world.end();
    });
  }
}

test('where no more than are wanted may be there, one leaves for a free place only once the image is there', async t => {
  const world = await slowCluster({ a: 1, b: 1 });
  const update = { order: 'stop-first' as const };
  await up(world, 's', { ...ONE, update });
  await up(world, 's', { ...ONE, update, image: 'slow:1' }, 0);
  const down = await downMs(world, 's', PULL_MS + MINUTE_MS);
  t.true(down < 5_000, `down for ${down} ms`);
  t.deepEqual(imagesOf(world), ['slow:1']);
  await world.end();
});

test('a replica leaves a drained node, without surge, once the image is where it goes', async t => {
  const world = await slowCluster({ a: 1, b: 1 });
  const update = { order: 'stop-first' as const };
  await up(world, 's', { ...ONE, update, image: 'slow:1' }, PULL_MS + MINUTE_MS);
  t.is(serving(world, 's'), 1);
  const from = world.node(world.running()[0]!.request.placement.node).name;
  await world.ask(c => c.drainNode(from));
  const down = await downMs(world, 's', PULL_MS + MINUTE_MS);
  t.true(down < 5_000, `down for ${down} ms`);
  t.not(world.running()[0]!.request.placement.node, from);
  await world.end();
});

test('an idle replica keeps its place until the image of the more important one is there', async t => {
  const world = await slowCluster({ a: 1 });
  await up(world, 'idle', { ...ONE_GPU, replicas: { min: 0, max: 1, initial: 1 }, idleTimeoutMs: 1_000 });
  for (const { id } of world.running()) world.health.load.set(id, { inFlight: 0, since: world.clock.now() });
  await world.advance(5_000);
  const more = { ...ONE, priority: 5, restart: { startAttempts: 1 } };
  await up(world, 'refused', { ...more, image: 'missing:1' }, MINUTE_MS);
  t.is(serving(world, 'idle'), 1);
  t.is(world.stored.replicas().find(r => r.service === `${NAMESPACE}/refused`)?.phase.kind, 'failed');
  await up(world, 's', { ...more, image: 'slow:1' }, 9 * MINUTE_MS);
  t.is(serving(world, 'idle'), 1);
  t.regex(whyWaiting(world), /waits for image slow:1 to be on node a before \S+ gives way/);
  await world.advance(3 * MINUTE_MS);
  t.is(serving(world, 'idle'), 0);
  t.is(serving(world, 's'), 1);
  await world.end();
});

test('what is always pulled is pulled once more for a restart before the only replica leaves', async t => {
  const world = await slowCluster({ a: 1 });
  await up(world, 's', { ...ONE, image: 'slow:1', pullPolicy: 'always' }, PULL_MS + MINUTE_MS);
  const before = running(world, 's');
  t.is(before.length, 1);
  await world.advance(60 * MINUTE_MS);
  await world.ask(c => c.restart({ namespace: NAMESPACE, name: 's' }, {}));
  await world.advance(PULL_MS / 2);
  t.deepEqual(running(world, 's'), before);
  const down = await downMs(world, 's', PULL_MS);
  t.true(down > 0 && down < 5_000, `down for ${down} ms`);
  t.notDeepEqual(running(world, 's'), before);
  await world.end();
});

test('what is always pulled is pulled for one more replica before an idle one leaves for it', async t => {
  const world = await slowCluster({ a: 2 });
  const more = { ...ONE_GPU, priority: 5, replicas: { min: 1, max: 2, initial: 1 } };
  await up(world, 's', { ...more, image: 'slow:1', pullPolicy: 'always' }, PULL_MS + MINUTE_MS);
  await up(world, 'idle', { ...ONE_GPU, replicas: { min: 0, max: 1, initial: 1 }, idleTimeoutMs: 1_000 });
  for (const { id } of world.running()) world.health.load.set(id, { inFlight: 0, since: world.clock.now() });
  await world.advance(5_000);
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 's' }, 2));
  await world.advance(PULL_MS / 2);
  t.is(serving(world, 'idle'), 1);
  t.is(serving(world, 's'), 1);
  await world.advance(PULL_MS / 2);
  const waited = await timeUntil(world, () => serving(world, 's') === 2, PULL_MS);
  t.true(waited !== null && waited < MINUTE_MS, `another ${waited} ms`);
  t.is(serving(world, 'idle'), 0);
  await world.end();
});

test('a node that goes away while an image is pulled to it keeps no update from another node', async t => {
  const world = await slowCluster({ a: 1, b: 1 });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2) });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), image: 'slow:1' }, MINUTE_MS);
  t.is(serving(world, 's'), 2);
  const [awaited] = /node \w/.exec(whyWaiting(world)) ?? [''];
  world.node(awaited.slice(-1)).machine.losePower();
  await world.advance(3 * PULL_MS);
  t.deepEqual(imagesOf(world), ['slow:1']);
  await world.end();
});

test('while a pull hangs, the old one serves, and what is wanted instead is not waited for', async t => {
  const world = await smallCluster({ a: 1 });
  world
    .node('a')
    .machine.remoteImages.set('hangs:1', { id: 'sha-hangs:1', bytes: GIB, durationMs: 24 * 60 * MINUTE_MS });
  await up(world, 's', ONE);
  const before = running(world, 's');
  await up(world, 's', { ...ONE, image: 'hangs:1' }, 60 * MINUTE_MS);
  t.is(serving(world, 's'), 1);
  t.deepEqual(running(world, 's'), before);
  await up(world, 's', { ...ONE, image: 'image:2' }, 2 * MINUTE_MS);
  t.deepEqual(imagesOf(world), ['image:2']);
  t.is(world.stored.service(`${NAMESPACE}/s`)?.rollout.kind, 'settled');
  await world.end();
});

test('a node where a pull was broken off is left for another one that was not asked yet', async t => {
  const world = await slowCluster({ a: 1, b: 1 });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2) });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), image: 'slow:1' }, MINUTE_MS);
  const [awaited] = /node \w/.exec(whyWaiting(world)) ?? [''];
  world.suffer(awaited.slice(-1), 'cut_down');
  await world.advance(3_000);
  world.suffer(awaited.slice(-1), 'fine');
  await world.advance(3 * PULL_MS);
  t.deepEqual(imagesOf(world), ['slow:1', 'slow:1']);
  await world.end();
});

test('an image that another node has already is waited for nowhere', async t => {
  const world = await slowCluster({ a: 1, b: 1 });
  world.node('b').machine.images.set('slow:1', 'sha-slow:1');
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2) });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), image: 'slow:1' }, MINUTE_MS);
  t.true(imagesOf(world).includes('slow:1'));
  await world.end();
});
