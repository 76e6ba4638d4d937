import test from 'ava';
import { removeServices, restartService, scaleService } from '../../control-plane/controller/commands.ts';
import { type Action, actionKey } from '../../control-plane/core/actions.ts';
import { FIRST_DELAY_MS } from '../../control-plane/core/lifecycle/backoff.ts';
import type { Observed } from '../../control-plane/core/observed.ts';
import { reconcile } from '../../control-plane/core/reconcile.ts';
import { isAvailable } from '../../control-plane/core/replica.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec, exactly } from './specs.ts';

const phases = (world: ModelWorld) => [...world.state.replicas.values()].map(r => r.phase.kind).sort();

test('an applied service comes up with as many replicas as it wants, and then nothing more is done', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(3) }));
  world.settle();
  t.deepEqual(phases(world), ['ready', 'ready', 'ready']);
  t.is(world.running().length, 3);
  t.is(world.step().actions.length, 0);
});

test('only ready replicas have endpoints, each of its own container', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(2) }));
  t.deepEqual(world.step().endpoints, []);
  world.settle();
  const { endpoints } = world.step();
  t.deepEqual(
    endpoints.map(e => e.containerId).sort(),
    world
      .running()
      .map(c => c.id)
      .sort(),
  );
});

test('an update starts the new replica before it drains an old one, and never serves with fewer than wanted', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(2) }));
  world.settle();
  apply(world, aSpec({ replicas: exactly(2), image: 'image:2' }));
  for (let i = 0; i < 60; i += 1) {
    const plan = world.step();
    t.true(plan.endpoints.length >= 2, `step ${i} had ${plan.endpoints.length} endpoints`);
    t.true(world.running().length <= 3, 'at most one more than wanted');
  }
  t.deepEqual(
    world.running().map(c => c.image),
    ['image:2', 'image:2'],
  );
});

test('stop-first makes room before it starts the new replica', t => {
  const world = new ModelWorld();
  const update = { order: 'stop-first' as const };
  apply(world, aSpec({ update }));
  world.settle();
  apply(world, aSpec({ update, image: 'image:2' }));
  for (let i = 0; i < 40; i += 1) {
    world.step();
    t.true(world.containers.size <= 1);
  }
  t.deepEqual(
    world.running().map(c => c.image),
    ['image:2'],
  );
});

test('where the node has no room for one more, start-first gives way to one at a time', t => {
  const world = new ModelWorld({ local: { cpus: 2, memoryBytes: 2 ** 30, devices: [] } });
  const resources = { cpus: 1 };
  apply(world, aSpec({ replicas: exactly(2), resources }));
  world.settle();
  apply(world, aSpec({ replicas: exactly(2), resources, image: 'image:2' }));
  for (let i = 0; i < 80; i += 1) {
    const plan = world.step();
    t.true(plan.endpoints.length >= 1, 'one keeps serving');
  }
  t.deepEqual(
    world.running().map(c => c.image),
    ['image:2', 'image:2'],
  );
});

test('a generation that fails is rolled back, and the old replicas were never touched', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(2) }));
  world.settle();
  const before = world
    .running()
    .map(c => c.id)
    .sort();
  world.crashing.add('image:2');
  apply(world, aSpec({ replicas: exactly(2), image: 'image:2' }));
  world.settle();
  t.deepEqual(
    world
      .running()
      .map(c => c.id)
      .sort(),
    before,
  );
  const service = world.state.services.get('ns/svc');
  t.is(service?.generation, 1);
  t.like(service?.rollout, { kind: 'rolled_back', failed: 2, to: 1 });
});

test('after a rollback the next change gets a generation of its own', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  world.crashing.add('image:2');
  apply(world, aSpec({ image: 'image:2' }));
  world.settle();
  apply(world, aSpec({ image: 'image:3' }));
  world.settle();
  t.is(world.state.services.get('ns/svc')?.generation, 3);
  t.deepEqual(
    world.running().map(c => c.image),
    ['image:3'],
  );
});

test('asking for what a rollback went back to changes nothing, and forgets the failure', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(2) }));
  world.settle();
  const before = world.running().map(c => c.id);
  world.crashing.add('image:2');
  apply(world, aSpec({ replicas: exactly(2), image: 'image:2' }));
  world.settle();
  apply(world, aSpec({ replicas: exactly(2) }));
  world.settle();
  t.deepEqual(
    world.running().map(c => c.id),
    before,
  );
  t.is(world.state.services.get('ns/svc')?.rollout.kind, 'settled');
});

test('asking again for a service that gave up tries again', t => {
  const world = new ModelWorld();
  world.crashing.add('image:1');
  apply(world, aSpec());
  world.settle();
  t.deepEqual(phases(world), ['failed']);
  world.crashing.clear();
  apply(world, aSpec());
  world.settle();
  t.deepEqual(phases(world), ['ready']);
  t.is(world.containers.size, 1);
});

