import test from 'ava';
import { containerOf, isAvailable } from '../../control-plane/core/replica.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';
import { exactly, fewestServing, running, serving, smallCluster, up } from './small-cluster.ts';

const TWO = { resources: { gpu: { count: 1 } }, replicas: exactly(2) };
const WAYS = { 'start-first': {}, 'stop-first': { order: 'stop-first' as const }, 'two surge': { maxSurge: 2 } };

/** What starts from now on loads for as long as the test says. */
function loading(world: SimulatedWorld): { end: () => void } {
  const known = new Set(world.running().map(c => c.id));
  const { sidecar } = world;
  const reports = sidecar.reports.bind(sidecar);
  const still = { startup: 'pending' as const, readiness: 'unknown' as const, liveness: 'unknown' as const };
  let isOver = false;
  sidecar.reports = () =>
    new Map([...reports()].map(([id, r]) => [id, isOver || known.has(id) ? r : { ...r, ...still }]));
  const end = () => {
    isOver = true;
    sidecar.changed();
  };
  return { end };
}

function unready(world: SimulatedWorld, ids: readonly string[]): void {
  for (const id of ids) world.health.unready.add(id);
  world.sidecar.changed();
}

function heal(world: SimulatedWorld): void {
  world.health.heal();
  world.sidecar.changed();
}

for (const what of ['update', 'restart'] as const) {
  async function begin(world: SimulatedWorld, update: object): Promise<void> {
    if (what === 'update') await up(world, 's', { ...TWO, update, image: 'image:2' }, 0);
    else await world.ask(c => c.restart({ namespace: NAMESPACE, name: 's' }, {}));
  }
  const settled = (world: SimulatedWorld, old: readonly string[]) =>
    serving(world, 's') === 2 && running(world, 's').every(id => !old.includes(id));

  for (const [words, update] of Object.entries(WAYS))
    test(`readiness that fails for a second during ${what === 'update' ? 'an update' : 'a restart'} (${words}) stops no old replica`, async t => {
      const world = await smallCluster({ a: 4 });
      await up(world, 's', { ...TWO, update });
      const old = running(world, 's');
      const load = loading(world);
      await begin(world, update);
      await world.advance(20_000);
      const left = running(world, 's').filter(id => old.includes(id));
      t.is(left.length, words === 'stop-first' ? 1 : 2);
      unready(world, left);
      await world.advance(1_000);
      t.is(serving(world, 's'), 0);
      heal(world);
      await world.advance(10_000);
      t.is(serving(world, 's'), left.length);
      load.end();
      await world.advance(120_000);
      t.true(settled(world, old));
      await world.end();
    });

  for (const plight of ['cut_down', 'cut_hung'] as const)
    test(`a way to the node that is cut (${plight}) as ${what === 'update' ? 'an update' : 'a restart'} begins stops nobody before others serve`, async t => {
      const world = await smallCluster({ a: 3 });
      await up(world, 's', TWO);
      const old = running(world, 's');
      world.suffer('a', plight);
      await world.advance(8_000);
      await begin(world, {});
      await world.advance(2_000);
      world.suffer('a', 'fine');
      let fewest = 2;
      for (let passedMs = 0; passedMs < 120_000; passedMs += 100) {
        await world.advance(100);
        const left = running(world, 's').filter(id => old.includes(id)).length;
        const others = world.stored
          .replicas()
          .filter(r => isAvailable(r) && !old.includes(containerOf(r)?.id ?? '')).length;
        fewest = Math.min(fewest, left + others);
      }
      t.is(fewest, 2);
      t.true(settled(world, old));
      await world.end();
    });

  for (const [words, update] of Object.entries(WAYS))
    test(`old replicas that never get well are replaced all the same by ${what === 'update' ? 'an update' : 'a restart'} (${words})`, async t => {
      for (const gpus of [2, 3]) {
        const world = await smallCluster({ a: gpus });
        await up(world, 's', { ...TWO, update });
        const old = running(world, 's');
        unready(world, old);
        await world.advance(5_000);
        await begin(world, update);
        await world.advance(300_000);
        t.true(settled(world, old), `${gpus} GPUs`);
        await world.end();
      }
    });
}

for (const [words, update] of Object.entries(WAYS))
  test(`readiness that fails for a second while a node is drained (${words}) stops nobody before others serve`, async t => {
    const world = await smallCluster({ a: 2, b: 2 });
    await world.ask(c => c.drainNode('b'));
    await up(world, 's', { ...TWO, update });
    await world.ask(c => c.undrainNode('b', {}));
    const old = running(world, 's');
    const load = loading(world);
    await world.ask(c => c.drainNode('a'));
    await world.advance(20_000);
    const left = running(world, 's').filter(id => old.includes(id));
    t.is(left.length, words === 'stop-first' ? 1 : 2);
    unready(world, left);
    await world.advance(1_000);
    heal(world);
    await world.advance(10_000);
    t.is(serving(world, 's'), left.length);
    load.end();
    await world.advance(120_000);
    t.is(serving(world, 's'), 2);
    t.deepEqual(
      running(world, 's').filter(id => old.includes(id)),
      [],
    );
    await world.end();
  });

test('what never gets well leaves a drained node all the same', async t => {
  for (const update of Object.values(WAYS)) {
    const world = await smallCluster({ a: 2, b: 2 });
    await world.ask(c => c.drainNode('b'));
    await up(world, 's', { ...TWO, update });
    await world.ask(c => c.undrainNode('b', {}));
    const old = running(world, 's');
    unready(world, old);
    await world.advance(5_000);
    await world.ask(c => c.drainNode('a'));
    await world.advance(300_000);
    t.is(serving(world, 's'), 2, JSON.stringify(update));
    await world.end();
  }
});

