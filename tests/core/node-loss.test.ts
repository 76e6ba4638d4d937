import test from 'ava';
import { removeServices, scaleService } from '../../control-plane/controller/commands.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { isAvailable, placementOf, type Replica } from '../../control-plane/core/replica.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec, exactly } from './specs.ts';

const { lostAfterMs, replaceAfterMs } = DEFAULT_NODE_POLICY;
const room = { cpus: 8, memoryBytes: 2 ** 34, devices: [] };
const REF = { namespace: 'ns', name: 'svc' };

const replicas = (world: ModelWorld) => [...world.state.replicas.values()];
const phases = (world: ModelWorld) => replicas(world).map(r => r.phase.kind);
const nodesOf = (world: ModelWorld) => replicas(world).map(r => placementOf(r)?.node);
const runningOn = (world: ModelWorld, node: string) => world.running().filter(c => c.node === node);
const byNode = (world: ModelWorld, node: string): Replica => replicas(world).find(r => placementOf(r)?.node === node)!;

/** A service of one replica a node, all of them ready. */
function spread(names: readonly string[], given: Partial<ServiceSpecInput> = {}): ModelWorld {
  const world = new ModelWorld(Object.fromEntries(names.map(n => [n, room])));
  apply(world, aSpec({ replicas: exactly(names.length), ...given }));
  world.settle();
  return world;
}

function silence(world: ModelWorld, node: string, ms: number, how: 'cutOff' | 'silent' = 'cutOff'): void {
  world[how].add(node);
  world.list();
  world.advance(ms);
  world.settle();
}

test('a node that is cut off makes its replicas lost after a while, and stops nobody', t => {
  const world = spread(['a', 'b']);
  silence(world, 'a', lostAfterMs - 1_000);
  t.deepEqual(phases(world), ['ready', 'ready']);
  world.advance(1_000);
  const plan = world.step();
  t.is(byNode(world, 'a').phase.kind, 'lost');
  t.deepEqual(
    plan.endpoints.map(e => e.node),
    ['b'],
  );
  t.is(world.history.filter(a => a.kind === 'stop').length, 0);
  t.is(replicas(world).length, 2, 'it is waited for');
});

test('a replica whose own probe passes is not lost, however long its engine is silent', t => {
  const world = spread(['a', 'b']);
  silence(world, 'a', 3_600_000, 'silent');
  t.deepEqual(phases(world), ['ready', 'ready']);
  t.is(world.step().endpoints.length, 2);
  world.impaired.add('image:1');
  world.settle();
  t.is(byNode(world, 'a').phase.kind, 'lost', 'nothing speaks for its life any more');
  world.impaired.clear();
  world.settle();
  t.deepEqual(phases(world), ['ready', 'ready'], 'a probe that passes finds it, though its engine is silent still');
});

test("a healthcheck of the container's own is no proof of life, nor is none", t => {
  for (const given of [
    { healthcheck: { test: ['CMD', 'true'] } },
    { port: undefined, probes: {} },
  ] as Partial<ServiceSpecInput>[]) {
    const world = spread(['a', 'b'], given);
    silence(world, 'a', lostAfterMs, 'silent');
    t.is(byNode(world, 'a').phase.kind, 'lost', JSON.stringify(given));
  }
});

test('what was lost for long is replaced where there is room, and leaves the count until it is heard of', t => {
  const world = spread(['a', 'b', 'c']);
  silence(world, 'a', lostAfterMs);
  world.advance(replaceAfterMs - 2_000);
  world.settle();
  t.is(replicas(world).length, 3);
  world.advance(2_000);
  world.settle();
  t.deepEqual(phases(world).toSorted(), ['lost', 'ready', 'ready', 'ready']);
  t.is(runningOn(world, 'b').length + runningOn(world, 'c').length, 3);
  t.is(runningOn(world, 'a').length, 1, 'it may run on');
});

test('with nowhere else to go nothing is given up: what was lost is waited for', t => {
  const world = new ModelWorld();
  apply(world, aSpec());
  world.settle();
  silence(world, 'local', lostAfterMs + replaceAfterMs * 100);
  t.deepEqual(phases(world), ['lost']);
  world.cutOff.clear();
  world.list();
  world.settle();
  t.deepEqual(phases(world), ['ready']);
  t.is(world.containers.size, 1);
});

