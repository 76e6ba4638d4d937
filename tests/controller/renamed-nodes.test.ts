import test from 'ava';
import { LOCAL_PROFILE, type Member } from '../../control-plane/ports.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { SimulatedWorld } from '../simulation/simulated-world.ts';

const DEVICES = ['0', '1'].map(i => ({ id: `nvidia.com/gpu=${i}`, driver: 'cdi' as const }));

/** One replica with a device, on one of two nodes. */
async function placed(): Promise<{ world: SimulatedWorld; home: string; other: string }> {
  const world = new SimulatedWorld({ nodes: ['a', 'b'].map(name => ({ name, cpus: 8, devices: DEVICES })) });
  await world.begin();
  const resources = { gpu: {} };
  const spec = { namespace: 'sim', name: 'svc', image: 'image:1', port: 80, resources };
  await world.ask(c => c.apply({ specs: [spec], origin: '', dryRun: false }));
  await world.advance(3_000);
  const home = world.controlPlane.services()[0]!.replicas[0]!.node!;
  return { world, home, other: home === 'a' ? 'b' : 'a' };
}

/** The engine of a simulated node, under a name of the test's; reached as it always was. */
function memberOn(world: SimulatedWorld, machine: string, name: string): Member {
  const node = world.node(machine);
  const engine = new FakeEngine({
    clock: world.clock,
    node: name,
    on: node.machine,
    instance: world.disk.instance,
    cpus: 8,
    latencyMs: 7,
    deadlineMs: 5_000,
  });
  return { engine, profile: { ...LOCAL_PROFILE, connection: `fake://${machine}` } };
}

const replicasOf = (world: SimulatedWorld) => world.controlPlane.services()[0]!.replicas;

test('a node that is renamed while it is silent keeps its replicas, however long it stays so', async t => {
  const { world, home, other } = await placed();
  const [before] = replicasOf(world);
  world.suffer(home, 'down');
  await world.advance(2_000);
  world.controller.setMembers([memberOn(world, home, 'z'), memberOn(world, other, other)]);
  await world.advance(10_000);
  t.like(replicasOf(world)[0], { id: before!.id, node: 'z', containerId: before!.containerId! });
  await world.advance(120_000);
  t.true(replicasOf(world).some(r => r.id === before!.id && r.node === 'z'));
  world.suffer(home, 'fine');
  await world.advance(20_000);
  t.like(replicasOf(world)[0], { id: before!.id, node: 'z', phase: 'ready', containerId: before!.containerId! });
  const events = await world.controlPlane.pastEvents({ node: 'z', limit: 20 });
  t.true(events.some(e => e.type === 'node.renamed' && e.message.includes(home)));
  await world.end();
});

test('a node that is known by its engine to be one that leaves takes over its replicas, its drain and its devices', async t => {
  const { world, home, other } = await placed();
  const [before] = replicasOf(world);
  await world.ask(c => c.drainNode(home));
  const anew: Member = {
    ...memberOn(world, home, 'z'),
    profile: { ...LOCAL_PROFILE, connection: 'fake://another-way' },
  };
  // Nobody takes what is there, so that it has to stay.
  world.suffer(other, 'down');
  await world.advance(5_000);
  const members = [anew, memberOn(world, other, other)];
  world.controller.setMembers(members);
  world.controller.setMembers(members.map(m => (m === anew ? { ...m, formerName: home } : m)));
  await world.advance(10_000);
  t.true(replicasOf(world).some(r => r.id === before!.id && r.node === 'z' && r.phase === 'ready'));
  t.is(replicasOf(world).find(r => r.id === before!.id)?.containerId, before!.containerId);
  t.is(world.controlPlane.nodes().find(n => n.name === 'z')?.state, 'draining');
  t.false(world.controlPlane.nodes().some(n => n.name === home));
  const left = (await world.controlPlane.pastEvents({ node: home, limit: 20 })).find(e => e.type === 'node.left');
  t.is(left?.message, 'it goes on under another name');
  await world.end();
});

test('a drain goes with the machine that it was asked for, through swapped names and a new life', async t => {
  const { world, home, other } = await placed();
  await world.ask(c => c.drainNode(other));
  await world.advance(1_000);
  const [before] = replicasOf(world);
  world.controller.setMembers([memberOn(world, home, other), memberOn(world, other, home)]);
  await world.advance(10_000);
  const states = () => Object.fromEntries(world.controlPlane.nodes().map(n => [n.name, n.state]));
  t.deepEqual(states(), { [other]: 'answering', [home]: 'drained' });
  t.deepEqual(
    replicasOf(world).map(r => [r.id, r.containerId, r.node, r.phase]),
    [[before!.id, before!.containerId, other, 'ready']],
  );
  await world.end();
});