test('a draining replica that reports its load is stopped only after a reading of zero from after its withdrawal', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ drain: { timeoutMs: 60_000 } }));
  world.settle();
  world.load = { inFlight: 0, at: world.now };
  world.commit(scaleService(world.state, { namespace: 'ns', name: 'svc' }, 0, world.now).changes);
  world.settle();
  t.deepEqual(phases(world), ['draining'], 'the reading is from before');
  world.load = { inFlight: 2, at: world.now };
  world.settle();
  t.deepEqual(phases(world), ['draining'], 'two requests still run');
  world.load = { inFlight: 0, at: world.now };
  world.settle();
  t.is(world.containers.size, 0);
});

test('on_failure pause keeps old replicas serving and says why', t => {
  const world = new ModelWorld();
  const update = { onFailure: 'pause' as const };
  apply(world, aSpec({ update, replicas: exactly(2) }));
  world.settle();
  world.crashing.add('image:2');
  apply(world, aSpec({ update, replicas: exactly(2), image: 'image:2' }));
  world.settle();
  t.is(world.running().length, 2);
  t.like(world.state.services.get('ns/svc')?.rollout, { kind: 'paused' });
});

test('a crashed replica waits for its back-off, its neighbours are left alone', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(3) }));
  world.settle();
  const [victim, ...others] = world.running();
  world.exit(victim!.id);
  world.list();
  world.settle();
  t.deepEqual(phases(world), ['backoff', 'ready', 'ready']);
  world.advance(FIRST_DELAY_MS * 0.89);
  world.settle();
  t.deepEqual(phases(world), ['backoff', 'ready', 'ready'], 'not before the floor of the back-off');
  world.advance(FIRST_DELAY_MS * 0.22);
  world.settle();
  t.deepEqual(phases(world), ['ready', 'ready', 'ready']);
  for (const other of others) t.is(world.containers.get(other.id)?.state, 'running');
  t.is(world.containers.size, 3, 'the crashed container was removed');
});

test('the exit code and last lines stay with a crashed replica', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  world.exit(world.running()[0]!.id, 42);
  world.list();
  world.settle();
  const [replica] = world.state.replicas.values();
  t.like(replica?.phase, { kind: 'backoff', cause: { kind: 'exited', exitCode: 42 } });
  t.true(replica?.phase.kind === 'backoff' && replica.phase.cause.logTail.includes('last words'));
});

test('a first start that fails is final by default, and retried where the file says restart', t => {
  for (const [startAttempts, phase] of [
    [1, 'failed'],
    [2, 'backoff'],
    [null, 'backoff'],
  ] as const) {
    const world = new ModelWorld();
    world.crashing.add('image:1');
    apply(world, aSpec({ restart: { startAttempts } }));
    world.settle();
    t.deepEqual(phases(world), [phase]);
  }
});

test('a missing image fails the replica without a container', t => {
  const world = new ModelWorld();
  world.missing.add('image:1');
  apply(world, aSpec());
  world.settle();
  const [replica] = world.state.replicas.values();
  t.like(replica?.phase, { kind: 'failed', cause: { kind: 'image' } });
  t.is(world.containers.size, 0);
});

test('an engine that does not answer stops nothing and takes no endpoint away', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(2) }));
  world.settle();
  world.answering = false;
  world.list();
  world.advance(3_600_000);
  const plan = world.step();
  t.is(plan.endpoints.length, 2, 'their own probes pass, which is proof of life');
  t.deepEqual(plan.actions, []);
  t.deepEqual(phases(world), ['ready', 'ready']);
  world.impaired.add('image:1');
  const later = world.step();
  t.deepEqual(later.actions, []);
  t.deepEqual(phases(world), ['lost', 'lost']);
});

test('a container that was removed from outside is replaced after its back-off', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  world.containers.clear();
  world.list();
  world.settle();
  t.like([...world.state.replicas.values()][0]?.phase, { kind: 'backoff', cause: { kind: 'vanished' } });
  world.advance(FIRST_DELAY_MS * 1.2);
  world.settle();
  t.deepEqual(phases(world), ['ready']);
});

test('a draining replica leaves the endpoints before it is stopped, and waits for the clients', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(2) }));
  world.settle();
  for (const replica of world.state.replicas.values()) world.clung.add(replica.id);
  world.commit(scaleService(world.state, { namespace: 'ns', name: 'svc' }, 1, world.now).changes);
  world.settle();
  t.is(world.step().endpoints.length, 1);
  t.is(world.running().length, 2, 'nobody confirmed yet');
  world.clung.clear();
  world.settle();
  t.is(world.running().length, 1);
  t.is(world.containers.size, 1);
});

test('a client that never confirms holds a drain up no longer than its timeout', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ drain: { timeoutMs: 5_000 } }));
  world.settle();
  for (const replica of world.state.replicas.values()) world.clung.add(replica.id);
  world.commit(removeServices(world.state, { namespace: 'ns', names: [], volumes: false }, world.now).changes);
  world.settle();
  t.is(world.running().length, 1);
  world.advance(5_001);
  world.settle();
  t.is(world.containers.size, 0);
  t.is(world.state.services.size, 0);
});

