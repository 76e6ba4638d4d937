import test from 'ava';
import type { Replica } from '../../control-plane/core/replica.ts';
import { type ModelContainer, ModelWorld } from './model-world.ts';
import { apply, aSpec } from './specs.ts';

const GIB = 2 ** 30;
const replicaOf = (world: ModelWorld, name: string) =>
  [...world.state.replicas.values()].find(r => r.service === `ns/${name}`)!;

/** What `docker commit` and `docker run` make of a container: the same labels under a name that somebody else chose. */
function copyOf(world: ModelWorld, container: ModelContainer, given: Partial<ModelContainer> = {}): string {
  const id = `copy of ${container.id}`;
  world.containers.set(id, { ...container, id, name: 'a-copy', state: 'running', ...given });
  world.list();
  return id;
}

const touched = (world: ModelWorld) => world.history.flatMap(a => ('containerId' in a ? [a.containerId] : []));

test('a copy of a container is nobody of ours: it is neither ended nor taken for the replica, whatever its labels say', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  const own = world.running()[0]!;
  const copy = copyOf(world, own, { attempt: 0 });
  world.settle();
  world.exit(own.id);
  world.list();
  world.settle();
  world.advance(60_000);
  world.settle();
  t.is(replicaOf(world, 'svc').phase.kind, 'ready', 'the end of its own was seen, and another one started');
  t.is(world.running().length, 2);
  t.false(touched(world).includes(copy));
});

test('a copy of what is deleted keeps nothing from being gone, and stays', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: { min: 0, max: 1, initial: 1 } }));
  world.settle();
  const copy = copyOf(world, world.running()[0]!);
  apply(world, aSpec({ replicas: { min: 0, max: 0, initial: 0 } }));
  world.settle();
  t.is(world.state.replicas.size, 0);
  t.deepEqual([...world.containers.keys()], [copy]);
});

test('a container that somebody renamed is still its own, by its id', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  const own = world.running()[0]!;
  world.containers.set(own.id, { ...own, name: 'renamed' });
  world.list();
  world.settle();
  t.like(replicaOf(world, 'svc').phase, { kind: 'ready', container: { id: own.id } });
  world.exit(own.id);
  world.list();
  world.step();
  t.like(replicaOf(world, 'svc').phase, { kind: 'backoff', cause: { kind: 'exited', exitCode: 1 } });
});

test('a copy that runs gives a replica no turn on a shared device before those that start there', t => {
  const gpu = { id: 'nvidia.com/gpu=0', driver: 'cdi' as const, memoryBytes: 80 * GIB };
  const world = new ModelWorld({ a: { cpus: 64, memoryBytes: 2 ** 40, devices: [gpu] } });
  const sharing = (name: string) =>
    aSpec({ name, image: `${name}:1`, resources: { gpu: { memoryBytes: 20 * GIB, exclusive: false } } });
  world.loading.add('one:1');
  for (const name of ['one', 'two']) {
    apply(world, sharing(name));
    world.settle();
  }
  const two: Replica = replicaOf(world, 'two');
  t.is(two.phase.kind, 'creating');
  copyOf(world, world.running()[0]!, { replicaId: two.id, service: two.service, attempt: two.attempt });
  world.settle();
  t.is(replicaOf(world, 'one').phase.kind, 'starting');
  t.is(replicaOf(world, 'two').phase.kind, 'creating');
  t.deepEqual(
    world.history.filter(a => a.kind === 'create').map(a => a.replicaId),
    [replicaOf(world, 'one').id],
  );
});
