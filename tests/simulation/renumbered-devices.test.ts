import test from 'ava';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { SimulatedWorld } from './simulated-world.ts';
import { exactly, GIB, serving, sharing, timeUntil, up } from './small-cluster.ts';

/** The GPU of this number, which is the one of this UUID at present; without it, its driver was not read yet. */
function gpu(number: number, uuid?: string): ObservedDevice {
  const plain = { id: `nvidia.com/gpu=${number}`, driver: 'cdi' as const, index: `${number}` };
  return uuid === undefined ? plain : { ...plain, uuid, memoryBytes: 80 * GIB };
}

const BEFORE = [gpu(0, 'GPU-0'), gpu(1, 'GPU-1')];
const AFTER = [gpu(0, 'GPU-1'), gpu(1, 'GPU-0')];
const whole = { resources: { gpu: { count: 1 } }, replicas: exactly(1) };

async function aWorld(): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({ nodes: [{ name: 'a', cpus: 6, devices: BEFORE }], probesPassAfterMs: 700 });
  await world.begin();
  return world;
}

/** By name of the service: the GPUs that what runs was really given, whatever they are called. */
function given(world: SimulatedWorld, numbered: readonly ObservedDevice[]): Record<string, string[]> {
  const { machine } = world.node('a');
  const uuid = (id: string) => numbered.find(d => d.id === id)?.uuid ?? id;
  return Object.fromEntries(
    [...machine.containers.values()]
      .filter(c => c.state === 'running')
      .map(c => [c.request.spec.name, c.request.placement.devices.map(uuid)]),
  );
}

/** The machine boots, and its devices are numbered otherwise. */
function reboot(world: SimulatedWorld, listed: readonly ObservedDevice[]): void {
  world.suffer('a', 'dark');
  world.node('a').machine.setDevices(listed);
  world.suffer('a', 'fine');
}

/** One has a container, and its start got no answer yet. */
async function aCreatedOne(spec: Partial<ServiceSpecInput> = whole): Promise<SimulatedWorld> {
  const world = await aWorld();
  world.node('a').engine.failNext('start', { kind: 'hang' });
  await up(world, 'first', spec, 0);
  await world.clock.advanceUntil(() => world.containers().length > 0, 60_000);
  await world.advance(100);
  return world;
}

test('a container that was created before a reboot numbered the GPUs anew is never started', async t => {
  const world = await aCreatedOne();
  const [left] = world.containers();
  t.is(left?.state, 'created');
  await world.crash();
  reboot(world, AFTER);
  await world.begin();
  await up(world, 'second', whole);
  t.deepEqual(Object.values(given(world, AFTER)).flat().sort(), ['GPU-0', 'GPU-1']);
  t.false(world.containers().some(c => c.id === left?.id));
  await world.end();
});

test('nor is it where the reboot was short, and this control plane saw it all', async t => {
  const world = await aCreatedOne();
  world.suffer('a', 'dark');
  await world.advance(12_000);
  world.node('a').machine.setDevices(AFTER);
  world.suffer('a', 'fine');
  await up(world, 'second', whole);
  t.deepEqual(Object.values(given(world, AFTER)).flat().sort(), ['GPU-0', 'GPU-1']);
  await world.end();
});

test('where the GPUs kept their numbers, the container that was created is the one that runs', async t => {
  const world = await aCreatedOne();
  const [left] = world.containers();
  await world.crash();
  reboot(world, BEFORE);
  await world.begin();
  await world.advance(20_000);
  t.deepEqual(
    world.running().map(c => c.id),
    [left?.id],
  );
  await world.end();
});

test('what is started before the driver was read holds what it got, and not what had its number before', async t => {
  const world = await aWorld();
  await up(world, 'first', whole);
  await world.crash();
  reboot(world, [gpu(0), gpu(1)]);
  await world.begin();
  t.not(await timeUntil(world, () => serving(world, 'first') === 1, 60_000), null, 'it waits for no driver');
  world.node('a').machine.setDevices(AFTER);
  await world.advance(20_000);
  await up(world, 'second', whole);
  t.deepEqual(Object.values(given(world, AFTER)).flat().sort(), ['GPU-0', 'GPU-1']);
  await world.end();
});

test('a silent node is asked to start nothing that has devices before it has said which these are', async t => {
  const world = await aCreatedOne();
  const { engine } = world.node('a');
  const starts = () => engine.calls.filter(c => c.method === 'start').length;
  world.suffer('a', 'down');
  await world.advance(8_000);
  const before = starts();
  await world.advance(120_000);
  t.is(starts(), before);
  world.suffer('a', 'fine');
  t.not(await timeUntil(world, () => serving(world, 'first') === 1, 60_000), null);
  await world.end();
});

test('a share of a GPU follows the GPU, not its number', async t => {
  const world = await aCreatedOne({ ...sharing(50), replicas: exactly(1) });
  await world.crash();
  reboot(world, AFTER);
  await world.begin();
  await up(world, 'second', { ...sharing(50), replicas: exactly(1) }, 30_000);
  t.deepEqual(Object.values(given(world, AFTER)).flat().sort(), ['GPU-0', 'GPU-1']);
  await world.end();
});
