import test from 'ava';
import { scaleService } from '../../control-plane/controller/commands.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec, exactly } from './specs.ts';

const RANGE = { min: 1, max: 4, initial: 2 };

/** `image:1` serves, and an update to `image:2`, which never starts, has begun. */
function updating(before: ServiceSpecInput['replicas'], next: ServiceSpecInput['replicas']): ModelWorld {
  const world = new ModelWorld();
  world.crashing.add('image:2');
  apply(world, aSpec({ replicas: before }));
  world.settle();
  apply(world, aSpec({ replicas: next, image: 'image:2' }));
  return world;
}

function scale(world: ModelWorld, replicas: number): void {
  world.commit(scaleService(world.state, { namespace: 'ns', name: 'svc' }, replicas, world.now).changes);
}

function rolledBack(world: ModelWorld) {
  world.settle();
  const service = world.state.services.get('ns/svc');
  const images = new Set(world.running().map(c => c.image));
  return { rollout: service?.rollout.kind, wanted: service?.replicas, running: world.running().length, images };
}

const to = (count: number) => ({
  rollout: 'rolled_back',
  wanted: count,
  running: count,
  images: new Set(['image:1']),
});

for (const count of [1, 3, 5])
  test(`a service scaled to ${count} during an update stays so when that is rolled back`, t => {
    for (const next of [exactly(2), { min: 0, max: 6, initial: 2 }]) {
      const world = updating(exactly(2), next);
      scale(world, count);
      t.deepEqual(rolledBack(world), to(count), JSON.stringify(next));
    }
  });

test('the number that only the file of a failed update asked for goes with it', t => {
  t.deepEqual(rolledBack(updating(exactly(2), exactly(4))), to(2));
});

test('a number asked for during an update stays, also where the failed file said the same', t => {
  const world = updating(exactly(2), exactly(4));
  scale(world, 4);
  t.deepEqual(rolledBack(world), to(4));
});

test('a file that only changes the number during an update scales what a rollback goes back to', t => {
  const world = updating(exactly(2), exactly(2));
  apply(world, aSpec({ replicas: exactly(3), image: 'image:2' }));
  t.deepEqual(rolledBack(world), to(3));
});

test('the last number asked for counts, and the scale after a rollback starts from there', t => {
  const world = updating(exactly(2), exactly(2));
  scale(world, 5);
  scale(world, 3);
  t.deepEqual(rolledBack(world), to(3));
  scale(world, 1);
  t.deepEqual(rolledBack(world), to(1));
});

test('a rollback to a range keeps as much of the number as that allows', t => {
  const world = updating(RANGE, { min: 1, max: 6, initial: 2 });
  scale(world, 6);
  t.deepEqual(rolledBack(world), to(4));
});
