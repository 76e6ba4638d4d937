import test from 'ava';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { ModelWorld } from './model-world.ts';
import { CAUSE } from './replicas.ts';
import { apply, aSpec } from './specs.ts';

const gpu = (index: number) => ({ id: `nvidia.com/gpu=${index}`, driver: 'cdi' as const });
const machine = (count: number) => ({
  cpus: 64,
  memoryBytes: 2 ** 40,
  devices: Array.from({ length: count }, (_, i) => gpu(i)),
});

function low(name: string, given: Partial<ServiceSpecInput> = {}) {
  return aSpec({
    name,
    image: `${name}:1`,
    resources: { gpu: { count: 1 } },
    replicas: { min: 0, max: 1, initial: 1 },
    ...given,
  });
}
const high = (count: number, given: Partial<ServiceSpecInput> = {}) =>
  aSpec({ name: 'high', image: 'high:1', resources: { gpu: { count } }, priority: 10, ...given });

const serving = (world: ModelWorld) =>
  [...world.state.replicas.values()]
    .filter(r => r.phase.kind === 'ready')
    .map(r => r.service)
    .sort();
const reasons = (world: ModelWorld, name: string) =>
  [...world.state.replicas.values()].flatMap(r =>
    r.service === `ns/${name}` && r.phase.kind === 'pending' ? [...r.phase.reasons] : [],
  );
const drained = (world: ModelWorld) => world.history.filter(a => a.kind === 'stop').length;

/** What replicas say of their load, at every moment. */
function sayingNow(world: ModelWorld, load: { inFlight: number; idleSince?: number | null }) {
  return {
    ...load,
    get at() {
      return world.now;
    },
  };
}

/** One GPU that `low` has, and a report of its load. */
function busy(load: { inFlight: number; idleSince?: number | null } | null): ModelWorld {
  const world = new ModelWorld({ a: machine(1) });
  apply(world, low('low'));
  world.settle();
  if (load) world.load = sayingNow(world, load);
  return world;
}

test('one of higher priority takes the place of an idle one, which waits and comes back once there is room', t => {
  const world = busy({ inFlight: 0, idleSince: 0 });
  apply(world, high(1));
  world.settle();
  t.deepEqual(serving(world), ['ns/high']);
  t.true(reasons(world, 'low').length > 0, 'it waits for room');
  world.setNode('a', machine(2));
  world.list();
  world.settle();
  t.deepEqual(serving(world), ['ns/high', 'ns/low']);
});

test('nobody makes room who works, worked just now, or does not say', t => {
  for (const load of [{ inFlight: 1, idleSince: null }, { inFlight: 0, idleSince: null }, { inFlight: 0 }, null]) {
    const world = busy(load);
    apply(world, high(1));
    world.settle();
    t.deepEqual(serving(world), ['ns/low'], JSON.stringify(load));
    t.is(drained(world), 0);
  }
});

test('idle is who has been so for its idle timeout, and then room is made without anything else happening', t => {
  const world = new ModelWorld({ a: machine(1) });
  apply(world, low('low', { idleTimeoutMs: 90_000 }));
  world.settle();
  world.load = sayingNow(world, { inFlight: 0, idleSince: world.now });
  apply(world, high(1));
  world.settle();
  t.deepEqual(serving(world), ['ns/low']);
  t.true((world.step().wakeAt ?? Number.POSITIVE_INFINITY) <= world.now + 5_000, 'load is not announced');
  world.advance(60_000);
  world.settle();
  t.deepEqual(serving(world), ['ns/low']);
  world.advance(31_000);
  world.settle();
  t.deepEqual(serving(world), ['ns/high']);
});

test('a service that says no idle timeout is idle after half a minute', t => {
  const world = busy(null);
  world.load = sayingNow(world, { inFlight: 0, idleSince: world.now });
  apply(world, high(1));
  world.advance(29_000);
  world.settle();
  t.deepEqual(serving(world), ['ns/low']);
  world.advance(1_000);
  world.settle();
  t.deepEqual(serving(world), ['ns/high']);
});

test('nobody makes room for one that is not more important, nor who has to have one', t => {
  for (const [given, other] of [
    [{ priority: 10 }, {}],
    [{ priority: 11 }, {}],
    [{ replicas: { min: 1, max: 1, initial: 1 } }, {}],
  ] as [Partial<ServiceSpecInput>, Partial<ServiceSpecInput>][]) {
    const world = new ModelWorld({ a: machine(1) });
    apply(world, low('low', given));
    world.settle();
    world.load = sayingNow(world, { inFlight: 0, idleSince: 0 });
    apply(world, high(1, other));
    world.settle();
    t.deepEqual(serving(world), ['ns/low'], JSON.stringify(given));
  }
});

test('no more leave than have to, and the least important of them', t => {
  const world = new ModelWorld({ a: machine(3) });
  apply(world, low('one', { priority: 1 }), low('two', { priority: 2 }), low('three', { priority: 3 }));
  world.settle();
  world.load = sayingNow(world, { inFlight: 0, idleSince: 0 });
  apply(world, high(1));
  world.settle();
  t.deepEqual(serving(world), ['ns/high', 'ns/three', 'ns/two']);
});

