import test from 'ava';
import { nameChanges } from '../../control-plane/core/nodes/name-changes.ts';
import { renameNodes, storedNodes } from '../../control-plane/core/nodes/rename-nodes.ts';
import { placementOf, type Replica } from '../../control-plane/core/replica.ts';
import { ModelWorld } from './model-world.ts';
import { aContainer, aReplica, phaseOf } from './replicas.ts';
import { apply, aSpec } from './specs.ts';

const GPU = { id: 'nvidia.com/gpu=0', driver: 'cdi' } as const;
const room = { cpus: 8, memoryBytes: 2 ** 34, devices: [GPU] };
const replicas = (world: ModelWorld) => [...world.state.replicas.values()];
const places = (world: ModelWorld) => replicas(world).map(r => [r.service, r.phase.kind, placementOf(r)?.node]);
const on = (node: string) => ({ placement: { node, devices: [GPU.id] } });

/** A service on each node, which holds its only device. */
function oneOnEach(...names: string[]): ModelWorld {
  const world = new ModelWorld(Object.fromEntries(names.map(name => [name, room])));
  const held = (node: string) =>
    aSpec({ name: `of-${node}`, resources: { gpu: {} }, placement: { constraints: [`node.hostname == ${node}`] } });
  apply(world, ...names.map(held));
  world.settle();
  world.history.length = 0;
  return world;
}

function swap(world: ModelWorld): void {
  world.rename('a', 'between');
  world.rename('b', 'a');
  world.rename('between', 'b');
}

test('replicas follow their containers where two nodes have changed names while nobody looked', t => {
  const world = oneOnEach('a', 'b');
  swap(world);
  world.settle();
  t.deepEqual(places(world), [
    ['ns/of-a', 'ready', 'b'],
    ['ns/of-b', 'ready', 'a'],
  ]);
  t.deepEqual(world.history, [], 'nothing was begun and nothing ended');
});

test('an old name that a new machine has takes no replica from its container', t => {
  const world = oneOnEach('a');
  world.rename('a', 'c');
  world.setNode('a', room);
  world.list();
  world.settle();
  t.deepEqual(places(world), [['ns/of-a', 'ready', 'c']]);
  t.deepEqual(world.history, []);
});

test('a container that its node does not list may be on one that was not looked at yet', t => {
  const world = oneOnEach('a', 'b');
  world.silent.add('b');
  swap(world);
  for (let i = 0; i < 10; i += 1) world.step();
  t.deepEqual(places(world), [
    ['ns/of-a', 'ready', 'a'],
    ['ns/of-b', 'ready', 'a'],
  ]);
  t.deepEqual(world.history, []);
  world.silent.clear();
  world.list();
  world.settle();
  t.deepEqual(places(world)[0], ['ns/of-a', 'ready', 'b']);
  t.deepEqual(world.history, []);
});

test('what is tried again with a device waits too, while something unknown runs on its node', t => {
  const world = oneOnEach('a');
  world.exit(world.running()[0]!.id);
  world.list();
  world.step();
  const stranger = { ...aContainer({ id: 'x', replicaId: 'r7777777', name: 'ns-svc-r7777777' }), node: 'a' };
  world.containers.set('x', stranger);
  world.advance(60_000);
  const kinds = new Set<string>();
  for (let i = 0; i < 10; i += 1) {
    // Its end takes its time.
    world.containers.set('x', stranger);
    world.list();
    for (const action of world.step().actions) kinds.add(action.kind);
  }
  t.true(kinds.has('stop'));
  t.false(kinds.has('create'));
  t.deepEqual(places(world), [['ns/of-a', 'creating', 'a']]);
  world.containers.delete('x');
  world.list();
  world.settle();
  t.deepEqual(places(world), [['ns/of-a', 'ready', 'a']]);
});

test('what is stored of nodes is stored of the same machines under the names that they have now', t => {
  const drained = { drainingSince: 5, quarantined: [] };
  const stored = {
    replicas: new Map<string, Replica>(
      [
        aReplica(phaseOf('ready', 1, on('a')), { id: 'one' }),
        aReplica(phaseOf('backoff', 1, on('b')), { id: 'two' }),
        aReplica(phaseOf('pending', 1), { id: 'three' }),
        aReplica(phaseOf('pulling', 1, on('c')), { id: 'four' }),
        aReplica(phaseOf('ready', 1, on('d')), { id: 'five' }),
      ].map(r => [r.id, r]),
    ),
    nodes: new Map(['a', 'd'].map(name => [name, { name, connection: `ssh://${name}`, ...drained }])),
  };
  const named = { b: 'ssh://a', a: 'ssh://b', d: 'ssh://x' };
  const answered = { a: 'b', b: 'a', x: 'd' };
  const known = new Map([...storedNodes(stored), ['x', { way: 'ssh://x', isOwn: true }] as const]);
  const changes = nameChanges(known, new Map(Object.entries(named)), new Map(Object.entries(answered)));
  const now = renameNodes(stored, changes);
  t.deepEqual(
    [...now.replicas.values()].map(r => placementOf(r)?.node),
    ['b', 'a', undefined, 'c', 'd (ssh://d)'],
    'd was another machine: what is there is not on the one that has its name',
  );
  t.deepEqual(
    [...now.nodes.values()],
    [
      { name: 'b', connection: 'ssh://a', ...drained },
      { name: 'd (ssh://d)', connection: 'ssh://d', ...drained },
    ],
  );
  t.is(now.replicas.get('four'), stored.replicas.get('four'));
});
