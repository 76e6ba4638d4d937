import test from 'ava';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { EventView } from '../../control-plane/views/views.ts';
import { settle } from '../fakes/clock.ts';
import { SimulatedWorld } from '../simulation/simulated-world.ts';

const REF = { namespace: 'sim', name: 'svc' };

/** A control plane on fakes with one service, which is ready: two seconds are plenty, and less than a listing's pause. */
async function running(
  given: Partial<ServiceSpecInput> = {},
  options: ConstructorParameters<typeof SimulatedWorld>[0] = {},
): Promise<SimulatedWorld> {
  const world = new SimulatedWorld(options);
  await world.begin();
  await apply(world, given);
  await world.advance(2_000);
  return world;
}

async function apply(world: SimulatedWorld, given: Partial<ServiceSpecInput> = {}) {
  const spec: ServiceSpecInput = { ...REF, image: 'image:1', port: 80, drain: { timeoutMs: 60_000 }, ...given };
  return world.ask(c => c.apply({ specs: [spec], origin: 'test', dryRun: false }));
}

const endpoints = (world: SimulatedWorld) => world.hub.snapshot('sim/svc').endpoints.map(e => e.containerId);
const calls = (world: SimulatedWorld, method: string) => world.engine.calls.filter(c => c.method === method).length;
const phases = (world: SimulatedWorld) => world.controlPlane.services().flatMap(s => s.replicas.map(r => r.phase));
const ours = (world: SimulatedWorld) => [...world.machine.containers.values()].filter(c => c.name !== 'foreign');
const remove = (world: SimulatedWorld) =>
  world.ask(c => c.remove({ namespace: 'sim', names: ['svc'], volumes: false }));

// ---- how a life begins

test('before its loop runs, a control plane knows what ran before: containers, nodes and endpoints', async t => {
  const world = await running();
  const published = endpoints(world);
  t.is(published.length, 1);
  await world.crash();
  await world.begin({ start: false });
  t.true(world.controlPlane.nodes()[0]?.answering);
  t.deepEqual(endpoints(world), published);
  t.deepEqual(phases(world), ['ready']);
  t.is(calls(world, 'start') + calls(world, 'stop') + calls(world, 'create'), 0);
  await world.end();
});

test('a service that was stored before a crash, and no more than that, comes up in the next life', async t => {
  const world = new SimulatedWorld();
  await world.begin({ start: false });
  const sent = world.send(c => c.apply({ specs: [{ ...REF, image: 'image:1' }], origin: '', dryRun: false }));
  await world.crash();
  await sent;
  await world.begin();
  t.deepEqual(world.controlPlane.services(), [], 'it was never acknowledged and never stored');
  await apply(world);
  await world.crash();
  await world.begin();
  await world.advance(2_000);
  t.deepEqual(phases(world), ['ready']);
  await world.end();
});

// ---- what wakes the loop: nothing here lets time pass, so no other waking can hide it

test('a probe that changes takes effect at once', async t => {
  const world = await running();
  const [id] = endpoints(world);
  world.health.unready.add(id!);
  world.sidecar.changed();
  await settle();
  t.deepEqual(endpoints(world), []);
  world.health.unready.clear();
  world.sidecar.changed();
  await settle();
  t.deepEqual(endpoints(world), [id]);
  await world.end();
});

test('a registry that lets go of a replica lets its drain end at once, and not before', async t => {
  const world = await running({}, { registry: 'remote' });
  t.is(world.remote?.held.size, 1);
  world.remote?.slow();
  await remove(world);
  t.deepEqual(phases(world), ['draining']);
  t.is(calls(world, 'stop'), 0, 'the registry still hands it out');
  world.remote?.converge();
  await settle();
  t.is(calls(world, 'stop'), 1);
  await world.end();
});

test('a client that lets go of a replica lets its drain end at once, and not before', async t => {
  const world = await running();
  let newest = -1;
  const watcher = world.hub.watch('sim/svc', snapshot => {
    newest = snapshot.version;
  });
  watcher.acknowledge(newest);
  await remove(world);
  t.deepEqual(endpoints(world), []);
  t.deepEqual(phases(world), ['draining']);
  t.is(calls(world, 'stop'), 0, 'the client may still call it');
  watcher.acknowledge(newest);
  await settle();
  t.is(calls(world, 'stop'), 1);
  await world.end();
});

