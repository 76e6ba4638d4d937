import test from 'ava';
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
