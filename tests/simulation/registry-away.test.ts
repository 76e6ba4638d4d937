import test from 'ava';
import { SimulatedWorld } from './simulated-world.ts';
import { running, timeUntil, up } from './small-cluster.ts';

const HOUR_MS = 3_600_000;
const MODEL = { port: 80, drain: { timeoutMs: 1_000 } };

/** Two replicas serve, and there are two nodes, and clients of a registry know them. */
async function served(): Promise<SimulatedWorld> {
  const nodes = ['a', 'b'].map(name => ({ name, cpus: 6, devices: [] }));
  const world = new SimulatedWorld({ registry: 'remote', nodes });
  await world.begin();
  await up(world, 'model', { ...MODEL, replicas: { min: 2, max: 2, initial: 2 } });
  return world;
}

async function update(world: SimulatedWorld, forMs: number): Promise<void> {
  await up(world, 'model', { ...MODEL, image: 'image:2', replicas: { min: 2, max: 2, initial: 2 } }, forMs);
}

function images(world: SimulatedWorld): string[] {
  const ids = new Set(running(world, 'model'));
  return world
    .running()
    .filter(c => ids.has(c.id))
    .map(c => c.request.spec.image)
    .sort();
}

const ways: Record<string, (world: SimulatedWorld) => Promise<void> | void> = {
  hangs: world => world.remote?.hang(),
  'hangs, and so it does for the next life of the control plane': async world => {
    world.remote?.hang();
    await world.crash();
    await world.begin();
  },
};
for (const [what, goAway] of Object.entries(ways)) {
  test(`while the registry ${what}, an update takes nobody away who serves, and goes on when it is back`, async t => {
    const world = await served();
    await goAway(world);
    await update(world, 120_000);
    const meanwhile = images(world).filter(image => image === 'image:1');
    world.remote?.back();
    const afterMs = await timeUntil(world, () => images(world).join() === 'image:2,image:2', 120_000);
    world.safety.check();
    await world.end();
    t.deepEqual(meanwhile, ['image:1', 'image:1']);
    t.not(afterMs, null);
  });
}

test('what a registry that is away hands out no more, an hour after it heard of it, is waited for no longer', async t => {
  const world = await served();
  world.remote?.away();
  await update(world, 0);
  const isDone = () => images(world).join() === 'image:2,image:2';
  const before = await timeUntil(world, isDone, HOUR_MS - 60_000);
  const afterwards = await timeUntil(world, isDone, 300_000);
  world.safety.check();
  await world.end();
  t.is(before, null);
  t.not(afterwards, null);
});

test('a replica of a node that is emptied serves until the registry says that it is withdrawn', async t => {
  const world = await served();
  world.remote?.hang();
  await world.ask(c => c.drainNode('a'));
  await world.advance(120_000);
  const meanwhile = running(world, 'model').length;
  world.remote?.back();
  const isEmpty = () => world.running().every(c => c.request.placement.node !== 'a');
  const afterMs = await timeUntil(world, isEmpty, 120_000);
  world.safety.check();
  await world.end();
  t.is(meanwhile, 3);
  t.not(afterMs, null);
});
