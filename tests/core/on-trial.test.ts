import test from 'ava';
import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec, exactly } from './specs.ts';

const MONITOR_MS = 5_000;

const serviceIn = (world: ModelWorld): Service => world.state.services.get('ns/svc')!;
const ofImage = (world: ModelWorld, image: string) => world.running().filter(c => c.image === image);
const newest = (world: ModelWorld): Replica | undefined =>
  [...world.state.replicas.values()].find(r => r.generation === serviceIn(world).latestGeneration);

/** Two of generation 1 serve, and generation 2 has come to its first newcomers that are ready. */
function updated(given: Partial<ServiceSpecInput> = {}): ModelWorld {
  const spec = { replicas: exactly(2), ...given, update: { monitorMs: MONITOR_MS, ...given.update } };
  const world = new ModelWorld();
  apply(world, aSpec(spec));
  world.settle();
  apply(world, aSpec({ ...spec, image: 'image:2' }));
  world.settle();
  return world;
}

/** One of the newcomers ends, and all that follows from it happens. */
function crash(world: ModelWorld): void {
  world.exit(ofImage(world, 'image:2')[0]!.id, 3);
  world.list();
  world.settle();
}

test('a first start is in place as soon as it is ready', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ update: { monitorMs: MONITOR_MS } }));
  world.settle();
  t.is(serviceIn(world).rollout.kind, 'settled');
});

test('no old replica leaves for a newcomer before that was ready for long enough', t => {
  const world = updated();
  t.deepEqual([ofImage(world, 'image:1').length, ofImage(world, 'image:2').length], [2, 1]);
  const plan = world.step();
  t.is(plan.endpoints.length, 3, 'it is called meanwhile');
  const readyAt = newest(world)!.phase.since;
  t.is(plan.wakeAt, readyAt + MONITOR_MS);
  world.advance(readyAt + MONITOR_MS - world.now - 100);
  world.settle();
  t.is(ofImage(world, 'image:1').length, 2);
  world.advance(100);
  world.settle();
  t.is(ofImage(world, 'image:1').length, 1);
});

test('an update is over once the last newcomer was ready for long enough', t => {
  const world = updated();
  world.advance(MONITOR_MS);
  world.settle();
  t.deepEqual([ofImage(world, 'image:1').length, ofImage(world, 'image:2').length], [1, 2]);
  world.advance(MONITOR_MS - 1_000);
  world.settle();
  t.is(serviceIn(world).rollout.kind, 'progressing');
  world.advance(1_000);
  world.settle();
  t.deepEqual([ofImage(world, 'image:1').length, ofImage(world, 'image:2').length], [0, 2]);
  t.is(serviceIn(world).rollout.kind, 'settled');
});

test('the only newcomer has to be ready for long enough as well, though nobody is left to leave', t => {
  const world = updated({ replicas: exactly(1), update: { order: 'stop-first' } });
  t.is(ofImage(world, 'image:1').length, 0);
  t.is(serviceIn(world).rollout.kind, 'progressing');
  world.advance(MONITOR_MS);
  world.settle();
  t.is(serviceIn(world).rollout.kind, 'settled');
});

test('where one leaves before its successor is made, the next one waits until that was ready for long enough', t => {
  const world = updated({ update: { order: 'stop-first' } });
  t.deepEqual([ofImage(world, 'image:1').length, ofImage(world, 'image:2').length], [1, 1]);
  world.advance(MONITOR_MS);
  world.settle();
  t.deepEqual([ofImage(world, 'image:1').length, ofImage(world, 'image:2').length], [0, 2]);
});

test('a newcomer that was ready and ends has failed the update, which is rolled back', t => {
  const world = updated();
  crash(world);
  const { rollout, generation } = serviceIn(world);
  t.is(generation, 1);
  t.like(rollout, { kind: 'rolled_back', failed: 2, to: 1, cause: { kind: 'exited', exitCode: 3 } });
  t.deepEqual(
    world.running().map(c => c.image),
    ['image:1', 'image:1'],
  );
});

test('also one that had been ready for long enough, as long as the update is under way', t => {
  const world = updated();
  world.advance(MONITOR_MS);
  world.settle();
  t.is(ofImage(world, 'image:1').length, 1);
  crash(world);
  t.is(serviceIn(world).rollout.kind, 'rolled_back');
});

test('a generation whose newcomers crashed is nothing to go back to', t => {
  const world = updated({ restart: { startAttempts: 5 } });
  crash(world);
  t.is(newest(world)!.phase.kind, 'backoff');
  apply(world, aSpec({ replicas: exactly(2), image: 'image:3' }));
  t.like(serviceIn(world), { generation: 3, rollout: { kind: 'progressing', previous: 1 } });
});

test('it has as many attempts as a start has', t => {
  const world = updated({ restart: { startAttempts: 2 } });
  crash(world);
  t.is(newest(world)!.phase.kind, 'backoff');
  t.is(serviceIn(world).rollout.kind, 'progressing');
  world.advance(20_000);
  world.settle();
  t.is(newest(world)!.phase.kind, 'ready');
  crash(world);
  t.is(serviceIn(world).rollout.kind, 'rolled_back');
  t.is(ofImage(world, 'image:1').length, 2);
});

for (const [what, given] of [
  ['on_failure: continue', { update: { onFailure: 'continue' } }],
  ['a start without end', { restart: { startAttempts: null } }],
] as const) {
  test(`with ${what}, a newcomer that crashes is tried again`, t => {
    const world = updated(given);
    crash(world);
    t.is(newest(world)!.phase.kind, 'backoff');
    t.is(ofImage(world, 'image:1').length, 2);
  });
}

test('who kills a newcomer from outside, or removes its container, has failed no update', t => {
  for (const end of ['killed', 'vanished'] as const) {
    const world = updated();
    const { id } = ofImage(world, 'image:2')[0]!;
    if (end === 'killed') world.exit(id, 137);
    else world.containers.delete(id);
    world.list();
    world.settle();
    t.is(newest(world)!.phase.kind, 'backoff', end);
    t.is(serviceIn(world).rollout.kind, 'progressing', end);
  }
});

test('what ends while its engine is away has failed no update', t => {
  const world = updated();
  world.answering = false;
  world.list();
  world.exit(ofImage(world, 'image:2')[0]!.id, 255);
  world.settle();
  world.answering = true;
  world.list();
  world.settle();
  t.is(newest(world)!.phase.kind, 'backoff');
  t.is(serviceIn(world).rollout.kind, 'progressing');
});

test('once the update is over, a crash is a crash', t => {
  const world = updated({ replicas: exactly(1) });
  for (let i = 0; i < 2; i += 1) {
    world.advance(MONITOR_MS);
    world.settle();
  }
  t.is(serviceIn(world).rollout.kind, 'settled');
  crash(world);
  t.is(newest(world)!.phase.kind, 'backoff');
});
