import test from 'ava';
import { scaleService } from '../../control-plane/controller/commands.ts';
import { deviceUses } from '../../control-plane/core/nodes/device-use.ts';
import { type PhaseOf, placementOf, type Replica } from '../../control-plane/core/replica.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { turnInWords } from '../../control-plane/views/turn-in-words.ts';
import { ModelWorld, turnsIn } from './model-world.ts';
import { apply, aSpec, exactly } from './specs.ts';

const GIB = 2 ** 30;
const gpu = (index: number, memoryBytes = 80 * GIB) => ({
  id: `nvidia.com/gpu=${index}`,
  driver: 'cdi' as const,
  memoryBytes,
});
const machine = (...devices: ReturnType<typeof gpu>[]) => ({ cpus: 64, memoryBytes: 2 ** 40, devices });

/** A service that shares a GPU, taking so much of it. */
function sharing(name: string, gib: number, given: Partial<ServiceSpecInput> = {}) {
  return aSpec({
    name,
    image: `${name}:1`,
    resources: { gpu: { memoryBytes: gib * GIB, exclusive: false } },
    ...given,
  });
}

const replicas = (world: ModelWorld) => [...world.state.replicas.values()];
const of = (world: ModelWorld, name: string): Replica => replicas(world).find(r => r.service === `ns/${name}`)!;
const phase = (world: ModelWorld, name: string) => of(world, name)?.phase.kind;
const waiting = (world: ModelWorld) => {
  const reasons = turnsIn(world).waiting;
  return new Map([...reasons].map(([id, reason]) => [id, turnInWords(reason)]));
};
/** The next passes, by the kinds of what is done in each. */
const passes = (world: ModelWorld, count: number) =>
  Array.from({ length: count }, () => world.step().actions.map(a => a.kind));
const ONE_IMAGE = { image: 'one:1' };
const kinds = (world: ModelWorld, kind: string) => world.history.filter(a => a.kind === kind);

// ---- turns

test('on a device that is shared one starts at a time, the next once it is ready', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  world.loading.add('one:1');
  apply(world, sharing('one', 20), sharing('two', 20), sharing('three', 20));
  world.settle();
  t.deepEqual(
    ['one', 'two', 'three'].map(n => phase(world, n)),
    ['starting', 'creating', 'creating'],
  );
  t.is(world.containers.size, 1);
  t.regex(
    waiting(world).get(of(world, 'two').id)!,
    /^waits for its turn on a\/nvidia.com\/gpu=0: ns\/one replica \w+ starts/,
  );
  t.regex(waiting(world).get(of(world, 'three').id)!, /waits for its turn/);
  world.loading.clear();
  world.loading.add('two:1');
  world.settle();
  t.deepEqual(
    ['one', 'two', 'three'].map(n => phase(world, n)),
    ['ready', 'starting', 'creating'],
  );
  world.loading.clear();
  world.settle();
  t.is(world.running().length, 3);
  t.is(waiting(world).size, 0);
});

test('several that have their devices to themselves start in one pass', t => {
  const world = new ModelWorld({ a: machine(gpu(0), gpu(1), gpu(2), gpu(3)) });
  world.loading.add('image:1');
  apply(world, aSpec({ replicas: exactly(4), resources: { gpu: { count: 1 } } }));
  world.settle();
  t.is(world.running().length, 4);
  const creates = world.history.flatMap((a, i) => (a.kind === 'create' ? [i] : []));
  t.is(creates.at(-1)! - creates[0]!, 3, 'one after the other, with nothing in between');
});

test('one that starts on a device keeps nobody waiting on another', t => {
  const world = new ModelWorld({ a: machine(gpu(0), gpu(1)) });
  for (const name of ['one', 'two']) world.loading.add(`${name}:1`);
  apply(world, sharing('one', 60), sharing('two', 60));
  world.settle();
  t.is(world.running().length, 2);
});

test('a stop waits for a start on its device, and a start for a stop', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  apply(world, sharing('one', 30, { replicas: exactly(1) }));
  world.settle();
  world.loading.add('two:1');
  apply(world, sharing('two', 30));
  world.settle();
  t.is(phase(world, 'two'), 'starting');
  apply(world, sharing('one', 30, { replicas: { min: 0, max: 0, initial: 0 } }));
  world.settle();
  t.is(phase(world, 'one'), 'stopping');
  t.is(kinds(world, 'stop').length, 0);
  t.regex(waiting(world).get(of(world, 'one').id)!, /ns\/two replica \w+ starts there/);
  world.loading.clear();
  world.settle();
  t.false(replicas(world).some(r => r.service === 'ns/one'));
  t.is(kinds(world, 'stop').length, 1);
});