test('room that is made is kept: nobody less important slips in between', t => {
  const world = new ModelWorld({ a: machine(2) });
  apply(world, low('one'), low('two'));
  world.settle();
  world.load = sayingNow(world, { inFlight: 0, idleSince: 0 });
  // One of them leaves at once, the other one has a client that does not let go for a while.
  const [slow] = [...world.state.replicas.values()].filter(r => r.service === 'ns/two');
  world.clung.add(slow!.id);
  apply(world, high(2));
  world.settle();
  t.deepEqual(serving(world), []);
  t.deepEqual(reasons(world, 'high')[0], { kind: 'room_made' });
  t.is(world.running().length, 1);
  world.clung.clear();
  world.settle();
  t.deepEqual(serving(world), ['ns/high']);
});

test('nobody leaves where even that would not make room', t => {
  const world = busy({ inFlight: 0, idleSince: 0 });
  apply(world, high(2));
  world.settle();
  t.deepEqual(serving(world), ['ns/low']);
  t.is(drained(world), 0);
});

test('nobody gives way of a service whose update is paused: a person has to look at it first', t => {
  const world = busy({ inFlight: 0, idleSince: 0 });
  const service = world.state.services.get('ns/low')!;
  const rollout = { kind: 'paused', cause: CAUSE, previous: null } as const;
  world.commit([{ kind: 'put_service', service: { ...service, rollout } }]);
  apply(world, high(1));
  world.settle();
  t.deepEqual(serving(world), ['ns/low']);
  world.commit([{ kind: 'put_service', service: { ...service, rollout: { kind: 'settled' } } }]);
  world.settle();
  t.deepEqual(serving(world), ['ns/high']);
});

test('what runs on a silent node makes no room, and nobody looks again for its sake', t => {
  const world = busy({ inFlight: 0, idleSince: 0 });
  world.silent.add('a');
  world.list();
  apply(world, high(1));
  world.settle();
  t.deepEqual(serving(world), ['ns/low'], 'its own probe passes');
  t.false(reasons(world, 'high').some(r => r.kind === 'held_by_lower'));
  world.advance(3_600_000);
  t.is(world.step().wakeAt, null);
});

test('an idle one of the same priority stays where a busy one of lower priority has the room as well', t => {
  const world = new ModelWorld({ a: machine(2) });
  apply(world, low('lower'), low('equal', { priority: 10 }));
  world.settle();
  for (const { id, service } of world.running())
    world.loads.set(id, sayingNow(world, service === 'ns/lower' ? { inFlight: 1 } : { inFlight: 0, idleSince: 0 }));
  apply(world, high(1));
  world.settle();
  t.deepEqual(serving(world), ['ns/equal', 'ns/lower']);
  t.like(reasons(world, 'high')[0], { kind: 'held_by_lower', services: ['ns/lower'], because: 'busy' });
});

test('what is to be started on a shared device is not counted as use of now: nobody leaves for room that is not there', t => {
  const GIB = 2 ** 30;
  const sharing = (name: string, gib: number, given: Partial<ServiceSpecInput> = {}) =>
    aSpec({ name, image: `${name}:1`, resources: { gpu: { memoryBytes: gib * GIB, exclusive: false } }, ...given });
  for (const [gib, expected] of [
    [50, ['ns/idle']],
    [40, ['ns/high']],
  ] as const) {
    const world = new ModelWorld({ a: { ...machine(1), devices: [{ ...gpu(0), memoryBytes: 80 * GIB }] } });
    world.foreignBytes.set('a nvidia.com/gpu=0', 0);
    apply(world, sharing('idle', 60, { replicas: { min: 0, max: 1, initial: 1 } }));
    world.settle();
    world.load = sayingNow(world, { inFlight: 0, idleSince: 0 });
    // Others use 20 GiB, for which the next one waits; once the idle one had left, 40 GiB would be free beside both.
    world.foreignBytes.set('a nvidia.com/gpu=0', 20 * GIB);
    apply(world, sharing('waits', 20));
    world.settle();
    t.deepEqual(serving(world), ['ns/idle']);
    apply(world, sharing('high', gib, { priority: 10 }));
    for (let i = 0; i < 40; i += 1) {
      world.step();
      world.advance(2_000);
    }
    t.deepEqual(
      serving(world).filter(s => s !== 'ns/waits'),
      expected,
      `${gib} GiB`,
    );
  }
});

test('who stays as the one that waits depends on it is told so, and told apart from who is busy', t => {
  const dependsOn = [{ service: 'low', condition: 'ready' as const }];
  const world = new ModelWorld({ a: machine(2) });
  apply(world, low('low'), low('other'));
  world.settle();
  const say = (name: string, load: { inFlight: number; idleSince?: number | null }) => {
    const replica = world.running().find(r => r.service === `ns/${name}`)!;
    world.loads.set(replica.id, sayingNow(world, load));
  };
  say('low', { inFlight: 0, idleSince: 0 });
  say('other', { inFlight: 1, idleSince: null });
  apply(world, high(1, { dependsOn }));
  world.settle();
  t.like(reasons(world, 'high')[0], { kind: 'held_by_lower', services: ['ns/other'], because: 'busy' });
  apply(world, high(2, { dependsOn }));
  world.settle();
  t.like(reasons(world, 'high'), [
    { kind: 'held_by_lower', services: ['ns/low'], because: 'needed' },
    { kind: 'held_by_lower', services: ['ns/other'], because: 'busy' },
  ]);
  t.deepEqual(serving(world), ['ns/low', 'ns/other']);
});