test('without room elsewhere the replacement waits, and goes again when the node is back', t => {
  const world = new ModelWorld({ a: room, b: { ...room, cpus: 1 } });
  apply(world, aSpec({ replicas: exactly(1), resources: { cpus: 2 } }));
  world.settle();
  silence(world, 'a', lostAfterMs + replaceAfterMs);
  world.advance(replaceAfterMs);
  world.settle();
  t.deepEqual(phases(world), ['lost', 'pending']);
  world.cutOff.clear();
  world.list();
  world.settle();
  t.deepEqual(phases(world), ['ready']);
  t.is(byNode(world, 'a').attempt, 1, 'the same container');
});

test('a node that comes back has its extra replica drained, never the one that was made meanwhile', t => {
  const world = spread(['a', 'b']);
  const before = byNode(world, 'a');
  silence(world, 'a', lostAfterMs);
  world.advance(replaceAfterMs);
  world.settle();
  const newest = replicas(world).toSorted((x, y) => y.createdAt - x.createdAt)[0]!;
  t.true(isAvailable(newest));
  world.cutOff.clear();
  world.list();
  world.settle();
  t.deepEqual(phases(world), ['ready', 'ready']);
  t.true(world.state.replicas.has(newest.id));
  t.false(world.state.replicas.has(before.id));
  t.deepEqual(runningOn(world, 'a'), [], 'no duplicate is left');
});

test('of two that serve, the one that was away is the extra, though it is older', t => {
  const world = spread(['a', 'b'], { replicas: exactly(2) });
  silence(world, 'a', lostAfterMs);
  world.cutOff.clear();
  world.list();
  world.settle();
  const returned = byNode(world, 'a');
  t.not(returned.returnedAt, null);
  t.is(returned.phase.kind, 'ready');
  world.commit(scaleService(world.state, REF, 1, world.now).changes);
  world.settle();
  t.deepEqual(nodesOf(world), ['b']);
});

test('what ended while its node was away is told as ended when it is back', t => {
  const world = spread(['a', 'b']);
  silence(world, 'a', lostAfterMs);
  world.exit(runningOn(world, 'a')[0]!.id, 3);
  world.cutOff.clear();
  world.list();
  world.settle();
  t.like(byNode(world, 'a').phase, { kind: 'backoff', cause: { exitCode: 3 } });
});

test('a lost replica that is not wanted any more leaves the count at once, and ends when its node is back', t => {
  const world = spread(['a', 'b']);
  silence(world, 'a', lostAfterMs);
  const lost = byNode(world, 'a').id;
  world.commit(scaleService(world.state, REF, 1, world.now).changes);
  world.settle(400);
  t.is(world.state.replicas.get(lost)?.phase.kind, 'stopping');
  t.deepEqual(
    replicas(world)
      .filter(isAvailable)
      .map(r => r.id),
    replicas(world)
      .filter(r => r.id !== lost)
      .map(r => r.id),
  );
  world.cutOff.clear();
  world.advance(60_000);
  world.settle();
  t.deepEqual(phases(world), ['ready']);
  t.is(world.containers.size, 1);
});

test('an update goes on beside a node that is lost', t => {
  const world = spread(['a', 'b', 'c']);
  silence(world, 'a', lostAfterMs + replaceAfterMs);
  world.advance(replaceAfterMs);
  world.settle();
  apply(world, aSpec({ replicas: exactly(3), image: 'image:2' }));
  world.settle(400);
  const serving = replicas(world).filter(isAvailable);
  t.deepEqual(
    serving.map(r => r.generation),
    [2, 2, 2],
  );
  t.is(world.state.services.get('ns/svc')?.rollout.kind, 'settled');
  world.cutOff.clear();
  world.advance(60_000);
  world.settle(400);
  t.deepEqual(phases(world), ['ready', 'ready', 'ready']);
  t.deepEqual(
    world.running().filter(c => c.generation === 1),
    [],
  );
});

test('a replica that was just being created on a node that is lost is placed elsewhere, and its container is ended later', t => {
  const world = new ModelWorld({ a: room, b: room });
  world.setNode('b', { ...room, cpus: 0.5 });
  world.list();
  apply(world, aSpec({ resources: { cpus: 1 } }));
  while (byNode(world, 'a')?.phase.kind !== 'creating') world.step();
  world.setNode('b', room);
  t.is(world.containers.size, 1, 'its create was asked for already');
  silence(world, 'a', lostAfterMs);
  t.deepEqual(phases(world), ['ready']);
  t.deepEqual(nodesOf(world), ['b']);
  world.cutOff.clear();
  world.advance(60_000);
  world.settle();
  t.deepEqual(
    [...world.containers.values()].map(c => c.node),
    ['b'],
  );
});

