import test from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec } from './specs.ts';

const gpu = (index: number) => ({ id: `nvidia.com/gpu=${index}`, driver: 'cdi' as const });
const machine = (count: number) => ({
  cpus: 64,
  memoryBytes: 2 ** 40,
  devices: Array.from({ length: count }, (_, i) => gpu(i)),
});

const service = (name: string, count: number, given: Partial<ServiceSpecInput> = {}) =>
  aSpec({ name, resources: { gpu: { count } }, update: { order: 'stop-first' }, ...given });
const low = (given: Partial<ServiceSpecInput> = {}) =>
  service('low', 1, { update: {}, replicas: { min: 0, max: 2, initial: 1 }, ...given });
const IMPORTANT = { priority: 5 };
const ON_B = { placement: { constraints: ['node.hostname == b'] } };

/** Where what runs is, by service. */
const places = (world: ModelWorld) =>
  world
    .running()
    .map(c => `${c.service.slice(3)} ${c.node}`)
    .sort();

/** Everybody who serves has been idle for ever. */
function allIdle(world: ModelWorld): void {
  world.load = {
    inFlight: 0,
    idleSince: 0,
    get at() {
      return world.now;
    },
  };
  world.advance(60_000);
}

/** These are on a, and `low` is on b. */
function apart([gpusOfA, gpusOfB]: [number, number], ...specs: ReturnType<typeof aSpec>[]): ModelWorld {
  const world = new ModelWorld({ a: machine(gpusOfA), b: machine(gpusOfB) });
  world.drain('b');
  apply(world, ...specs);
  world.settle();
  world.drain('b', null);
  return world;
}

test('one idle replica gives way for one that is moved, and not for two at the same time', t => {
  const world = apart([2, 1], service('one', 1, IMPORTANT), service('two', 1, IMPORTANT));
  apply(world, low());
  world.settle();
  allIdle(world);
  world.drain('a');
  for (const replica of world.state.replicas.values()) world.clung.add(replica.id);
  for (let i = 0; i < 10; i += 1) world.step();
  world.clung.clear();
  world.settle();
  t.deepEqual(places(world), ['one b', 'two a']);
});

test("what an idle one and a free device make up together is nobody else's in the same pass", t => {
  const world = apart([2, 2], service('one', 2, IMPORTANT));
  apply(world, low());
  world.settle();
  t.deepEqual(places(world), ['low b', 'one a']);
  allIdle(world);
  world.drain('a');
  apply(world, service('later', 1, { ...ON_B, priority: 1 }));
  world.settle();
  // What waits by itself for a free device has it: the idle one alone is too little.
  t.deepEqual(places(world), ['later b', 'low b', 'one a']);
});

test('a replica that waits, and is no less important, comes first', t => {
  const world = apart([1, 1], service('one', 1, IMPORTANT));
  apply(world, low());
  world.settle();
  apply(world, service('equal', 1, { ...IMPORTANT, ...ON_B }));
  world.settle();
  world.drain('a');
  allIdle(world);
  world.settle();
  t.deepEqual(places(world), ['equal b', 'one a']);
});

test('two idle ones give way where one is too little, and no more', t => {
  const world = apart([2, 3], service('one', 2, IMPORTANT));
  apply(world, low({ replicas: { min: 0, max: 3, initial: 3 } }));
  world.settle();
  allIdle(world);
  world.drain('a');
  world.settle();
  t.deepEqual(places(world), ['low b', 'one b']);
});
