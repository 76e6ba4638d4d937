import type { ExecutionContext } from 'ava';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import { until } from '../until.ts';
import { type EngineWorld, requestOf, soon } from './engine.ts';

/** An engine whose node has two GPUs of 24 GiB, of which nothing is in use at first. */
export interface DeviceWorld extends EngineWorld {
  readonly gpus: {
    readonly ids: readonly [string, string];
    /** The engine lists it no more; whatever has it keeps it. */
    readonly hide: (id: string) => Promise<void>;
    readonly show: (id: string) => Promise<void>;
    /** So much of its memory is in use from now on. */
    readonly use: (id: string, usedBytes: number) => Promise<void>;
    /** A running container does not see its devices any more. */
    readonly takeFrom: (containerId: string) => Promise<void>;
    /** The driver does not answer from now on, or it does again. */
    readonly failDriver: (fails: boolean) => Promise<void>;
  };
}

/** What the Engine port promises of devices, on any implementation of it. */
export function deviceContract(
  test: (title: string, run: (t: ExecutionContext) => Promise<void>) => void,
  make: (title: string) => Promise<DeviceWorld>,
): void {
  const check = (title: string, run: (t: ExecutionContext, w: DeviceWorld) => Promise<void>) =>
    test(title, async t => {
      const world = await make(t.title);
      try {
        await run(t, world);
      } finally {
        await world.close();
      }
    });

  check('each device is listed once, with what is known of it', async (t, w) => {
    const devices = await described(w);
    t.deepEqual(devices.map(d => d.id).sort(), [...w.gpus.ids].sort());
    t.is(new Set(devices.map(d => d.uuid)).size, 2);
    for (const device of devices) t.like(device, { driver: 'cdi', model: 'SIM-A 24GB', memoryBytes: 24 * GIB });
  });

  check('a measurement that was asked for is in the next listing', async (t, w) => {
    await described(w);
    for (const usedBytes of [4 * GIB, 9 * GIB, 0]) {
      await w.gpus.use(w.gpus.ids[1], usedBytes);
      await w.engine.measure(soon());
      const { measured } = await device(w, w.gpus.ids[1]);
      t.like(measured, { usedBytes, freeBytes: 24 * GIB - usedBytes });
      t.is((await device(w, w.gpus.ids[0])).measured?.usedBytes, 0);
    }
  });

  check('a container is given exactly the devices of its placement, and sees them', async (t, w) => {
    const one = await startedOn(w, [w.gpus.ids[0]], 'aaaa0001');
    const both = await startedOn(w, w.gpus.ids, 'aaaa0002');
    t.is((await w.engine.checkDevices(one, { devices: given(w.gpus.ids[0]) }, soon())).kind, 'sees');
    t.is((await w.engine.checkDevices(both, { devices: given(...w.gpus.ids) }, soon())).kind, 'sees');
  });

  check('a container that lost sight of its devices says so, and another one does not', async (t, w) => {
    const [a, b] = w.gpus.ids;
    const one = await startedOn(w, [a], 'aaaa0001');
    const other = await startedOn(w, [b], 'aaaa0002');
    await w.gpus.takeFrom(one);
    const report = await w.engine.checkDevices(one, { devices: given(a) }, soon());
    t.is(report.kind, 'lost');
    t.regex(report.message, /Failed to initialize NVML/);
    t.is((await w.engine.checkDevices(other, { devices: given(b) }, soon())).kind, 'sees');
  });

  check('of a container that does not run nothing is known', async (t, w) => {
    const id = await startedOn(w, [w.gpus.ids[0]], 'aaaa0001');
    await w.engine.stop(id, { graceMs: 1_000 }, soon());
    t.is((await w.engine.checkDevices(id, { devices: given(w.gpus.ids[0]) }, soon())).kind, 'unknown');
    await w.engine.remove(id, soon());
    t.is((await w.engine.checkDevices(id, { devices: given(w.gpus.ids[0]) }, soon())).kind, 'unknown');
  });

  check('a device that is taken out vanishes from the listing, and comes back', async (t, w) => {
    const [a, b] = w.gpus.ids;
    const before = await described(w);
    const lists = (...ids: string[]) =>
      until(
        () => `the devices are ${ids.join()}`,
        async () => {
          await w.engine.measure(soon());
          const { devices } = await w.engine.observe(soon());
          return devices.map(d => d.id).join() === ids.join();
        },
      );
    await w.gpus.hide(a);
    await lists(b);
    t.like(await device(w, b), { uuid: before.find(d => d.id === b)?.uuid as string });
    await w.gpus.hide(b);
    await lists();
    await w.gpus.show(a);
    await w.gpus.show(b);
    await lists(a, b);
    t.deepEqual((await described(w)).map(identity), before.map(identity));
  });

  check('a device that is not there is refused, and the container can be removed', async (t, w) => {
    const missing = `${w.gpus.ids[0]}9`;
    const request = { ...requestOf(w, { ...w.programs.serves, resources: { gpu: {} } }), placement: on(w, [missing]) };
    const { containerId } = await w.engine.create(request, soon());
    const error = await t.throwsAsync(w.engine.start(containerId, soon()), { instanceOf: OutriggerError });
    t.is((error as OutriggerError).code, 'container_rejected', error?.message);
    await w.engine.remove(containerId, soon());
  });

  check('a driver that does not answer takes no device away, and its measurements with it', async (t, w) => {
    const before = await described(w);
    await w.gpus.failDriver(true);
    for (let look = 0; look < 3; look += 1) {
      await w.engine.measure(soon());
      const { devices } = await w.engine.observe(soon());
      t.deepEqual(devices.map(identity), before.map(identity));
      t.true(devices.every(d => d.measured === undefined));
    }
    await w.gpus.failDriver(false);
    await w.engine.measure(soon());
    t.is((await device(w, w.gpus.ids[0])).measured?.usedBytes, 0);
  });
}

const GIB = 1024 ** 3;

/** The devices as soon as everything of them is known. */
function described(w: DeviceWorld): Promise<readonly ObservedDevice[]> {
  return until('two devices are listed and measured', async () => {
    const { devices } = await w.engine.observe(soon());
    return devices.length === 2 && devices.every(d => d.measured) ? devices : null;
  });
}

async function device(w: DeviceWorld, id: string): Promise<ObservedDevice> {
  const found = (await w.engine.observe(soon())).devices.find(d => d.id === id);
  if (!found) throw new Error(`${id} is not listed`);
  return found;
}

function identity({ measured: _, ...rest }: ObservedDevice): Omit<ObservedDevice, 'measured'> {
  return rest;
}

function on(w: DeviceWorld, devices: readonly string[]) {
  return { node: w.engine.node, devices: [...devices] };
}

async function startedOn(w: DeviceWorld, devices: readonly string[], replicaId: string): Promise<string> {
  const spec = { ...w.programs.serves, resources: { gpu: { count: devices.length } } };
  const request = { ...requestOf(w, spec, { replicaId }), placement: on(w, devices) };
  const { containerId } = await w.engine.create(request, soon());
  await w.engine.start(containerId, soon());
  return containerId;
}

function given(...ids: readonly string[]) {
  return ids.map(id => ({ id }));
}