test('a stop that waits for a start on one of its devices has its turn on the others before any start', t => {
  const world = new ModelWorld({ a: machine(gpu(0), gpu(1)) });
  const on = (index: number) => ({ memoryBytes: 20 * GIB, exclusive: false, deviceIds: [String(index)] });
  const wide = (count: number) =>
    sharing('wide', 20, {
      resources: { gpu: { memoryBytes: 20 * GIB, exclusive: false, count: 2 } },
      replicas: { min: 0, max: 1, initial: count },
    });
  apply(world, wide(1));
  world.settle();
  world.loading.add('loads:1');
  apply(world, sharing('loads', 20, { resources: { gpu: on(0) } }));
  world.settle();
  world.commit(scaleService(world.state, { namespace: 'ns', name: 'wide' }, 0, world.now).changes);
  apply(world, sharing('next', 20, { resources: { gpu: on(1) } }));
  world.settle();
  t.deepEqual([phase(world, 'wide'), phase(world, 'next')], ['stopping', 'creating']);
  t.regex(waiting(world).get(of(world, 'next').id)!, /ns\/wide replica \w+ stops there/);
  world.advance(11_000);
  world.settle();
  t.deepEqual([phase(world, 'wide'), phase(world, 'next')], [undefined, 'ready']);
});

test('of those that wait for a start the most important goes first, whoever came first', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  world.loading.add('one:1').add('two:1').add('three:1');
  apply(world, sharing('one', 20));
  world.settle();
  apply(world, sharing('two', 20));
  world.settle();
  apply(world, sharing('three', 20, { priority: 5 }));
  world.settle();
  world.loading.delete('one:1');
  world.settle();
  t.deepEqual([phase(world, 'two'), phase(world, 'three')], ['creating', 'starting']);
});

test('a start that fails gives its turn on', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  world.crashing.add('one:1');
  apply(world, sharing('one', 20), sharing('two', 20));
  world.settle();
  t.deepEqual([phase(world, 'one'), phase(world, 'two')], ['failed', 'ready']);
});

test('a stop that nobody was there to make goes before a start, however long ago it was decided', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  apply(world, sharing('one', 20));
  world.settle();
  const one = of(world, 'one');
  const afterwards = { kind: 'stopped', reason: 'scaled_down' } as const;
  const { placement, container } = one.phase as PhaseOf<'ready'>;
  const phase = { kind: 'stopping', since: world.now, placement, container, afterwards } as const;
  world.commit([{ kind: 'put_replica', replica: { ...one, phase } }]);
  apply(world, sharing('one', 20, { replicas: { min: 0, max: 0, initial: 0 } }), sharing('two', 20, ONE_IMAGE));
  world.advance(600_000);
  t.deepEqual(passes(world, 3), [['stop'], ['remove', 'create'], ['start']]);
});

test('what a silent node was told to stop ends before anything starts there, however long the silence was', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  apply(world, sharing('one', 20));
  world.settle();
  world.cutOff.add('a');
  world.list();
  apply(world, sharing('one', 20, { replicas: { min: 0, max: 0, initial: 0 } }));
  for (let i = 0; i < 60; i += 1) {
    world.step();
    world.advance(5_000);
  }
  t.true(kinds(world, 'stop').length > 10);
  world.cutOff.delete('a');
  apply(world, sharing('two', 20, ONE_IMAGE));
  world.advance(1_000);
  t.deepEqual(passes(world, 3), [['stop'], ['remove', 'create'], ['start']]);
});

test('a service for which nothing can be done keeps nobody waiting with what it has not begun', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  world.loading.add('first:1');
  for (const name of ['first', 'bad', 'good']) {
    apply(world, sharing(name, 10));
    world.settle();
  }
  const service = world.state.services.get('ns/bad')!;
  const spec = { ...service.spec };
  Object.defineProperty(spec, 'update', {
    get() {
      throw new TypeError('a defect');
    },
  });
  world.commit([{ kind: 'put_service', service: { ...service, spec } }]);
  world.loading.clear();
  for (let i = 0; i < 5; i += 1) t.deepEqual([...world.step().troubles], [['ns/bad', 'a defect']]);
  t.deepEqual(
    ['first', 'bad', 'good'].map(n => phase(world, n)),
    ['ready', 'creating', 'ready'],
  );
});

