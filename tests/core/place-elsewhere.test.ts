import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { pullAction } from '../../control-plane/core/actions.ts';
import type { Troubles } from '../../control-plane/core/contain-trouble.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { imageKey } from '../../control-plane/core/observed.ts';
import { placementOf, type Replica } from '../../control-plane/core/replica.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { placeElsewhere } from '../../control-plane/core/waiting/place-elsewhere.ts';
import { World } from '../../control-plane/core/world.ts';
import { lackInWords } from '../../control-plane/views/lack-in-words.ts';
import { pendingInWords } from '../../control-plane/views/pending-in-words.ts';
import { ModelWorld, turnsIn } from './model-world.ts';
import { aNode, aReplica, phaseOf, seen } from './replicas.ts';
import { apply, aSpec, exactly } from './specs.ts';

const GIB = 2 ** 30;
const built = (given: Partial<ServiceSpecInput> = {}) => aSpec({ image: 'built:1', pullPolicy: 'never', ...given });
const plain = { cpus: 8, memoryBytes: 2 ** 34, devices: [] };
const replicas = (world: ModelWorld): Replica[] => [...world.state.replicas.values()];
const places = (world: ModelWorld) => world.running().map(c => [c.node, ...(c.devices ?? [])].join(' '));
const pullsOn = (world: ModelWorld) => world.history.flatMap(a => (a.kind === 'pull' ? [a.node] : []));

// ---- images that are never pulled

test('a node that does not have an image that is never pulled is a wrong place, and another is tried', t => {
  const world = new ModelWorld({ a: plain, b: plain, c: plain });
  world.missing.add('a built:1').add('b built:1');
  apply(world, built());
  world.settle();
  t.deepEqual(places(world), ['c']);
  t.is(replicas(world)[0]!.failures, 0, 'no fault of its own');
  t.deepEqual(pullsOn(world).slice(0, 3), ['a', 'b', 'c']);
});

test('what a node is said to have and has not leads elsewhere, too', t => {
  const world = new ModelWorld({ a: plain, b: plain });
  world.listed.set('a', ['built:1']);
  world.missing.add('a built:1');
  apply(world, built({ replicas: exactly(2) }));
  world.settle();
  t.deepEqual(places(world), ['b', 'b']);
});

test('an image that no node has is a failure that says where it was looked for', t => {
  const world = new ModelWorld({ a: plain, b: plain });
  world.missing.add('a built:1').add('b built:1');
  apply(world, built({ restart: { startAttempts: 1, maxAttempts: 0 } }));
  world.settle();
  t.like(replicas(world)[0]!.phase, {
    kind: 'failed',
    cause: { kind: 'image', message: 'on node b: no such image; no other node has it' },
  });
});

test('a node that is silent or drained may have the image: one waits, and fails no more than it must', t => {
  const world = new ModelWorld({ a: plain, b: plain, c: { ...plain, labels: { zone: 'c' } } });
  world.missing.add('a built:1');
  world.silent.add('b');
  world.drain('c');
  world.list();
  apply(world, built({ restart: { startAttempts: 1, maxAttempts: 0 } }));
  world.settle();
  const [waiting] = replicas(world);
  t.is(waiting!.phase.kind, 'pending');
  world.drain('c', null);
  world.settle();
  t.deepEqual(places(world), ['c']);
});

test('a node that does not suit is none that may have the image', t => {
  const world = new ModelWorld({ a: { ...plain, labels: { zone: 'a' } }, b: plain });
  world.missing.add('a built:1');
  const restart = { startAttempts: 1, maxAttempts: 0 };
  apply(world, built({ restart, placement: { constraints: ['node.labels.zone==a'] } }));
  world.settle();
  t.like(replicas(world)[0]!.phase, {
    kind: 'failed',
    cause: { message: 'on node a: no such image; no other node has it' },
  });
});