test('a registry that is away holds a drain up until its deadline, and no longer', async t => {
  const world = await running({}, { registry: 'remote' });
  world.remote?.away();
  await remove(world);
  await world.advance(59_000);
  t.is(calls(world, 'stop'), 0);
  await world.advance(2_000);
  t.is(calls(world, 'stop'), 1);
  await world.end();
});

test('what an action did is looked at right after it, though every event is lost', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  await world.advance(11_000);
  world.engine.loseEvents = true;
  await apply(world);
  await world.advance(2_000);
  t.deepEqual(phases(world), ['ready'], 'the next listing by itself would come after ten seconds');
  await world.end();
});

test('what an action did is looked at right after it, though its answer was lost with every event', async t => {
  const world = await running();
  await world.advance(11_000);
  world.engine.loseEvents = true;
  world.engine.failNext('remove', { kind: 'break_after_commit' });
  await remove(world);
  await world.clock.advanceUntil(() => ours(world).length === 0, 10_000);
  await world.advance(400);
  t.deepEqual(phases(world), []);
  t.is(calls(world, 'remove'), 1, 'it is known to be gone before anybody would ask for that again');
  await world.end();
});

test('what was done for a service, and found of its image, is forgotten a while after it is gone', async t => {
  const world = await running();
  const { images, effects } = world.controller.observed;
  t.is(images.size, 1);
  t.true(effects.size > 0);
  await remove(world);
  await world.advance(180_000);
  t.is(images.size, 0);
  t.is(effects.size, 0);
  await world.end();
});

test('how long silence is waited out counts at once when somebody changes it', async t => {
  const world = await running({}, { nodes: ['a', 'b'].map(name => ({ name, cpus: 4, devices: [] })) });
  const [replica] = world.controlPlane.services()[0]!.replicas;
  world.suffer(replica!.node!, 'cut_down');
  await world.advance(20_000);
  t.deepEqual(phases(world), ['ready']);
  world.controller.setNodePolicy({ ...world.controller.nodePolicy, lostAfterMs: 5_000 });
  await settle();
  t.deepEqual(phases(world), ['lost']);
  await world.end();
});

test('a replica that gave up without a container is gone soon after it was removed, though every event is lost', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  await apply(world, { image: 'missing:1' });
  await world.advance(11_000);
  t.deepEqual(phases(world), ['failed']);
  world.engine.loseEvents = true;
  await remove(world);
  await world.advance(2_000);
  t.deepEqual(world.controlPlane.services(), []);
  await world.end();
});

// ---- publishing

test('what is ready is published in the registry and in the hub', async t => {
  const world = await running({}, { registry: 'remote' });
  const [entry] = world.remote?.held.values() ?? [];
  t.is(entry?.metadata['container'], endpoints(world)[0]);
  await world.end();
});

test('a replica that is condemned is withdrawn before its container is told to stop', async t => {
  const world = await running();
  const [id] = endpoints(world);
  world.health.hang(id!);
  world.sidecar.changed();
  await world.advance(6_000);
  t.is(calls(world, 'stop'), 0, 'one failure is none');
  await world.advance(20_000);
  t.is(calls(world, 'stop'), 1);
  world.safety.check();
  await world.end();
});

test('an endpoint that is dead leaves the clients though the disk is full; nothing else is done until it can be stored', async t => {
  const world = await running({}, { registry: 'remote' });
  const [container] = ours(world);
  world.disk.faults.push('full', 'full', 'full');
  world.machine.exit(container!.id, { code: 1 });
  await world.advance(200);
  t.deepEqual(endpoints(world), []);
  t.is(world.remote?.held.size, 0);
  t.deepEqual(
    world.stored.replicasOf('sim/svc').map(r => r.phase.kind),
    ['ready'],
    'that is what could be stored so far',
  );
  await world.advance(5_000);
  t.deepEqual(phases(world), ['backoff']);
  await world.end();
});

test('while nothing can be stored, nothing new is begun and nobody new is published', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  await apply(world);
  world.disk.faults.push(...Array.from({ length: 6 }, () => 'full' as const));
  await world.advance(2_000);
  t.deepEqual(endpoints(world), []);
  t.is(calls(world, 'create'), 0);
  await world.advance(10_000);
  t.is(endpoints(world).length, 1);
  t.is(calls(world, 'create'), 1);
  await world.end();
});

