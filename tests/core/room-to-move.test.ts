import test from 'ava';
import { scaleService } from '../../control-plane/controller/commands.ts';
import { isAvailable } from '../../control-plane/core/replica.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { type ModelNode, ModelWorld } from './model-world.ts';
import { apply, aSpec } from './specs.ts';

const machine = (cpus: number): ModelNode => ({ cpus, memoryBytes: 2 ** 34, devices: [] });
const stopFirst = { update: { order: 'stop-first' as const } };

function aService(name: string, cpus: number, given: Partial<ServiceSpecInput> = {}) {
  return aSpec({ name, resources: { cpus }, ...given });
}

/** The services that somebody serves, at the least, over so many passes. */
function fewestServed(world: ModelWorld, passes = 40): number {
  let fewest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < passes; i += 1) {
    world.step();
    const served = [...world.state.replicas.values()].filter(isAvailable).map(r => r.service);
    fewest = Math.min(fewest, new Set(served).size);
  }
  return fewest;
}

const nodesOf = (world: ModelWorld, name: string) =>
  world
    .running()
    .filter(c => c.service === `ns/${name}`)
    .map(c => c.node);

test('of two services that are moved stop-first into one free place, one moves and the other one stays', t => {
  const world = new ModelWorld({ a: machine(2), b: machine(1) });
  world.drain('b');
  apply(world, aService('one', 1, stopFirst), aService('two', 1, stopFirst));
  world.settle();
  // The first has a client that does not let go for a while: the place is still free when the other one is looked at.
  for (const replica of world.state.replicas.values()) world.clung.add(replica.id);
  world.drain('b', null);
  world.drain('a');
  t.is(fewestServed(world), 1);
  world.clung.clear();
  t.is(fewestServed(world), 1);
  t.deepEqual([...nodesOf(world, 'one'), ...nodesOf(world, 'two')].sort(), ['a', 'b']);
});

test('nobody is moved stop-first into a place that a replica of another service waits for', t => {
  for (const other of ['before', 'zuletzt']) {
    const world = new ModelWorld({ a: machine(1), b: machine(1) });
    world.drain('b');
    apply(world, aService('moving', 1, stopFirst));
    world.settle();
    world.drain('b', null);
    world.drain('a');
    apply(world, aService(other, 1));
    t.is(fewestServed(world), 1);
    t.deepEqual(nodesOf(world, 'moving'), ['a']);
    t.deepEqual(nodesOf(world, other), ['b']);
  }
});

test('of two updates that find no room start-first, one after the other gives way, and only where its successor fits', t => {
  const world = new ModelWorld({ a: machine(3) });
  apply(world, aService('one', 1), aService('two', 1));
  world.settle();
  for (const replica of world.state.replicas.values()) world.clung.add(replica.id);
  apply(world, aService('one', 2), aService('two', 2));
  t.is(fewestServed(world), 1);
  world.clung.clear();
  t.is(fewestServed(world), 1);
  t.is(world.running().length, 2, 'one of the new and one of the old');
});

test('room that one stop-first update makes for its own is no room for another one', t => {
  const world = new ModelWorld({ a: machine(3) });
  apply(world, aService('one', 1, stopFirst), aService('two', 1, stopFirst));
  world.settle();
  apply(world, aService('one', 2, stopFirst), aService('two', 2, stopFirst));
  t.is(fewestServed(world), 1);
  t.is(world.running().length, 2, 'one of the new and one of the old');
});

test('of old replicas that would make the same room the least worthy leaves: the youngest', t => {
  const world = new ModelWorld({ a: machine(4) });
  const replicas = { min: 1, max: 2, initial: 1 };
  apply(world, aService('svc', 2, { replicas }));
  world.settle();
  const [elder] = world.running();
  world.advance(1_000);
  world.commit(scaleService(world.state, { namespace: 'ns', name: 'svc' }, 2, world.now).changes);
  world.settle();
  apply(world, aService('svc', 2, { replicas, image: 'image:2' }));
  for (let i = 0; i < 40 && world.running().length === 2; i += 1) world.step();
  t.deepEqual(
    world.running().map(c => c.id),
    [elder!.id],
  );
});

test('nobody is moved stop-first into what the more important wait for, though the less important came first', t => {
  const world = new ModelWorld({ a: machine(1), b: machine(2) });
  world.drain('b');
  apply(world, aService('moving', 1, stopFirst));
  world.settle();
  apply(world, aService('early', 1));
  world.settle();
  world.advance(1_000);
  apply(world, aService('high', 2, { priority: 10 }));
  world.settle();
  world.drain('b', null);
  world.drain('a');
  world.settle();
  t.deepEqual([nodesOf(world, 'moving'), nodesOf(world, 'high'), nodesOf(world, 'early')], [['a'], ['b'], []]);
});

test('what still starts on a drained node is moved like what serves there', t => {
  const world = new ModelWorld({ a: machine(1), b: machine(1) });
  world.drain('b');
  world.loading.add('image:1');
  apply(world, aService('svc', 1));
  world.settle();
  t.deepEqual(nodesOf(world, 'svc'), ['a']);
  world.drain('b', null);
  world.drain('a');
  world.settle();
  t.deepEqual(nodesOf(world, 'svc'), ['b'], 'it need not get ready first');
});
