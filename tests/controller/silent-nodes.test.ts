import test from 'ava';
import { SimulatedWorld } from '../simulation/simulated-world.ts';

test('with hundreds of silent nodes and replicas that wait, the loop rests most of the time', async t => {
  const nodes = Array.from({ length: 300 }, (_, i) => ({ name: `n${i}`, cpus: 4, devices: [] }));
  const world = new SimulatedWorld({ nodes });
  for (const node of world.nodes) node.suffer('down');
  await world.begin();
  const replicas = { min: 20, max: 20, initial: 20 };
  const spec = { namespace: 'sim', name: 'svc', image: 'image:1', replicas };
  await world.ask(c => c.apply({ specs: [spec], origin: 'test', dryRun: false }));
  let passes = 0;
  const { sidecar } = world;
  const target = sidecar.target.bind(sidecar);
  // What is to be probed is said once a pass.
  sidecar.target = targets => {
    passes += 1;
    target(targets);
  };
  await world.advance(10_000);
  t.true(passes > 0);
  passes = 0;
  await world.advance(30_000);
  t.true(passes <= 10, `${passes} passes in half a minute`);
  t.deepEqual(new Set(world.controlPlane.services()[0]?.replicas.map(r => r.phase)), new Set(['pending']));
  world.suffer('n7', 'fine');
  await world.advance(12_000);
  t.true(
    world.controlPlane.services()[0]!.replicas.some(r => r.node === 'n7'),
    'one that is back is found',
  );
  await world.end();
});
