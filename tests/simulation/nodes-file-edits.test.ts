import test from 'ava';
import { SimulatedWorld } from './simulated-world.ts';
import { exactly, serving, smallCluster, up } from './small-cluster.ts';

const PATIENT = { lostAfterMs: 600_000, replaceAfterMs: 60_000, quarantineMs: 600_000 };

test('a container that is removed by hand is replaced at once beside a new node that does not answer', async t => {
  const nodes = ['a', 'b'].map(name => ({ name, cpus: 6, devices: [], configured: name === 'a' }));
  const world = new SimulatedWorld({ nodes, probesPassAfterMs: 700 });
  await world.begin();
  world.controller.setNodePolicy(PATIENT);
  await up(world, 's', { replicas: exactly(1) });
  world.suffer('b', 'down');
  world.configure('b', true);
  await world.advance(2_000);
  const [removed] = world.running();
  world.node('a').machine.vanish(removed!.id);
  await world.advance(20_000);
  t.is(serving(world, 's'), 1);
  t.is(world.running().length, 1);
  await world.end();
});

test('so it is after a restart of ours beside a node that has been away ever since', async t => {
  const world = await smallCluster({ a: 0, b: 0 });
  world.controller.setNodePolicy(PATIENT);
  await up(world, 's', { replicas: exactly(1), placement: { constraints: ['node.labels.zone == a'] } });
  world.suffer('b', 'down');
  await world.crash();
  await world.begin();
  world.controller.setNodePolicy(PATIENT);
  await world.advance(5_000);
  const [removed] = world.running();
  world.node('a').machine.vanish(removed!.id);
  await world.advance(20_000);
  t.is(serving(world, 's'), 1);
  t.is(world.running().length, 1);
  await world.end();
});

test('a dead node is lost in time, however often what the file says of its engine changes', async t => {
  const world = await smallCluster({ a: 0, b: 0 });
  await up(world, 's', { replicas: exactly(2), placement: { maxPerNode: 2 } });
  t.deepEqual(homes(world), ['a', 'b']);
  world.suffer('b', 'dark');
  for (let edit = 0; edit < 6; edit += 1) {
    await world.advance(20_000);
    const b = world.node('b');
    world.controller.setMembers(world.nodes.map(n => (n === b ? n.newMember() : n.member)));
  }
  t.deepEqual(homes(world), ['a', 'a']);
  t.is(serving(world, 's'), 2);
  await world.end();
});

/** The nodes of the service's running containers, in order. */
function homes(world: SimulatedWorld): string[] {
  const homesOf = world.nodes.flatMap(({ name, machine }) =>
    [...machine.containers.values()].filter(c => c.state === 'running').map(() => name),
  );
  return homesOf.sort();
}
