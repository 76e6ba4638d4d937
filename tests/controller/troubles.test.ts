import test from 'ava';
import { SimulatedWorld } from '../simulation/simulated-world.ts';

const apply = (world: SimulatedWorld, ...names: string[]) =>
  world.ask(c =>
    c.apply({
      specs: names.map(name => ({ namespace: 'sim', name, image: 'image:1', port: 80 })),
      origin: 'test',
      dryRun: false,
    }),
  );
const service = (world: SimulatedWorld, name: string) => world.controlPlane.services().find(s => s.name === name)!;

test('a service that nothing can be decided about keeps nobody else waiting, serves on, and says so', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  await apply(world, 'bad', 'good');
  await world.advance(3_000);
  await world.crash();
  for (const [key, text] of world.disk.generations)
    if (JSON.parse(text).service === 'sim/bad') world.disk.generations.delete(key);
  await world.begin();
  await world.advance(2_000);
  const bad = service(world, 'bad');
  t.is(bad.state, 'degraded');
  t.regex(bad.message, /^it is left as it is.*no spec is stored for sim\/bad generation 1/);
  t.deepEqual(
    bad.replicas.map(r => r.phase),
    ['ready'],
  );
  t.is(world.running().filter(c => c.name !== 'foreign').length, 2);
  t.like(service(world, 'good'), { state: 'ready', message: '' });
  await apply(world, 'other');
  await world.advance(5_000);
  t.is(service(world, 'other').state, 'ready', 'others begin');
  const troubled = async () =>
    (await world.controlPlane.pastEvents({ namespace: 'sim', name: 'bad', limit: 50 })).filter(e =>
      e.type.endsWith('troubled'),
    );
  t.deepEqual(
    (await troubled()).map(e => e.type),
    ['service.troubled'],
    'once, however often it fails',
  );
  t.is(world.controlPlane.status().trouble, undefined);
  await world.end();
});

test('what a pass fails for is told by the status until one succeeds', async t => {
  const world = new SimulatedWorld();
  await world.begin();
  await apply(world, 'svc');
  let told = 0;
  world.controlPlane.onChange(() => {
    if (world.controlPlane.status().trouble !== undefined) told += 1;
  });
  world.disk.faults.push('full', 'full');
  await world.advance(400);
  t.is(world.controlPlane.status().trouble, 'the disk is full');
  t.is(told, 1);
  await world.advance(5_000);
  t.is(world.controlPlane.status().trouble, undefined);
  t.is(service(world, 'svc').state, 'ready');
  await world.end();
});
