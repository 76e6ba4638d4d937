import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { OutriggerError } from '../../../control-plane/core/errors.ts';
import type { ObservedDevice } from '../../../control-plane/core/observed.ts';
import { DriverInventory } from '../../../control-plane/engine/docker/driver-inventory.ts';
import { EngineClient } from '../../../control-plane/engine/docker/engine-client.ts';
import { NodeCapacity } from '../../../control-plane/engine/docker/node-capacity.ts';
import { parseSmi } from '../../../control-plane/engine/docker/nvidia-smi.ts';
import { imageNames } from '../../../control-plane/engine/docker/present-images.ts';
import { Steady } from '../../../control-plane/engine/docker/steady.ts';
import { VirtualClock } from '../../fakes/clock.ts';
import { until } from '../../until.ts';

const MIB = 1024 ** 2;
const CDI = ['nvidia.com/gpu=0', 'nvidia.com/gpu=1', 'nvidia.com/gpu=all'];
const smi = (usedMib = 0, ...uuids: string[]) =>
  parseSmi({
    query: {
      exitCode: 0,
      stdout: (uuids.length > 0 ? uuids : ['GPU-aa', 'GPU-bb'])
        .map((uuid, i) => `${i}, ${uuid}, NVIDIA L4, 23034, ${usedMib}, ${23_034 - usedMib}, [N/A]`)
        .join('\n'),
    },
  });
const soon = () => AbortSignal.timeout(60_000);
const ids = (devices: readonly ObservedDevice[]) => devices.map(d => d.id);