test('a back-off that ends while its node is lost leads elsewhere; on a node that is silent for a moment it stays', t => {
  for (const [silentMs, where] of [
    [1_000, 'a'],
    [lostAfterMs, 'b'],
  ] as const) {
    const world = new ModelWorld({ a: room, b: room });
    apply(world, aSpec({ restart: { startAttempts: null } }));
    world.settle();
    const home = nodesOf(world)[0]!;
    t.is(home, 'a');
    world.exit(world.running()[0]!.id);
    world.list();
    world.settle();
    t.deepEqual(phases(world), ['backoff']);
    world.advance(60_000 - silentMs);
    // The back-off has ended, and before the next pass the node falls silent.
    world.silent.add('a');
    world.list();
    world.advance(silentMs);
    world.settle();
    t.deepEqual(nodesOf(world), [where]);
  }
});

// ---- nodes that leave

test('a node that leaves gives its replicas away start-first', t => {
  const world = spread(['a', 'b']);
  world.leaving.add('a');
  world.list();
  let fewest = 2;
  for (let i = 0; i < 40; i += 1) {
    world.step();
    fewest = Math.min(fewest, world.step().endpoints.length);
  }
  t.is(fewest, 2);
  t.deepEqual(nodesOf(world), ['b', 'b']);
  t.deepEqual(runningOn(world, 'a'), []);
});

test('a node that leaves and is lost is not waited for: its replicas are replaced and forgotten at once', t => {
  const world = spread(['a', 'b']);
  world.leaving.add('a');
  silence(world, 'a', lostAfterMs);
  t.deepEqual(phases(world), ['ready', 'ready']);
  t.deepEqual(nodesOf(world), ['b', 'b']);
});

test('what serves on a node that leaves silently is kept until another one serves', t => {
  const world = spread(['a', 'b']);
  world.setNode('b', { ...room, cpus: 0 });
  world.list();
  world.leaving.add('a');
  silence(world, 'a', lostAfterMs * 10, 'silent');
  t.is(world.step().endpoints.length, 2, 'its probe passes');
});

test('after a restart without a node its replicas and its record are forgotten, and replaced elsewhere', t => {
  const world = spread(['a', 'b']);
  world.drain('a');
  world.forget('a');
  world.settle();
  t.deepEqual(nodesOf(world), ['b', 'b']);
  t.deepEqual([...world.state.nodes.keys()], []);
});

test('as long as no node at all is named nothing is forgotten', t => {
  const world = spread(['a', 'b']);
  world.forget('a');
  world.forget('b');
  world.step();
  t.deepEqual(phases(world), ['ready', 'ready']);
});

// ---- drains

test('a drained node gives its replicas away start-first, within surge', t => {
  const world = spread(['a', 'b'], { replicas: exactly(4) });
  world.drain('a');
  let [fewest, most] = [4, 0];
  for (let i = 0; i < 100; i += 1) {
    const plan = world.step();
    fewest = Math.min(fewest, plan.endpoints.length);
    most = Math.max(most, world.running().length);
  }
  t.is(fewest, 4, 'nobody missed one');
  t.is(most, 5);
  t.deepEqual([...new Set(nodesOf(world))], ['b']);
  t.is(world.history.filter(a => a.kind === 'create' && a.node === 'a').length, 2, 'nothing new went there');
});

test('where there is no room elsewhere a drained replica stays, and its replacement says what it waits for', t => {
  for (const update of [{}, { order: 'stop-first' as const }]) {
    const world = new ModelWorld({ a: room, b: { ...room, cpus: 1 } });
    apply(world, aSpec({ resources: { cpus: 2 }, update }));
    world.settle();
    world.drain('a');
    world.settle();
    t.is(world.step().endpoints.length, 1);
    t.deepEqual(
      replicas(world)
        .filter(isAvailable)
        .map(r => placementOf(r)?.node),
      ['a'],
    );
    world.setNode('b', room);
    world.list();
    world.settle();
    t.deepEqual(nodesOf(world), ['b']);
  }
});

test('a service that is updated stop-first is moved stop-first, and only where there is room', t => {
  const world = new ModelWorld({ a: room, b: room });
  apply(world, aSpec({ update: { order: 'stop-first' } }));
  world.settle();
  world.drain('a');
  let most = 0;
  for (let i = 0; i < 30; i += 1) {
    world.step();
    most = Math.max(most, world.running().length);
  }
  t.is(most, 1);
  t.deepEqual(nodesOf(world), ['b']);
});

