import test from 'ava';
import { removeServices } from '../../control-plane/controller/commands.ts';
import { lackInWords } from '../../control-plane/views/lack-in-words.ts';
import { pendingInWords } from '../../control-plane/views/pending-in-words.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec, exactly } from './specs.ts';

const GPU = { id: 'nvidia.com/gpu=0', driver: 'cdi' as const };

/** Nobody lets go of a replica that drains, until `world.clung` is cleared. */
function clingToAll(world: ModelWorld): void {
  for (const replica of world.state.replicas.values()) world.clung.add(replica.id);
}

test('a replica that gave up holds no device', t => {
  const world = new ModelWorld({ local: { cpus: 8, memoryBytes: 2 ** 34, devices: [GPU] } });
  world.crashing.add('bad:1');
  apply(world, aSpec({ name: 'a', image: 'bad:1', resources: { gpu: {} } }));
  world.settle();
  apply(world, aSpec({ name: 'b', resources: { gpu: {} } }));
  world.settle();
  t.deepEqual(
    world.running().map(c => c.service),
    ['ns/b'],
  );
});

test('a replica that drains holds its device until its container is gone', t => {
  const world = new ModelWorld({ local: { cpus: 8, memoryBytes: 2 ** 34, devices: [GPU] } });
  apply(world, aSpec({ name: 'a', resources: { gpu: {} } }));
  world.settle();
  clingToAll(world);
  world.commit(removeServices(world.state, { namespace: 'ns', names: ['a'], volumes: false }, world.now).changes);
  apply(world, aSpec({ name: 'b', resources: { gpu: {} } }));
  world.settle();
  t.is(world.running().length, 1);
  world.clung.clear();
  world.settle();
  t.deepEqual(
    world.running().map(c => c.service),
    ['ns/b'],
  );
});

test('with clients that let go slowly an update never has more containers than wanted plus the surge', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(4) }));
  world.settle();
  clingToAll(world);
  apply(world, aSpec({ replicas: exactly(4), image: 'image:2' }));
  for (let i = 0; i < 100; i += 1) {
    world.step();
    t.true(world.containers.size <= 5, `${world.containers.size} containers`);
    if (i === 50) world.clung.clear();
  }
  world.settle();
  t.deepEqual(
    world.running().map(c => c.image),
    Array(4).fill('image:2'),
  );
});

test('a stop-first update starts nothing while the old replica is still on its way out', t => {
  const world = new ModelWorld();
  const update = { order: 'stop-first' as const };
  apply(world, aSpec({ update }));
  world.settle();
  clingToAll(world);
  apply(world, aSpec({ update, image: 'image:2' }));
  world.settle();
  t.deepEqual(
    [...world.containers.values()].map(c => c.image),
    ['image:1'],
  );
  world.clung.clear();
  world.settle();
  t.deepEqual(
    world.running().map(c => c.image),
    ['image:2'],
  );
});

test('two replicas never ask for one host port, and an update with one makes room by itself', t => {
  const world = new ModelWorld();
  const ports = [{ containerPort: 80, hostPort: 8080 }];
  apply(world, aSpec({ name: 'a', ports }));
  apply(world, aSpec({ name: 'b', ports: [{ containerPort: 81, hostPort: 8080, hostIp: '0.0.0.0' }] }));
  world.settle();
  t.deepEqual(
    world.running().map(c => c.service),
    ['ns/a'],
  );
  const waiting = [...world.state.replicas.values()].find(r => r.service === 'ns/b');
  t.true(
    waiting?.phase.kind === 'pending' &&
      /host port 8080 is taken/.test(waiting.phase.reasons.map(r => pendingInWords(r, lackInWords)).join()),
  );
  apply(world, aSpec({ name: 'a', ports, image: 'image:2' }));
  world.settle();
  t.true(world.running().some(c => c.image === 'image:2' || c.service === 'ns/b'));
});

test('down of a namespace whose node is away waits until its networks are known to be gone', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: { min: 0, max: 1, initial: 0 } }));
  world.settle();
  world.answering = false;
  world.commit(removeServices(world.state, { namespace: 'ns', names: [], volumes: true }, world.now).changes);
  world.settle();
  t.is(world.state.services.size, 1);
  world.answering = true;
  world.list();
  world.settle();
  t.is(world.state.services.size, 0);
  t.like(world.history.at(-1), { kind: 'clean_namespace', volumes: true });
});

test('one policy that cannot have an image does not fail another that can', t => {
  const world = new ModelWorld();
  world.missing.add('image:1');
  apply(world, aSpec({ name: 'never', pullPolicy: 'never' }));
  world.settle();
  world.missing.clear();
  apply(world, aSpec({ name: 'missing', pullPolicy: 'missing' }));
  world.settle();
  t.deepEqual(
    world.running().map(c => c.service),
    ['ns/missing'],
  );
});
