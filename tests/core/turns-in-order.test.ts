import test from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { turnInWords } from '../../control-plane/views/turn-in-words.ts';
import { ModelWorld, turnsIn } from './model-world.ts';
import { apply, aSpec } from './specs.ts';

const GIB = 2 ** 30;

/** A service that shares devices, so many of them or those of such numbers. */
function sharing(name: string, gib: number, on: number | readonly string[], given: Partial<ServiceSpecInput> = {}) {
  const which = typeof on === 'number' ? { count: on } : { deviceIds: [...on] };
  const gpu = { memoryBytes: gib * GIB, exclusive: false, ...which };
  return aSpec({ name, image: `${name}:1`, resources: { gpu }, ...given });
}

/** A node with so many devices of 80 GiB, where these services never get ready until they are let. */
function aWorld(devices: number, ...loading: readonly string[]) {
  const gpus = Array.from({ length: devices }, (_, i) => ({
    id: `nvidia.com/gpu=${i}`,
    driver: 'cdi' as const,
    memoryBytes: 80 * GIB,
  }));
  const world = new ModelWorld({ a: { cpus: 64, memoryBytes: 2 ** 40, devices: gpus } });
  for (const name of loading) world.loading.add(`${name}:1`);
  return world;
}

/** One after the other, so that each waits since after the one before it. */
function comeOneByOne(world: ModelWorld, ...specs: readonly ReturnType<typeof aSpec>[]) {
  for (const spec of specs) {
    apply(world, spec);
    world.settle();
  }
}

const of = (world: ModelWorld, name: string) =>
  [...world.state.replicas.values()].find(r => r.service === `ns/${name}`)!;
const phases = (world: ModelWorld, ...names: string[]) => names.map(n => of(world, n).phase.kind);

function isLetReady(world: ModelWorld, name: string) {
  world.loading.delete(`${name}:1`);
  world.settle();
}

test('one that waits for a device has those behind it wait on its other devices, and starts before them', t => {
  const world = aWorld(2, 'slow', 'wide', 'late');
  comeOneByOne(world, sharing('slow', 20, ['0']), sharing('wide', 20, 2), sharing('late', 20, ['1']));
  t.deepEqual(phases(world, 'slow', 'wide', 'late'), ['starting', 'creating', 'creating']);
  const { waiting } = turnsIn(world);
  const told = (name: string) => turnInWords(waiting.get(of(world, name).id)!);
  t.regex(told('wide'), /on a\/nvidia.com\/gpu=0: ns\/slow replica \w+ starts there$/);
  t.regex(told('late'), /on a\/nvidia.com\/gpu=1: ns\/wide replica \w+ is next to start there$/);
  isLetReady(world, 'slow');
  t.deepEqual(phases(world, 'wide', 'late'), ['starting', 'creating']);
  isLetReady(world, 'wide');
  t.deepEqual(phases(world, 'wide', 'late'), ['ready', 'starting']);
});

test('starts that follow each other on either device do not pass one that needs both', t => {
  const names = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5'];
  const world = aWorld(2, ...names, 'wide');
  const single = (i: number) => sharing(names[i]!, 5, [String(i % 2)]);
  comeOneByOne(world, single(0), single(1), sharing('wide', 5, 2), ...[2, 3, 4, 5].map(single));
  isLetReady(world, 'n0');
  t.deepEqual(phases(world, 'n1', 'wide', 'n2'), ['starting', 'creating', 'creating']);
  isLetReady(world, 'n1');
  t.is(world.running().length, 3);
  t.deepEqual(phases(world, 'wide'), ['starting']);
  for (const name of ['wide', ...names]) isLetReady(world, name);
  t.is(world.running().length, 7);
});

test('the more important goes before one that waits for several devices, and who needs none of them waits for nobody', t => {
  const world = aWorld(3, 'slow', 'wide', 'urgent', 'aside');
  const urgent = sharing('urgent', 20, ['1'], { priority: 5 });
  comeOneByOne(world, sharing('slow', 20, ['0']), sharing('wide', 20, ['0', '1']), urgent);
  comeOneByOne(world, sharing('aside', 20, ['2']));
  t.deepEqual(phases(world, 'slow', 'wide', 'urgent', 'aside'), ['starting', 'creating', 'starting', 'starting']);
});

test('one that has too little memory on one of its devices keeps nobody from the others while somebody starts there', t => {
  const world = aWorld(2, 'slow', 'late');
  for (const index of [0, 1]) world.foreignBytes.set(`a nvidia.com/gpu=${index}`, index === 0 ? 70 * GIB : 0);
  comeOneByOne(world, sharing('wide', 20, 2), sharing('slow', 5, ['0']));
  t.deepEqual(phases(world, 'wide', 'slow'), ['creating', 'starting']);
  comeOneByOne(world, sharing('late', 5, ['1']));
  t.deepEqual(phases(world, 'wide', 'late'), ['creating', 'starting']);
});

test('what failed twice in a row goes behind all others, and among its like by how long it waits, whoever is important', t => {
  const world = aWorld(1, 'holder', 'vital', 'again', 'plain');
  const specs = [sharing('again', 5, 1), sharing('vital', 5, 1, { priority: 9 }), sharing('plain', 5, 1)];
  comeOneByOne(world, sharing('holder', 5, 1), ...specs);
  for (const name of ['vital', 'again'])
    world.commit([{ kind: 'put_replica', replica: { ...of(world, name), failures: 2 } }]);
  const order = ['holder', 'plain', 'again', 'vital'];
  for (const [i, name] of order.entries()) {
    const waiting = order.slice(i + 1).map(() => 'creating');
    t.deepEqual(phases(world, ...order.slice(i)), ['starting', ...waiting], name);
    isLetReady(world, name);
  }
});

test('what failed once keeps its place in the row', t => {
  const world = aWorld(1, 'holder', 'vital', 'plain');
  comeOneByOne(world, sharing('holder', 5, 1), sharing('plain', 5, 1), sharing('vital', 5, 1, { priority: 9 }));
  world.commit([{ kind: 'put_replica', replica: { ...of(world, 'vital'), failures: 1 } }]);
  isLetReady(world, 'holder');
  t.deepEqual(phases(world, 'vital', 'plain'), ['starting', 'creating']);
});

test('one that failed often and waits for a device keeps its like from its others, and nobody else', t => {
  const world = aWorld(2, 'slow', 'holder', 'wide', 'like', 'fresh');
  comeOneByOne(world, sharing('slow', 5, ['0']), sharing('holder', 5, ['1']), sharing('wide', 5, 2));
  comeOneByOne(world, sharing('like', 5, ['1'], { priority: 9 }), sharing('fresh', 5, ['1']));
  for (const name of ['wide', 'like'])
    world.commit([{ kind: 'put_replica', replica: { ...of(world, name), failures: 3 } }]);
  isLetReady(world, 'holder');
  t.deepEqual(phases(world, 'wide', 'like', 'fresh'), ['creating', 'creating', 'starting']);
  isLetReady(world, 'fresh');
  t.deepEqual(phases(world, 'wide', 'like'), ['creating', 'creating']);
  isLetReady(world, 'slow');
  t.deepEqual(phases(world, 'wide', 'like'), ['starting', 'creating']);
  isLetReady(world, 'wide');
  t.deepEqual(phases(world, 'like'), ['starting']);
});