test('where the node that has it is full, one waits for room there', t => {
  const world = new ModelWorld({ a: plain, b: plain });
  world.missing.add('a built:1');
  world.listed.set('b', ['built:1']);
  apply(world, built({ name: 'first', resources: { cpus: 6 } }));
  world.settle();
  apply(world, built({ name: 'second', resources: { cpus: 6 } }));
  world.settle();
  const second = replicas(world).find(r => r.service === 'ns/second')!;
  const reasons = second.phase.kind === 'pending' ? second.phase.reasons.map(r => pendingInWords(r, lackInWords)) : [];
  t.regex(reasons.find(r => r.startsWith('a: '))!, /the image built:1/);
  t.regex(reasons.find(r => r.startsWith('b: '))!, /needs 6 CPUs/);
});

test('a node that lists the image later has it, whatever was found before', t => {
  const world = new ModelWorld({ a: plain, b: plain });
  world.missing.add('a built:1');
  apply(world, built({ resources: { cpus: 6 } }));
  world.settle();
  t.deepEqual(places(world), ['b']);
  world.missing.clear();
  world.listed.set('a', ['built:1']);
  world.listed.set('b', ['built:1']);
  world.advance(6_000);
  apply(world, built({ name: 'next', resources: { cpus: 6 } }));
  world.settle();
  t.deepEqual(places(world).sort(), ['a', 'b']);
});

test('a failed pull says on which node, and which others have the image', t => {
  const world = new ModelWorld({ a: plain, b: { ...plain, labels: { zone: 'b' } }, c: plain });
  world.listed.set('a', ['pulled:1']);
  world.listed.set('c', ['pulled:1']);
  world.missing.add('pulled:1');
  const restart = { startAttempts: 1, maxAttempts: 0 };
  apply(world, aSpec({ image: 'pulled:1', restart, placement: { constraints: ['node.labels.zone==b'] } }));
  world.settle();
  t.like(replicas(world)[0]!.phase, { cause: { message: 'on node b: no such image; a, c have it' } });
});

test('a node that is refused the pull of an image that another one has is a wrong place, and no failure', t => {
  const world = new ModelWorld({ a: plain, b: plain, c: plain });
  world.listed.set('c', ['app:1']);
  world.missing.add('a app:1').add('b app:1');
  apply(world, aSpec({ image: 'app:1', replicas: exactly(3), restart: { startAttempts: 1, maxAttempts: 0 } }));
  world.settle();
  t.deepEqual(places(world), ['c', 'c', 'c']);
  t.true(replicas(world).every(r => r.failures === 0));
  t.true(pullsOn(world).includes('a') || pullsOn(world).includes('b'), 'it was tried');
});

test('an update goes by the nodes that have the image as well, and is not rolled back for those that have not', t => {
  const world = new ModelWorld({ a: plain, b: plain });
  world.listed.set('b', ['app:1']);
  world.missing.add('a app:1');
  const given = { image: 'app:1', replicas: exactly(2), restart: { startAttempts: 1, maxAttempts: 0 } };
  apply(world, aSpec(given));
  world.settle();
  apply(world, aSpec({ ...given, environment: { LEVEL: '2' } }));
  world.settle();
  t.deepEqual(places(world), ['b', 'b']);
  t.deepEqual(
    [...world.state.services.values()].map(s => [s.generation, s.rollout.kind]),
    [[2, 'settled']],
  );
});

test('where the nodes that have the image are full, what was refused elsewhere waits and says who has it', t => {
  const world = new ModelWorld({ a: plain, b: plain });
  world.listed.set('b', ['app:1']);
  world.missing.add('a app:1');
  apply(world, aSpec({ image: 'app:1', replicas: exactly(2), resources: { cpus: 6 } }));
  world.settle();
  t.deepEqual(places(world), ['b']);
  const phase = replicas(world).find(r => r.phase.kind === 'pending')!.phase;
  const reasons = phase.kind === 'pending' ? phase.reasons.map(r => pendingInWords(r, lackInWords)) : [];
  t.deepEqual(reasons, ['b: needs 6 CPUs, fewer are free', 'a: the image app:1 is not there']);
});