test('a service without a port is still probed at a stated one, by the addresses of its container', async t => {
  const { port: _, ...given } = { port: 0 };
  const world = new SimulatedWorld();
  await world.begin();
  const spec = { ...REF, ...given, image: 'image:1', probes: { readiness: { check: { kind: 'tcp', port: 9_000 } } } };
  await world.ask(c => c.apply({ specs: [spec as ServiceSpecInput], origin: '', dryRun: false }));
  await world.advance(2_000);
  const [container] = ours(world);
  t.deepEqual(
    world.sidecar.targets.map(target => target.hosts),
    [container!.addresses.map(a => ({ host: a.ip, portOf: null }))],
  );
  t.deepEqual(endpoints(world), [], 'it has no endpoint all the same');
  await world.end();
});

// ---- commands

test('no more than a thousand commands wait to be stored; one more is refused at once, and the others are answered', async t => {
  const world = new SimulatedWorld();
  await world.begin({ start: false });
  const waiting = Array.from({ length: 1_000 }, () =>
    world.controlPlane.remove({ namespace: 'x', names: [], volumes: false }),
  );
  const error = await t.throwsAsync(world.controlPlane.remove({ namespace: 'x', names: [], volumes: false }), {
    instanceOf: OutriggerError,
  });
  t.is(error?.code, 'unavailable');
  world.controller.start();
  t.is((await Promise.all(waiting)).length, 1_000);
  await world.end();
});

test('a command that cannot be stored is refused and has no effect; one whose answer was lost has', async t => {
  const world = await running();
  world.disk.faults.push('full');
  const scale = (replicas: number) => world.ask(c => c.scale(REF, replicas));
  t.is(await scale(3), 'refused');
  t.is(world.controlPlane.services()[0]?.wantedReplicas, 1);
  world.disk.faults.push('lost_answer');
  t.is(await scale(2), 'refused');
  t.is(world.controlPlane.services()[0]?.wantedReplicas, 2, 'the store says so');
  await world.advance(5_000);
  t.deepEqual(phases(world), ['ready', 'ready']);
  await world.end();
});

test('a dry run says what would be, and stores nothing', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  const specs = [{ ...REF, image: 'image:1' }];
  const answer = world.controlPlane.apply({ specs, origin: '', dryRun: true });
  await world.settled(answer);
  t.like(await answer, [{ outcome: 'created', generation: 1 }]);
  t.deepEqual(world.controlPlane.services(), []);
  t.is(world.disk.services.size, 0);
  await world.end();
});

test('after the end every command is refused, also one that waited', async t => {
  const world = new SimulatedWorld();
  await world.begin({ start: false });
  const { controller, controlPlane } = world;
  const waits = t.throwsAsync(controlPlane.remove({ namespace: 'x', names: [], volumes: false }));
  await world.settled(controller.close());
  t.is(((await waits) as OutriggerError).code, 'unavailable');
  const late = await t.throwsAsync(controlPlane.restart(REF, {}));
  t.is((late as OutriggerError).code, 'unavailable');
});

test('the end leaves every container as it is, and nobody waiting', async t => {
  const world = await running();
  const before = JSON.stringify(ours(world));
  await world.end();
  t.is(JSON.stringify(ours(world)), before);
  t.is(world.clock.waiting, 0);
});

// ---- what it tells

test('events are told as they are stored, in order, and are found again by namespace', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  const told: EventView[] = [];
  world.controlPlane.onEvent(event => told.push(event));
  await apply(world);
  await world.ask(c =>
    c.apply({ specs: [{ ...REF, namespace: 'other', image: 'image:2' }], origin: '', dryRun: false }),
  );
  await world.advance(2_000);
  const past = await world.controlPlane.pastEvents({ limit: 1_000 });
  t.deepEqual(told, past);
  t.deepEqual(
    past.map(e => e.sequence),
    past.map((_, i) => i + 1),
  );
  const sim = await world.controlPlane.pastEvents({ namespace: 'sim', limit: 1_000 });
  t.deepEqual(
    sim,
    past.filter(e => e.namespace === 'sim'),
  );
  t.deepEqual(
    sim.map(e => e.type),
    [
      'service.applied',
      'replica.pending',
      'replica.pulling',
      'replica.creating',
      'replica.starting',
      'replica.ready',
      'service.ready',
    ],
  );
  await world.end();
});

test('its status says which registry it has, and whether that answers', async t => {
  const world = await running({}, { registry: 'remote' });
  t.like(world.controlPlane.status(), {
    registry: { kind: 'consul', healthy: true },
    services: 1,
    instance: 'instance1',
  });
  world.remote?.away('connection refused');
  t.deepEqual(world.controlPlane.status().registry, { kind: 'consul', healthy: false, message: 'connection refused' });
  await world.end();
});