test('of two that are moved stop-first into one free place, one moves and the other one stays', t => {
  const one = { cpus: 1, memoryBytes: 2 ** 34, devices: [] };
  const world = new ModelWorld({ a: { ...one, cpus: 2 }, b: one });
  const update = { order: 'stop-first' as const, maxUnavailable: 2 };
  world.drain('b');
  apply(world, aSpec({ replicas: exactly(2), resources: { cpus: 1 }, update }));
  world.settle();
  t.deepEqual(nodesOf(world), ['a', 'a']);
  world.drain('b', null);
  world.drain('a');
  for (let i = 0; i < 30; i += 1) {
    world.step();
    t.true(nodesOf(world).includes('a'), 'the one without a place is left where it is');
  }
  t.deepEqual(nodesOf(world).sort(), ['a', 'b', undefined], 'what is to replace it tells what it waits for');
  t.is(world.running().length, 2);
});

test('what is not started yet on a drained node is placed elsewhere at once', t => {
  const world = new ModelWorld({ a: room, b: room });
  apply(world, aSpec());
  world.step();
  t.deepEqual(nodesOf(world), ['a']);
  world.drain('a');
  world.settle();
  t.deepEqual(nodesOf(world), ['b']);
  t.deepEqual(
    world.history.filter(a => a.kind === 'start').map(a => a.node),
    ['b'],
  );
});

test('a drained node takes replicas again once that is over', t => {
  const world = new ModelWorld({ a: room });
  world.drain('a');
  apply(world, aSpec());
  world.settle();
  t.like(replicas(world)[0]?.phase, { kind: 'pending' });
  world.drain('a', null);
  world.settle();
  t.deepEqual(phases(world), ['ready']);
  t.deepEqual([...world.state.nodes.keys()], [], 'a node about which nothing is decided has no record');
});

// ---- farewells

test('a namespace goes though a node is lost, unless volumes are to go with it; a node that is gone holds nothing', t => {
  const removed = (volumes: boolean, leaves: boolean) => {
    const world = spread(['a', 'b'], { replicas: exactly(1) });
    if (leaves) world.leaving.add('b');
    silence(world, 'b', lostAfterMs);
    const request = { namespace: 'ns', names: ['svc'], volumes };
    world.commit(removeServices(world.state, request, world.now).changes);
    world.settle();
    const cleaned = world.history.filter(a => a.kind === 'clean_namespace').map(a => a.node);
    return [world.state.services.size, cleaned];
  };
  t.deepEqual(removed(false, false), [0, ['a']]);
  t.deepEqual(removed(true, false), [1, ['a']]);
  t.deepEqual(removed(true, true), [0, ['a']]);
});

test('a node that was forgotten and is back takes nothing before what ran there has ended', t => {
  const gpus = { ...room, devices: [{ id: 'nvidia.com/gpu=0', driver: 'cdi' as const }] };
  const world = new ModelWorld({ a: gpus, b: room });
  apply(world, aSpec({ resources: { gpu: { count: 1 } } }));
  world.settle();
  world.cutOff.add('a');
  world.forget('a');
  world.settle();
  t.deepEqual(phases(world), ['pending']);
  world.cutOff.clear();
  world.setNode('a', gpus);
  world.list();
  for (let i = 0; i < 20; i += 1) {
    world.step();
    t.true(world.running().length <= 1, 'never two with the one device');
  }
  t.deepEqual(phases(world), ['ready']);
});

test('an engine that was given another name keeps its containers, under their replicas', t => {
  const world = spread(['a', 'b']);
  const before = replicas(world).map(r => r.id);
  const containers = world.running().map(c => c.id);
  world.rename('a', 'z');
  const plan = world.step();
  t.deepEqual(plan.actions, []);
  t.is(plan.endpoints.length, 2);
  world.settle();
  t.deepEqual(
    replicas(world).map(r => r.id),
    before,
  );
  t.deepEqual(nodesOf(world).toSorted(), ['b', 'z']);
  t.deepEqual(
    world.running().map(c => c.id),
    containers,
  );
});

test('a node that was not looked at yet may be the one that a replica is on: nothing is forgotten before', t => {
  const world = spread(['a', 'b']);
  world.silent.add('z');
  world.rename('a', 'z');
  world.settle();
  t.deepEqual(phases(world), ['ready', 'ready']);
  world.silent.clear();
  world.list();
  world.settle();
  t.deepEqual(nodesOf(world).toSorted(), ['b', 'z']);
  t.is(world.history.filter(a => a.kind === 'stop').length, 0);
});