test('a refused pull is tried again after a while, as a registry may have the image by then', t => {
  const world = new ModelWorld({ a: plain, b: plain });
  world.listed.set('b', ['app:1']);
  world.missing.add('a app:1');
  apply(world, aSpec({ image: 'app:1', replicas: exactly(2), resources: { cpus: 6 } }));
  world.settle();
  t.deepEqual(places(world), ['b']);
  const tries = () => pullsOn(world).filter(node => node === 'a').length;
  const before = tries();
  world.advance(60_000);
  world.settle();
  t.is(tries(), before, 'not so soon');
  world.missing.clear();
  world.advance(5 * 60_000);
  world.settle();
  t.deepEqual(places(world).sort(), ['a', 'b']);
});

test('a pull that is refused is tried again where no node has the image, and fails in the end', t => {
  const world = new ModelWorld({ a: plain, b: plain });
  world.missing.add('app:1');
  apply(world, aSpec({ image: 'app:1', restart: { startAttempts: 1, maxAttempts: 0 } }));
  world.settle();
  t.like(replicas(world)[0]!.phase, { kind: 'failed', cause: { kind: 'image' } });
});

test('only a refusal of the present pull leads elsewhere, and none where each start pulls anew', t => {
  const after = (failedAt: number, pullPolicy: 'missing' | 'always') => {
    const spec = aSpec({ pullPolicy });
    const replica = aReplica(phaseOf('pulling', 100));
    const generations = [{ service: 'ns/svc' as const, generation: 1, spec }];
    const state = DesiredState.from({ services: [], replicas: [replica], nodes: [], generations });
    const refused = { kind: 'failed', code: 'image_unavailable', message: 'no such image', at: failedAt } as const;
    const images = { [imageKey(pullAction('local', spec))]: refused };
    const other = aNode({ name: 'other', images: new Set(['image:1']) });
    const observed = seen({ nodes: [aNode(), other], images });
    const world = new World(state, observed, { now: 500, policy: DEFAULT_NODE_POLICY });
    placeElsewhere(world);
    return world.replicas.get(replica.id)!.phase.kind;
  };
  t.is(after(100, 'missing'), 'pending');
  t.is(after(99, 'missing'), 'pulling', 'it is asked for again');
  t.is(after(100, 'always'), 'pulling', 'a node that has it would not do either');
});

// ---- devices that others use

const gpu = (index: number) => ({ id: `nvidia.com/gpu=${index}`, driver: 'cdi' as const, memoryBytes: 80 * GIB });
const withGpus = { cpus: 64, memoryBytes: 2 ** 40, devices: [gpu(0), gpu(1)] };
const sharing = (name: string, gib: number, given: Partial<ServiceSpecInput> = {}) =>
  aSpec({
    name,
    image: `${name}:1`,
    resources: { gpu: { memoryBytes: gib * GIB, exclusive: false } },
    ...given,
  });

function measuredWorld(usedGib: Record<string, number>, nodes: ConstructorParameters<typeof ModelWorld>[0]) {
  const world = new ModelWorld(nodes);
  for (const [key, gib] of Object.entries(usedGib)) world.foreignBytes.set(key, gib * GIB);
  return world;
}

test('a shared device that others use up is left for one that is measured free', t => {
  const world = measuredWorld({ 'a nvidia.com/gpu=0': 70, 'a nvidia.com/gpu=1': 0 }, { a: withGpus });
  apply(world, sharing('one', 30));
  world.settle();
  t.deepEqual(places(world), ['a nvidia.com/gpu=1']);
  t.is(replicas(world)[0]!.failures, 0);
});

