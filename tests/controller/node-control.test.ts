import test from 'ava';
import type { ApplyResult } from '../../control-plane/control-plane.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { SimulatedWorld } from '../simulation/simulated-world.ts';

const REF = { namespace: 'sim', name: 'svc' };

/** A control plane on fakes with one node and one service on it. */
async function running(given: Partial<ServiceSpecInput> = {}): Promise<SimulatedWorld> {
  const world = new SimulatedWorld();
  await world.begin();
  const spec: ServiceSpecInput = { ...REF, image: 'image:1', port: 80, ...given };
  await world.ask(c => c.apply({ specs: [spec], origin: 'test', dryRun: false }));
  await world.advance(2_000);
  return world;
}

const nodeName = (world: SimulatedWorld) => world.controlPlane.nodes()[0]!.name;

test('a drain is durable once it is answered, told as an event, and leaves what has nowhere to go', async t => {
  const world = await running();
  const name = nodeName(world);
  t.is(await world.ask(c => c.drainNode(name)), 'done');
  t.like(world.controlPlane.nodes()[0], { name, state: 'draining', replicas: 1 });
  await world.advance(10_000);
  const serving = () => world.hub.snapshot('sim/svc').endpoints.length;
  t.is(serving(), 1, 'the only replica has no other node, and serves on');
  await world.crash();
  await world.begin();
  await world.advance(2_000);
  t.is(world.controlPlane.nodes()[0]?.state, 'draining');
  t.is(serving(), 1);

  const why = world.controlPlane.why(REF);
  const waiting = why.replicas.filter(r => r.waiting);
  t.is(waiting.length, 1, 'one replacement waits, and one only');
  t.is(waiting[0]?.groups[0]?.constraint, 'move');
  t.like(waiting[0]?.groups[1], { constraint: 'draining', nodes: [name] });
  t.true(waiting[0]!.groups[1]!.help.some(h => h.includes(`outrigger nodes undrain ${name}`)));

  await world.ask(c => c.undrainNode(name, {}));
  await world.advance(5_000);
  t.like(world.controlPlane.nodes()[0], { state: 'answering', replicas: 1 });
  t.is(serving(), 1);
  t.deepEqual(
    world.controlPlane.why(REF).replicas.map(r => [r.waiting, r.node]),
    [[false, name]],
  );
  const types = (await world.controlPlane.pastEvents({ node: name, limit: 10 })).map(e => e.type);
  t.deepEqual(
    types.filter(type => type.startsWith('node.')),
    ['node.draining', 'node.undrained'],
  );
  await world.end();
});

test('what is asked of a node or service that is not there is not found, and changes nothing', async t => {
  const world = await running();
  const notFound = { code: 'not_found' };
  for (const ask of [
    () => world.controlPlane.drainNode('nowhere'),
    () => world.controlPlane.undrainNode('nowhere', {}),
    () => world.controlPlane.undrainNode(nodeName(world), { device: 'none' }),
    async () => world.controlPlane.why({ ...REF, name: 'nobody' }),
  ]) {
    const asked = t.throwsAsync(ask());
    await world.advance(1_000);
    t.like(await asked, notFound);
  }
  t.is(world.controlPlane.nodes()[0]?.state, 'answering');
  await world.end();
});

test('a subnet that is taken is told of when the file is accepted, once for all services that share the network', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  world.nodes[0]!.machine.takenSubnets.set('10.9.0.0/24', 'the network web');
  const networks = [{ name: 'sim_back', key: 'back', subnets: ['10.9.0.0/24'], aliases: [] }];
  const specs = ['one', 'two'].map(name => ({ namespace: 'sim', name, image: 'image:1', networks }));
  for (const dryRun of [true, false]) {
    let results: readonly ApplyResult[] = [];
    await world.ask(async c => {
      results = await c.apply({ specs, origin: 'test', dryRun });
    });
    t.deepEqual(
      results.map(r => r.warnings.length),
      [1, 0],
    );
    t.regex(results[0]?.warnings[0] ?? '', /^The subnet 10\.9\.0\.0\/24 .* covers the network web; /);
  }
  const { engine, machine } = world.nodes[0]!;
  for (const method of ['imageId', 'subnetTroubles'] as const) {
    engine.failNext(method, { kind: 'hang' }, { kind: 'hang' });
  }
  t.is(machine.daemon, 'running');
  const from = world.clock.now();
  await world.ask(c => c.apply({ specs, origin: 'test', dryRun: false }));
  t.true(world.clock.now() - from <= 500, 'what is asked of an engine that hangs is asked at once');
  await world.end();
});