/** Their machines have the image that is updated to: nobody waits for it. */
async function clusterWithImages(gpusOf: Readonly<Record<string, number>>): Promise<SimulatedWorld> {
  const world = await smallCluster(gpusOf);
  for (const { machine } of world.nodes) machine.images.set('image:2', 'sha-image:2');
  return world;
}

/** Those on the nodes do not answer for a moment, in which the service is updated to one that needs two GPUs. */
async function growInDoubt(
  world: SimulatedWorld,
  given: { readonly nodes: readonly string[]; readonly wanted: number; readonly update: ServiceSpecInput['update'] },
): Promise<void> {
  const inDoubt = world.running().filter(c => given.nodes.includes(c.request.placement.node));
  unready(
    world,
    inDoubt.map(c => c.id),
  );
  await world.advance(1_000);
  const { wanted, update } = given;
  const resources = { gpu: { count: 2 } };
  await up(world, 's', { resources, image: 'image:2', replicas: exactly(wanted), ...(update ? { update } : {}) }, 0);
}

const nodesOf = (world: SimulatedWorld, image: string) =>
  world
    .running()
    .filter(c => c.request.spec.image === image)
    .map(c => c.request.placement.node)
    .sort();

const ONE_GPU = { resources: { gpu: { count: 1 } } };

for (const update of [{ order: 'stop-first' as const }, { maxUnavailable: 1 }])
  test(`where several new ones need the places of old ones (${JSON.stringify(update)}), not all leave that serve beside one in doubt`, async t => {
    const world = await smallCluster({ a: 2, b: 2, c: 1 });
    await up(world, 's', { ...ONE_GPU, replicas: exactly(3), placement: { maxPerNode: 1 }, update });
    // The new ones fit on a and on b, beside nobody.
    await growInDoubt(world, { nodes: ['c'], wanted: 2, update });
    t.is(await fewestServing(world, 's', 60_000), 1);
    t.deepEqual(nodesOf(world, 'image:2'), ['a', 'b']);
    await world.end();
  });

test('two in doubt leave for a new one, rather than the only one that serves', async t => {
  const update = { order: 'stop-first' as const, maxUnavailable: 2 };
  const world = await clusterWithImages({ a: 2, b: 2 });
  await world.ask(c => c.drainNode('b'));
  await up(world, 's', { ...ONE_GPU, replicas: { min: 2, max: 3, initial: 2 }, update });
  await world.ask(c => c.undrainNode('b', {}));
  await world.ask(c => c.scale({ namespace: NAMESPACE, name: 's' }, 3));
  await world.advance(10_000);
  t.deepEqual(nodesOf(world, 'image:1'), ['a', 'a', 'b']);
  await growInDoubt(world, { nodes: ['a'], wanted: 3, update });
  await world.advance(100);
  t.deepEqual(nodesOf(world, 'image:1'), ['b']);
  t.is(await fewestServing(world, 's', 10_000), 1);
  await world.end();
});

test('of those in doubt as many stay as have to serve', async t => {
  const update = { order: 'stop-first' as const, maxUnavailable: 2 };
  const world = await clusterWithImages({ a: 2, b: 2, c: 1 });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(4), update });
  t.is(new Set(nodesOf(world, 'image:1')).size, 3, 'one of the nodes with two GPUs has two of them');
  await growInDoubt(world, { nodes: ['a', 'b', 'c'], wanted: 4, update });
  await world.advance(100);
  t.is(nodesOf(world, 'image:1').length, 3, 'one made room, and two more would have to');
  await world.end();
});

test('beside one in doubt that makes room, no more of those that serve leave than others serve beside', async t => {
  const update = { order: 'stop-first' as const, maxUnavailable: 3 };
  const world = await smallCluster({ a: 2, b: 1, c: 2, d: 1 });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(5), update });
  const there = nodesOf(world, 'image:1');
  const alone = ['a', 'c'].filter(name => there.filter(n => n === name).length === 1);
  t.is(alone.length, 1, 'the other one has two of them');
  await growInDoubt(world, { nodes: [...alone, 'd'], wanted: 5, update });
  t.is(await fewestServing(world, 's', 60_000), 2);
  t.deepEqual(nodesOf(world, 'image:2'), ['a', 'c']);
  await world.end();
});

test('what is in doubt on a drained node takes room that is free again, before an old one leaves for it that serves', async t => {
  const update = { order: 'stop-first' as const };
  const world = await smallCluster({ a: 2, b: 1, c: 2 });
  const two = { resources: { gpu: { count: 2 } } };
  await up(world, 'other', { ...two, replicas: exactly(1), placement: { constraints: ['node.labels.zone == c'] } });
  await up(world, 's', { ...ONE_GPU, replicas: exactly(2), placement: { maxPerNode: 1 }, update });
  await up(world, 's', { ...two, image: 'image:2', replicas: exactly(2), update });
  t.deepEqual([nodesOf(world, 'image:1').includes('b'), nodesOf(world, 'image:2')], [true, ['a']]);
  unready(
    world,
    world.running().flatMap(c => (c.request.placement.node === 'a' ? [c.id] : [])),
  );
  await world.ask(c => c.drainNode('a'));
  await world.advance(1_000);
  t.is(serving(world, 's'), 1);
  await world.ask(c => c.remove({ namespace: NAMESPACE, names: ['other'], volumes: false }));
  t.is(await fewestServing(world, 's', 60_000), 1);
  t.deepEqual(nodesOf(world, 'image:2'), ['c']);
  await world.end();
});