test('what nothing can be done for keeps nobody on a device that others use up', t => {
  const placement = { node: 'local', devices: ['nvidia.com/gpu=0'] };
  const specs = [sharing('bad', 5, { priority: 1 }), sharing('crowded', 30)];
  const replicas = specs.map(({ name }) =>
    aReplica(phaseOf('creating', 100, { placement }), { id: name, service: `ns/${name}` }),
  );
  const generations = specs.map(spec => ({ service: `ns/${spec.name}` as const, generation: 1, spec }));
  const state = DesiredState.from({ services: [], replicas, nodes: [], generations });
  const measured = (usedGib: number) => ({ at: 200, usedBytes: usedGib * GIB, freeBytes: (80 - usedGib) * GIB });
  const devices = [
    { ...gpu(0), measured: measured(70) },
    { ...gpu(1), measured: measured(0) },
  ];
  const after = (alone: Troubles) => {
    const observed = seen({ nodes: [aNode({ devices })] });
    const world = new World(state, observed, { now: 500, policy: DEFAULT_NODE_POLICY, alone });
    placeElsewhere(world);
    return placementOf(world.replicas.get('crowded')!)?.devices.join();
  };
  t.is(after(new Map()), 'nvidia.com/gpu=0', 'another one starts there first');
  t.is(after(new Map([['ns/bad', 'a defect']])), 'nvidia.com/gpu=1');
});

test('another node does as well', t => {
  const world = measuredWorld(
    { 'a nvidia.com/gpu=0': 70, 'b nvidia.com/gpu=0': 45 },
    { a: { ...withGpus, devices: [gpu(0)] }, b: { ...withGpus, devices: [gpu(0)] } },
  );
  apply(world, sharing('one', 30));
  world.settle();
  t.deepEqual(places(world), ['b nvidia.com/gpu=0']);
});

test('where every device is full it waits on one, says what is measured, and moves once another has room', t => {
  const world = measuredWorld({ 'a nvidia.com/gpu=0': 70, 'a nvidia.com/gpu=1': 60 }, { a: withGpus });
  apply(world, sharing('one', 30));
  world.settle();
  const [replica] = replicas(world);
  t.is(replica!.phase.kind, 'creating');
  const reason = turnsIn(world).waiting.get(replica!.id);
  t.like(reason, { kind: 'measured_memory', declaredBytes: 30 * GIB });
  t.true(reason?.kind === 'measured_memory' && reason.freeBytes <= 20 * GIB);
  const before = world.history.length;
  world.foreignBytes.set('a nvidia.com/gpu=0', 0);
  world.foreignBytes.set('a nvidia.com/gpu=1', 60);
  world.advance(6_000);
  world.settle();
  t.deepEqual(places(world), ['a nvidia.com/gpu=0']);
  t.true(world.history.length - before < 12, 'it does not go to and fro');
});

test('two that are crowded out do not meet on what has room for one', t => {
  const used = { 'a nvidia.com/gpu=0': 70, 'a nvidia.com/gpu=1': 70, 'a nvidia.com/gpu=2': 40 };
  const world = measuredWorld(used, { a: { ...withGpus, devices: [gpu(0), gpu(1), gpu(2)] } });
  apply(world, sharing('one', 30), sharing('two', 30));
  world.settle();
  t.deepEqual(places(world), ['a nvidia.com/gpu=2']);
});

test('what is given back where another one waits for more is no room for who is crowded out elsewhere', t => {
  const world = measuredWorld({ 'a nvidia.com/gpu=0': 70, 'a nvidia.com/gpu=1': 80 }, { a: withGpus });
  apply(world, sharing('crowded', 30));
  world.settle();
  const gpu1 = { memoryBytes: 60 * GIB, exclusive: false, deviceIds: ['1'] };
  apply(world, sharing('waits', 60, { resources: { gpu: gpu1 } }));
  world.settle();
  const given = () => replicas(world).map(r => placementOf(r)?.devices.join());
  t.deepEqual(given(), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  world.foreignBytes.set('a nvidia.com/gpu=1', 40 * GIB);
  world.advance(70_000);
  world.settle();
  t.deepEqual(given(), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  t.is(world.running().length, 0);
  world.foreignBytes.set('a nvidia.com/gpu=1', 10 * GIB);
  world.advance(70_000);
  world.settle();
  t.deepEqual(places(world), ['a nvidia.com/gpu=1']);
});
