import test from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { settle } from '../fakes/clock.ts';
import { SimulatedWorld } from '../simulation/simulated-world.ts';

const REF = { namespace: 'sim', name: 'svc' };
const MINUTE_MS = 60_000;

/** A control plane with a remote registry and one service, which is ready and announced. */
async function running(given: Partial<ServiceSpecInput> = {}): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({ registry: 'remote' });
  await world.begin();
  await apply(world, given);
  await world.advance(3_000);
  return world;
}

async function apply(world: SimulatedWorld, given: Partial<ServiceSpecInput> = {}) {
  const spec: ServiceSpecInput = { ...REF, image: 'image:1', port: 80, drain: { timeoutMs: 1_000 }, ...given };
  return world.ask(c => c.apply({ specs: [spec], origin: 'test', dryRun: false }));
}

const service = (world: SimulatedWorld) => world.controlPlane.services()[0];
const shown = (world: SimulatedWorld) =>
  service(world)
    ?.replicas.map(r => `${r.phase} ${r.generation}`)
    .sort();
const handedOut = (world: SimulatedWorld) =>
  [...(world.remote?.held.values() ?? [])].map(e => e.metadata['generation']).sort();

for (const [what, update, halted] of [
  ['start-first', {}, ['ready 1', 'ready 2']],
  ['stop-first', { order: 'stop-first' }, ['ready 1']],
] as const) {
  test(`an update ${what} halts while the registry is away, says why, and goes on when it is back`, async t => {
    const world = await running();
    world.remote?.away();
    await settle();
    await apply(world, { update, environment: { REVISION: '2' } });
    await world.advance(10 * MINUTE_MS);
    t.deepEqual(shown(world), halted);
    t.is(service(world)?.state, 'updating');
    t.regex(service(world)?.message ?? '', /the registry does not answer/);
    world.remote?.back();
    await world.advance(15_000);
    t.deepEqual(shown(world), ['ready 2']);
    t.deepEqual(handedOut(world), ['2']);
    t.is(service(world)?.message, '');
    await world.end();
  });
}

test('an old replica leaves once the new one is announced, though the registry answers all the time', async t => {
  const world = await running();
  world.remote?.slow();
  await apply(world, { environment: { REVISION: '2' } });
  // The registry is compared with what is wanted every few seconds only.
  for (let steps = 0; handedOut(world).join() !== '1,2' && steps < 200; steps += 1) {
    t.deepEqual(handedOut(world), ['1']);
    t.true(shown(world)?.includes('ready 1'));
    await world.advance(50);
  }
  t.deepEqual(handedOut(world), ['1', '2'], 'for a while it has both');
  await world.advance(20_000);
  t.deepEqual(shown(world), ['ready 2']);
  t.deepEqual(handedOut(world), ['2']);
  await world.end();
});

test('fewer replicas are waited for until the registry is back', async t => {
  const world = await running({ replicas: { min: 1, max: 2, initial: 2 } });
  world.remote?.away();
  await settle();
  await world.ask(c => c.scale(REF, 1));
  await world.advance(10 * MINUTE_MS);
  t.deepEqual(shown(world), ['ready 1', 'ready 1']);
  world.remote?.back();
  await world.advance(5_000);
  t.deepEqual(shown(world), ['ready 1']);
  await world.end();
});

test('what drains already when the registry goes away serves on until that is back', async t => {
  const world = await running({ replicas: { min: 1, max: 2, initial: 2 } });
  world.remote?.slow();
  await world.ask(c => c.scale(REF, 1));
  t.deepEqual(shown(world), ['draining 1', 'ready 1']);
  world.remote?.away();
  await world.advance(10 * MINUTE_MS);
  t.deepEqual(shown(world), ['draining 1', 'ready 1']);
  t.true(service(world)?.replicas.some(r => /serves on, as the registry does not answer/.test(r.message)));
  world.remote?.back();
  await world.advance(20_000);
  t.deepEqual(shown(world), ['ready 1']);
  await world.end();
});

test('a removal waits for no registry, not even for one that an update waits for already', async t => {
  const world = await running();
  world.remote?.away();
  await settle();
  await apply(world, { environment: { REVISION: '2' } });
  await world.advance(MINUTE_MS);
  await world.ask(c => c.remove({ namespace: 'sim', names: ['svc'], volumes: false }));
  await world.advance(MINUTE_MS);
  t.deepEqual(world.controlPlane.services(), []);
  await world.end();
});

test('a life that begins while the registry is away takes nobody away either', async t => {
  const world = await running();
  world.remote?.away();
  await settle();
  await apply(world, { environment: { REVISION: '2' } });
  await world.crash();
  await world.begin();
  await world.advance(10 * MINUTE_MS);
  t.deepEqual(shown(world), ['ready 1', 'ready 2']);
  world.remote?.back();
  await world.advance(5_000);
  t.deepEqual(shown(world), ['ready 2']);
  await world.end();
});