/** What an engine answers to the two questions that make up a node's capacity, and a driver of which the test decides. */
async function node(
  t: ExecutionContext,
  options: { devices?: readonly ObservedDevice[]; withoutDriver?: boolean; handsOver?: boolean } = {},
) {
  const world = {
    cdi: CDI,
    images: [{ Id: 'sha256:1', RepoTags: ['model:1'], RepoDigests: [] as string[] }],
    answers: true,
    asked: { '/info': 0, '/images/json': 0 } as Record<string, number>,
    driver: async (_signal: AbortSignal) => smi(),
    readings: 0,
    changes: 0,
    repeated: [] as (readonly string[])[],
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    world.asked[path] = (world.asked[path] ?? 0) + 1;
    if (!world.answers) return request.socket.destroy();
    const info = { NCPU: 8, MemTotal: 1_000, Labels: ['zone=a', 'bare'], Runtimes: { runc: {} } };
    const devices = world.cdi.map(ID => ({ Source: 'cdi', ID }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(path === '/info' ? { ...info, DiscoveredDevices: devices } : world.images));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new EngineClient({ kind: 'tcp', host: '127.0.0.1', port });
  const clock = new VirtualClock();
  const read = (signal: AbortSignal) => {
    world.readings += 1;
    return world.driver(signal);
  };
  const inventory = new DriverInventory({ clock, read });
  const capacity = new NodeCapacity(client, {
    clock,
    driver: options.withoutDriver ? null : { inventory, everyMs: 30_000 },
    handsOverNvidia: async () => options.handsOver ?? false,
    onChange: () => world.changes++,
    onRepeated: ids => world.repeated.push(ids),
    ...(options.devices && { devices: options.devices }),
  });
  t.teardown(() => {
    inventory.close();
    client.close();
    server.closeAllConnections();
    server.close();
  });
  const devices = async () => (await capacity.read(soon())).devices;
  /** Reads as an observer does, until it is so. */
  const eventually = (holds: (devices: readonly ObservedDevice[]) => boolean) =>
    until(
      async () => `the devices are as expected; they are ${JSON.stringify(await devices())}`,
      async () => {
        const now = await devices();
        return holds(now) ? now : null;
      },
    );
  return { world, capacity, clock, inventory, devices, eventually };
}

test('the first reading waits for engine, images and driver', async t => {
  const { capacity } = await node(t);
  const read = await capacity.read(soon());
  t.like(read, { cpus: 8, memoryBytes: 1_000, labels: { zone: 'a', bare: '' } });
  t.true(read.images.has('model:1'));
  t.deepEqual(ids(read.devices), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  t.like(read.devices[1], { uuid: 'GPU-bb', memoryBytes: 23_034 * MIB });
});

test('everything is asked again after half a minute, and what is new wakes', async t => {
  const { world, capacity, clock, eventually } = await node(t);
  await capacity.read(soon());
  await capacity.read(soon());
  await clock.advance(29_000);
  await capacity.read(soon());
  t.deepEqual([world.asked['/info'], world.readings], [1, 1]);
  const before = world.changes;
  world.driver = async () => smi(5_000);
  await clock.advance(1_000);
  const [device] = await eventually(([d]) => d?.measured?.usedBytes === 5_000 * MIB);
  t.is(device?.measured?.at, clock.now());
  t.true(world.changes > before);
  t.deepEqual([world.asked['/info'], world.readings], [2, 2]);
});

test('after a reconnection the next reading waits for the engine', async t => {
  const { world, capacity } = await node(t);
  await capacity.read(soon());
  world.cdi = [...CDI, 'nvidia.com/gpu=2'];
  capacity.forget();
  t.true(ids((await capacity.read(soon())).devices).includes('nvidia.com/gpu=2'));
});

test('an engine that does not answer fails the first reading and the one after a reconnection, and no other', async t => {
  const { world, capacity, clock } = await node(t);
  world.answers = false;
  const refused = () => t.throwsAsync(capacity.read(soon()), { instanceOf: OutriggerError });
  await refused();
  world.answers = true;
  const read = await capacity.read(soon());
  world.answers = false;
  await clock.advance(60_000);
  t.deepEqual((await capacity.read(soon())).devices, read.devices);
  capacity.forget();
  await refused();
  await t.throwsAsync(capacity.measure(soon()), { instanceOf: OutriggerError });
});

test('a driver that hangs holds up the first reading for a moment only, and later ones not at all', async t => {
  const { world, devices, eventually, clock } = await node(t);
  const answer = Promise.withResolvers<void>();
  world.driver = async () => {
    await answer.promise;
    return smi();
  };
  const plain = await devices();
  t.deepEqual(ids(plain), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  t.is(plain[0]?.model, undefined);
  await clock.advance(120_000);
  await devices();
  t.is(world.readings, 1, 'no second question beside the first');
  answer.resolve();
  await eventually(([d]) => d?.model === 'NVIDIA L4');
});

test('a driver that fails takes nothing away but the measurements, however long it fails', async t => {
  const { world, capacity, devices, inventory } = await node(t);
  const before = await devices();
  world.driver = async () => {
    throw new OutriggerError('unavailable', 'nvidia-smi ended with 9: no driver');
  };
  for (let i = 0; i < 5; i += 1) await capacity.measure(soon());
  t.deepEqual(
    await devices(),
    before.map(({ measured: _, ...rest }) => rest),
  );
  t.is(inventory.trouble, 'nvidia-smi ended with 9: no driver');
  world.driver = async () => smi(1);
  await capacity.measure(soon());
  t.is((await devices())[0]?.measured?.usedBytes, MIB);
  t.is(inventory.trouble, null);
});

test('a stated device that a reading says is one with an earlier one does not count, and is told of once', async t => {
  const stated: ObservedDevice[] = [
    { id: 'nvidia.com/gpu=1', driver: 'cdi', index: '1' },
    { id: 'nvidia.com/gpu=GPU-bb', driver: 'cdi', uuid: 'GPU-bb' },
  ];
  const { world, capacity, devices } = await node(t, { devices: stated });
  t.deepEqual(ids(await devices()), ['nvidia.com/gpu=1']);
  await capacity.measure(soon());
  t.deepEqual(world.repeated, [['nvidia.com/gpu=GPU-bb']]);
  world.driver = async () => smi(0, 'GPU-aa', 'GPU-cc', 'GPU-bb');
  await capacity.measure(soon());
  t.deepEqual(ids(await devices()), ['nvidia.com/gpu=1', 'nvidia.com/gpu=GPU-bb']);
  t.deepEqual(world.repeated.at(-1), []);
});

test('a GPU that the driver does not list any more vanishes at the second look, though CDI names it', async t => {
  const { world, capacity, devices } = await node(t);
  await devices();
  world.driver = async () => smi(0, 'GPU-aa');
  await capacity.measure(soon());
  t.deepEqual(ids(await devices()), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
  t.is((await devices())[1]?.measured, undefined);
  await capacity.measure(soon());
  t.deepEqual(ids(await devices()), ['nvidia.com/gpu=0']);
  world.driver = async () => smi();
  await capacity.measure(soon());
  t.deepEqual(ids(await devices()), ['nvidia.com/gpu=0', 'nvidia.com/gpu=1']);
});

const UUID_NAMES = ['nvidia.com/gpu=GPU-aa', 'nvidia.com/gpu=GPU-bb', 'nvidia.com/gpu=GPU-cc'];
const second = { id: 'nvidia.com/gpu=1', uuid: 'GPU-bb' };

test('a device is asked for by its UUID where the engine knows it so, otherwise by its id', async t => {
  const { world, capacity, devices } = await node(t);
  await devices();
  t.deepEqual(await capacity.namesOf([second], soon()), ['nvidia.com/gpu=1']);
  world.cdi = [...CDI, ...UUID_NAMES];
  t.deepEqual(await capacity.namesOf([second], soon()), ['nvidia.com/gpu=GPU-bb']);
  t.deepEqual(await capacity.namesOf([{ id: 'nvidia.com/gpu=1' }], soon()), ['nvidia.com/gpu=1'], 'known by no other');
  t.deepEqual(await capacity.namesOf([], soon()), []);
});

test('a device whose number another one has by now is not handed over, however new the last reading is', async t => {
  const { world, capacity, devices } = await node(t);
  world.cdi = [...CDI, 'nvidia.com/gpu=2'];
  world.driver = async () => smi(0, 'GPU-aa', 'GPU-bb', 'GPU-cc');
  await devices();
  // The first GPU falls off the bus, and the file that names them is written anew.
  world.cdi = CDI;
  world.driver = async () => smi(0, 'GPU-bb', 'GPU-cc');
  await t.throwsAsync(capacity.namesOf([{ id: 'nvidia.com/gpu=0', uuid: 'GPU-aa' }], soon()), {
    message: /nvidia\.com\/gpu=0 is not handed over: it was GPU-aa, and is GPU-bb now/,
  });
  await t.throwsAsync(capacity.namesOf([{ id: 'nvidia.com/gpu=7', uuid: 'GPU-dd' }], soon()), {
    message: /does not list it any more/,
  });
});

test('while the driver fails, names that changed stand for nothing that was read before', async t => {
  const { world, capacity, devices, clock } = await node(t);
  t.is((await devices())[1]?.uuid, 'GPU-bb');
  world.driver = async () => {
    throw new OutriggerError('unavailable', 'nvidia-smi ended with 9: no driver');
  };
  world.cdi = [...CDI, 'nvidia.com/gpu=2'];
  await clock.advance(1);
  await capacity.measure(soon());
  t.deepEqual(
    (await devices()).map(({ id, uuid }) => [id, uuid]),
    ['0', '1', '2'].map(n => [`nvidia.com/gpu=${n}`, undefined]),
    'they are there, and nobody knows which is which',
  );
  await t.throwsAsync(capacity.namesOf([second], soon()), { message: /cannot be told until the driver answers/ });
  world.driver = async () => smi(0, 'GPU-aa', 'GPU-bb', 'GPU-cc');
  t.deepEqual(await capacity.namesOf([second], soon()), ['nvidia.com/gpu=1']);
});

test('one look without any device makes none vanish, two do, and a doubt is settled soon', async t => {
  const { world, capacity, clock, devices, eventually } = await node(t);
  await devices();
  world.cdi = [];
  await capacity.measure(soon());
  t.is((await devices()).length, 2);
  await clock.advance(2_000);
  await eventually(d => d.length === 0);
  world.cdi = CDI;
  await capacity.measure(soon());
  t.is((await devices()).length, 2);
});

test('where nothing leads to the driver, devices are known by name', async t => {
  const { world, devices, capacity } = await node(t, { withoutDriver: true });
  t.deepEqual(await devices(), [
    { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0' },
    { id: 'nvidia.com/gpu=1', driver: 'cdi', index: '1' },
  ]);
  await capacity.measure(soon());
  t.is(world.readings, 0);
});

test('a machine that shows no sign of NVIDIA is not asked for its driver', async t => {
  const { world, devices } = await node(t);
  world.cdi = ['amd.com/gpu=0'];
  t.deepEqual(await devices(), [{ id: 'amd.com/gpu=0', driver: 'cdi', index: '0' }]);
  t.is(world.readings, 0);
});

test('without CDI, devices come from the driver where the hook of the toolkit is there', async t => {
  const { world, devices, eventually } = await node(t, { handsOver: true });
  world.cdi = [];
  await devices();
  t.deepEqual(ids(await eventually(d => d.length > 0)), ['GPU-aa', 'GPU-bb']);
});

test('stated devices are those of the node, whatever is discovered, and are measured', async t => {
  const stated = [{ id: 'nvidia.com/gpu=1', driver: 'cdi' as const, model: 'H100', memoryBytes: 80 * 1024 * MIB }];
  const { devices, eventually } = await node(t, { devices: stated });
  t.deepEqual(ids(await devices()), ['nvidia.com/gpu=1']);
  const [device] = await eventually(([d]) => d?.measured !== undefined);
  t.like(device, { model: 'H100', memoryBytes: 80 * 1024 * MIB, uuid: 'GPU-bb' });
});

test('images are listed once for many readings, and again when an event said so', async t => {
  const { world, capacity, clock } = await node(t);
  world.images = Array.from({ length: 1_000 }, (_, i) => ({
    Id: `sha256:${i}`,
    RepoTags: [`registry.example/model-${i}:latest`],
    RepoDigests: [`registry.example/model-${i}@sha256:${'0'.repeat(64)}`],
  }));
  const first = (await capacity.read(soon())).images;
  t.true(first.has('registry.example/model-999'));
  for (let i = 0; i < 100; i += 1) t.is((await capacity.read(soon())).images, first, 'the same set, not a copy');
  t.is(world.asked['/images/json'], 1);

  world.images = [{ Id: 'sha256:n', RepoTags: ['new:1'], RepoDigests: [] }];
  for (let i = 0; i < 100; i += 1) capacity.forgetImages();
  await until('the new image is listed', async () => (await capacity.read(soon())).images.has('new:1'));
  t.is(world.asked['/images/json'], 2);
  await clock.advance(5 * 60_000);
  await capacity.read(soon());
  await until(
    'images are asked for again after five minutes, as events get lost',
    () => world.asked['/images/json'] === 3,
  );
});

test('an image is known by every name that a service may give it', t => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const names = (...RepoTags: string[]) => new Set(imageNames({ Id: 'sha256:1', RepoTags }));
  for (const name of ['busybox', 'busybox:latest', 'docker.io/library/busybox', 'library/busybox:latest', 'sha256:1']) {
    t.true(names('busybox:latest').has(name), name);
  }
  t.true(names('user/app:2').has('docker.io/user/app:2'));
  t.false(names('user/app:2').has('user/app'));
  t.deepEqual([...names('registry.example:5000/app:2')], ['sha256:1', 'registry.example:5000/app:2']);
  t.deepEqual(imageNames({ Id: 'sha256:1', RepoTags: null, RepoDigests: ['<none>@<none>'] }), ['sha256:1']);
  t.true(imageNames({ Id: 'i', RepoDigests: [`app@${digest}`] }).includes(`docker.io/library/app@${digest}`));
});

test('what is missing once is kept, what is missing twice in a row is not, over any history', t => {
  const look = fc.uniqueArray(fc.integer({ min: 0, max: 4 }));
  fc.assert(
    fc.property(fc.array(look, { maxLength: 20 }), looks => {
      const steady = new Steady<number>();
      looks.forEach((found, i) => {
        steady.note(found.map(n => [String(n), n] as const));
        const before = looks[i - 1] ?? [];
        const expected = new Set([...found, ...before]);
        // Present in the look before the last alone: it was missed by two.
        t.deepEqual([...new Set(steady.values())].sort(), [...expected].sort());
        t.is(
          steady.doubtful,
          before.some(n => !found.includes(n)),
        );
      });
    }),
  );
});