// ---- measured memory

test('before a start on a device that is measured, its free memory is read anew, and has to suffice', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  const key = 'a nvidia.com/gpu=0';
  world.foreignBytes.set(key, 0);
  apply(world, sharing('one', 30));
  world.settle();
  t.is(phase(world, 'one'), 'ready');
  t.true(kinds(world, 'measure').length > 0);
  const order = world.history.map(a => a.kind).filter(k => k === 'measure' || k === 'create');
  t.deepEqual(order.slice(0, 2), ['measure', 'create']);

  world.foreignBytes.set(key, 30 * GIB);
  apply(world, sharing('two', 30));
  world.settle();
  t.is(phase(world, 'two'), 'creating');
  t.is(
    waiting(world).get(of(world, 'two').id),
    'waits for memory of a/nvidia.com/gpu=0: 30 GiB are declared, 20 GiB are measured free, 30 GiB are in use there that nobody declares',
  );
  const { wakeAt } = world.step();
  t.true(wakeAt !== null && wakeAt > world.now - 10 && wakeAt <= world.now + 5_000, 'it is measured again by and by');
  world.foreignBytes.set(key, 0);
  world.advance(6_000);
  world.settle();
  t.is(phase(world, 'two'), 'ready');
});

test('memory is measured after the last change on the device, not before', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  world.foreignBytes.set('a nvidia.com/gpu=0', 0);
  world.loading.add('one:1');
  apply(world, sharing('one', 30), sharing('two', 30));
  world.settle();
  const before = kinds(world, 'measure').length;
  world.loading.clear();
  world.settle();
  t.is(phase(world, 'two'), 'ready');
  t.is(kinds(world, 'measure').length, before + 1);
});

test('where a measurement was asked for and does not come, what is declared has to do', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  world.foreignBytes.set('a nvidia.com/gpu=0', 0);
  const { observed } = world;
  // The driver hangs: it was asked, and the reading stays as old as it was.
  world.observed = () => {
    const seen = observed.call(world);
    const nodes = [...seen.nodes].map(([name, node]) => {
      const devices = node.devices.map(d => ({ ...d, measured: { at: 1, usedBytes: 79 * GIB, freeBytes: GIB } }));
      return [name, { ...node, devices }] as const;
    });
    return { ...seen, nodes: new Map(nodes) };
  };
  apply(world, sharing('one', 30));
  world.settle();
  t.is(phase(world, 'one'), 'ready');
  t.is(kinds(world, 'measure').length, 1);
});

test('on a node that did not answer the last time nothing starts before it was heard, and has memory by that', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  const key = 'a nvidia.com/gpu=0';
  world.foreignBytes.set(key, 70 * GIB);
  apply(world, sharing('one', 30));
  while (phase(world, 'one') !== 'creating') world.step();
  world.cutOff.add('a');
  world.list();
  for (let i = 0; i < 5; i += 1) world.step();
  t.is(phase(world, 'one'), 'creating');
  t.is(kinds(world, 'create').length, 0);
  t.is(waiting(world).get(of(world, 'one').id), 'the free memory of a/nvidia.com/gpu=0 is measured before it starts');
  world.cutOff.delete('a');
  world.settle();
  t.is(kinds(world, 'create').length, 0);
  t.regex(waiting(world).get(of(world, 'one').id)!, /30 GiB are declared, 10 GiB are measured free/);
  world.foreignBytes.set(key, 0);
  world.advance(6_000);
  world.settle();
  t.is(phase(world, 'one'), 'ready');
});

// ---- measured use