test('an impaired replica keeps its container and gets its endpoint back with its probe', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  world.impaired.add('image:1');
  world.settle();
  t.deepEqual(world.step().endpoints, []);
  t.is(world.running().length, 1);
  world.impaired.clear();
  world.settle();
  t.is(world.step().endpoints.length, 1);
});

test('down leaves nothing: no container, no service, networks cleaned once, at the last service of the namespace', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ name: 'a', replicas: exactly(2) }), aSpec({ name: 'b' }));
  world.settle();
  world.commit(removeServices(world.state, { namespace: 'ns', names: [], volumes: false }, world.now).changes);
  world.settle();
  t.is(world.containers.size, 0);
  t.is(world.state.services.size, 0);
  t.is(world.state.replicas.size, 0);
  t.is(world.history.filter(a => a.kind === 'clean_namespace').length, 1);
});

test('a restart replaces every replica start-first without a new generation', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: exactly(2) }));
  world.settle();
  const before = new Set(world.running().map(c => c.id));
  world.commit(restartService(world.state, { namespace: 'ns', name: 'svc' }, undefined, world.now).changes);
  for (let i = 0; i < 60; i += 1) t.true(world.step().endpoints.length >= 2);
  t.true(world.running().every(c => !before.has(c.id)));
  t.is(world.state.services.get('ns/svc')?.generation, 1);
});

test('a container that a listing shows before its create has settled is not started, and is completed after a crash', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  while (world.history.at(-1)?.kind !== 'create') world.step();
  const create = world.history.at(-1) as Action;
  const actions = (effects: Observed['effects']) =>
    reconcile(world.state, { ...world.observed(), effects }, world.now, () => 'unused', world.policy).actions.map(
      a => a.kind,
    );
  t.deepEqual(actions(new Map([[actionKey(create), { kind: 'under_way' }]])), [], 'files may still be on their way');
  t.deepEqual(actions(new Map()), ['create'], 'nobody knows whether it was finished');
  t.deepEqual(actions(world.observed().effects), ['start']);
});

test('a service waits for those it depends on', t => {
  const world = new ModelWorld();
  world.impaired.add('db:1');
  apply(
    world,
    aSpec({ name: 'app', dependsOn: [{ service: 'db', condition: 'ready' }] }),
    aSpec({ name: 'db', image: 'db:1' }),
  );
  world.settle();
  const app = [...world.state.replicas.values()].find(r => r.service === 'ns/app');
  t.like(app?.phase, { kind: 'pending', reasons: [{ kind: 'dependency', service: 'db', condition: 'ready' }] });
  world.impaired.clear();
  world.settle();
  t.is([...world.state.replicas.values()].filter(isAvailable).length, 2);
});

test('a container of ours without a replica is removed', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  const [container] = world.running();
  world.containers.set('stray', {
    ...container!,
    id: 'stray',
    name: 'ns-svc-nobody',
    replicaId: 'nobody',
    node: 'local',
  });
  // `docker commit` copies labels into images: a container of somebody's own, made from one, is left alone.
  world.containers.set('debug', { ...container!, id: 'debug', name: 'debug', node: 'local' });
  world.list();
  world.settle();
  t.deepEqual([...world.containers.keys()].sort(), [container!.id, 'debug'].sort());
});

test('services may be scaled to zero and back', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ replicas: { min: 0, max: 3, initial: 2 } }));
  world.settle();
  const ref = { namespace: 'ns', name: 'svc' };
  world.commit(scaleService(world.state, ref, 0, world.now).changes);
  world.settle();
  t.is(world.containers.size, 0);
  world.commit(scaleService(world.state, ref, 3, world.now).changes);
  world.settle();
  t.is(world.running().length, 3);
  t.throws(() => scaleService(world.state, ref, 4, world.now), { message: /0 to 3 replicas/ });
});

test('a replica that starts without an address, as an engine that died meanwhile may leave it, is tried again', t => {
  const world = new ModelWorld();
  apply(world, aSpec({ restart: { startAttempts: 1, maxAttempts: 1 } }));
  world.loading.add(aSpec().image);
  world.settle();
  const [bare] = world.running();
  world.containers.set(bare!.id, { ...bare!, node: 'local', addresses: [] });
  world.list();
  world.settle();
  t.deepEqual(phases(world), ['starting'], 'a listing may lag');
  world.advance(11_000);
  world.settle();
  t.deepEqual(phases(world), ['backoff'], 'whatever the budget: it is no fault of the replica');
});

test('a replica whose network was taken away is replaced, for nobody could call it', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  const [cut] = world.running();
  world.containers.set(cut!.id, { ...cut!, node: 'local', addresses: [] });
  world.list();
  world.settle();
  t.deepEqual(phases(world), ['ready'], 'a listing may lag');
  world.advance(11_000);
  world.settle();
  t.deepEqual(phases(world), ['backoff']);
  world.advance(FIRST_DELAY_MS * 1.2);
  world.settle();
  t.is(world.step().endpoints.length, 1);
});