test('use that is far from what is declared is told once all that share the device serve for a while', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  const key = 'a nvidia.com/gpu=0';
  const use = (usedGib: number, at = world.now) => {
    const seen = world.observed();
    const node = seen.nodes.get('a')!;
    const measured = { at, usedBytes: usedGib * GIB, freeBytes: 0 };
    const nodes = new Map([['a', { ...node, devices: node.devices.map(d => ({ ...d, measured })) }]]);
    return deviceUses(world.state, { ...seen, nodes }, world.now).get(key);
  };
  apply(world, sharing('one', 20), sharing('two', 20));
  world.settle();
  t.is(use(70), undefined, 'they have just become ready');
  world.advance(61_000);
  world.settle();
  t.is(use(70, world.now - 10_000), undefined, 'that was measured while they might still load');
  t.is(use(50)?.verdict, 'as_declared', 'a quarter more, and what a driver takes, is no news');
  t.like(use(51), { node: 'a', device: 'nvidia.com/gpu=0', verdict: 'overused' });
  t.regex(use(51)!.message, /51 GiB are in use, 40 GiB are declared; raise/);
  t.is(use(20)?.verdict, 'as_declared');
  t.regex(use(19)!.message, /19 GiB are in use, 40 GiB are declared; lower/);
  world.loading.add('three:1');
  apply(world, sharing('three', 20));
  world.settle();
  t.is(use(70), undefined, 'one starts');
});

// ---- loss

test('a container that lost sight of its device is ended, its device is given to nobody, and it starts on another', t => {
  const world = new ModelWorld({ a: machine(gpu(0), gpu(1)) });
  apply(world, aSpec({ resources: { gpu: { count: 1 } } }));
  world.settle();
  const { id } = world.running()[0]!;
  world.blind.add(id);
  world.settle();
  const [replica] = replicas(world);
  t.like(replica?.phase, { kind: 'backoff', cause: { kind: 'device_lost' } });
  t.is(world.running().length, 0);
  t.deepEqual(
    world.state.nodes.get('a')?.quarantined.map(q => q.device),
    ['nvidia.com/gpu=0'],
  );
  t.regex(
    world.state.nodes.get('a')!.quarantined[0]!.reason,
    /^ns\/svc replica \w+: it lost sight of nvidia.com\/gpu=0: no device/,
  );
  world.advance(12_000);
  world.settle();
  t.is(replicas(world)[0]?.phase.kind, 'ready');
  t.deepEqual(placementOf(replicas(world)[0]!)?.devices, ['nvidia.com/gpu=1']);
});

test('losing a device is no fault of the replica: it starts again though its budget is used up', t => {
  const world = new ModelWorld({ a: machine(gpu(0), gpu(1)) });
  world.loading.add('image:1');
  apply(world, aSpec({ resources: { gpu: { count: 1 } }, restart: { startAttempts: 1 } }));
  world.settle();
  world.blind.add(world.running()[0]!.id);
  world.settle();
  t.is(replicas(world)[0]?.phase.kind, 'backoff');
});

test('a quarantined device that is listed is trusted again after a while, one that is not listed is not', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  apply(world, aSpec({ resources: { gpu: { count: 1 } }, restart: { startAttempts: null } }));
  world.settle();
  world.blind.add(world.running()[0]!.id);
  world.settle();
  const { wakeAt } = world.step();
  t.not(wakeAt, null);
  world.setNode('a', machine());
  world.advance(world.policy.quarantineMs * 2);
  world.settle();
  t.is(world.state.nodes.get('a')?.quarantined.length, 1);
  t.is(replicas(world)[0]?.phase.kind, 'pending');
  world.setNode('a', machine(gpu(0)));
  world.list();
  world.settle();
  t.is(world.state.nodes.size, 0);
  t.is(replicas(world)[0]?.phase.kind, 'ready');
});

test('a device that is not listed any more is given to nobody, and its holder is left alone', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  apply(world, aSpec({ resources: { gpu: { count: 1 } } }));
  world.settle();
  world.setNode('a', machine());
  world.list();
  world.settle();
  t.is(replicas(world)[0]?.phase.kind, 'ready');
  world.exit(world.running()[0]!.id);
  world.list();
  world.settle();
  world.advance(12_000);
  world.settle();
  t.is(replicas(world)[0]?.phase.kind, 'pending', 'its next attempt does not go there');
});

test('what does not know whether it sees its devices is left alone', t => {
  const world = new ModelWorld({ a: machine(gpu(0)) });
  apply(world, aSpec({ resources: { gpu: { count: 1 } } }));
  world.settle();
  const { observed } = world;
  const containerId = world.running()[0]!.id;
  for (const kind of ['unknown', 'sees'] as const) {
    world.observed = () => ({
      ...observed.call(world),
      deviceReports: new Map([[containerId, { kind, message: '', at: world.now }]]),
    });
    world.settle();
    t.is(replicas(world)[0]?.phase.kind, 'ready', kind);
  }
});
