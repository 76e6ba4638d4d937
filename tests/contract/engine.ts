import type { TestFn } from 'ava';
import type { Action } from '../../control-plane/core/actions.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { ObservedContainer } from '../../control-plane/core/observed.ts';
import { type ServiceSpecInput, serviceSpec } from '../../control-plane/core/spec.ts';
import type { Engine, EngineListing, LogLine } from '../../control-plane/ports.ts';

/** One engine to be tested, with what the suite needs to act on its world. Made anew for each test. */
export interface EngineWorld {
  readonly engine: Engine;
  /** Another control plane on the same node. */
  readonly other: Engine;
  /** Unique to the test: names of containers, networks and volumes begin with it. */
  readonly namespace: string;
  readonly image: string;
  /** Parts of a spec whose container does as the name says. */
  readonly programs: Readonly<Record<Program, Partial<ServiceSpecInput>>> & {
    readonly prints: (...lines: string[]) => Partial<ServiceSpecInput>;
    readonly exits: (code: number, ...lines: string[]) => Partial<ServiceSpecInput>;
  };
  /** As `docker kill` by somebody else. */
  readonly killFromOutside: (containerId: string) => Promise<void>;
  /** Gives `image` one more name, as somebody else does. */
  readonly addImage: (name: string) => Promise<void>;
  readonly removeImage: (name: string) => Promise<void>;
  readonly hasNetwork: (name: string) => Promise<boolean>;
  /** A subnet that something else has there. */
  readonly takenSubnet: () => Promise<string>;
  /** Stops and deletes everything that the test made. */
  readonly close: () => Promise<void>;
}
type Program = 'serves' | 'ignoresStop' | 'runsOutOfMemory' | 'missingBinary';

/** Everything that the Engine port promises, on any implementation of it. */
export function engineContract(test: TestFn, make: (title: string) => Promise<EngineWorld>): void {
  const check = (title: string, run: (t: import('ava').ExecutionContext, w: EngineWorld) => Promise<void>) =>
    test(title, async t => {
      const world = await make(t.title);
      try {
        await run(t, world);
      } finally {
        await world.close();
      }
    });

  check('a node has CPUs and memory, and at first no containers', async (t, { engine }) => {
    const listing = await engine.observe(soon());
    t.true(listing.cpus > 0);
    t.true(listing.memoryBytes > 0);
    t.is(listing.platform?.os, 'linux');
    t.regex(listing.platform?.architecture ?? '', /^[a-z0-9_]+$/);
    t.deepEqual(listing.containers, []);
  });

  check('a container goes from created to running to exited to gone, and carries its labels', async (t, w) => {
    const request = requestOf(w, { ...w.programs.serves, port: 8080 }, { generation: 7, attempt: 3 });
    const { containerId } = await w.engine.create(request, soon());
    const created = await only(w);
    t.like(created, {
      id: containerId,
      name: request.containerName,
      replicaId: request.replicaId,
      service: `${w.namespace}/svc`,
      generation: 7,
      attempt: 3,
      state: 'created',
      addresses: [],
    });

    await w.engine.start(containerId, soon());
    const running = await only(w);
    t.is(running.state, 'running');
    t.regex(running.addresses[0]?.ip ?? '', /^\d+\.\d+\.\d+\.\d+$/);
    t.is(running.addresses[0]?.network, `${w.namespace}_default`);
    t.true((running.startedAt ?? 0) > 0);

    await w.engine.stop(containerId, { graceMs: 5_000 }, soon());
    const exited = await only(w);
    t.is(exited.state, 'exited');
    t.deepEqual(exited.addresses, []);

    await w.engine.remove(containerId, soon());
    t.deepEqual((await w.engine.observe(soon())).containers, []);
  });

  check('creating the same attempt again adopts the container that is there', async (t, w) => {
    const request = requestOf(w, w.programs.serves);
    const first = await w.engine.create(request, soon());
    t.deepEqual(await w.engine.create(request, soon()), first);
    await w.engine.start(first.containerId, soon());
    t.deepEqual(await w.engine.create(request, soon()), first);
    t.is((await only(w)).state, 'running');
  });

  check('creating a later attempt while the earlier one is there is a conflict', async (t, w) => {
    const first = await w.engine.create(requestOf(w, w.programs.serves, { attempt: 1 }), soon());
    await rejects(t, w.engine.create(requestOf(w, w.programs.serves, { attempt: 2 }), soon()), 'conflict');
    t.is((await only(w)).id, first.containerId);
  });

  check('a name that belongs to somebody else is a conflict, and theirs stays', async (t, w) => {
    const request = requestOf(w, w.programs.serves);
    const theirs = await w.other.create(request, soon());
    await rejects(t, w.engine.create(request, soon()), 'conflict');
    await rejects(t, w.engine.remove(theirs.containerId, soon()), 'denied');
    t.is((await w.other.observe(soon())).containers[0]?.id, theirs.containerId);
    t.deepEqual((await w.engine.observe(soon())).containers, []);
  });

  check('start, stop and remove may be repeated, and a container that is gone is stopped and removed', async (t, w) => {
    const id = await started(w, w.programs.serves);
    await w.engine.start(id, soon());
    await w.engine.stop(id, { graceMs: 5_000 }, soon());
    await w.engine.stop(id, { graceMs: 5_000 }, soon());
    await w.engine.remove(id, soon());
    await w.engine.remove(id, soon());
    await w.engine.stop(id, { graceMs: 5_000 }, soon());
    await rejects(t, w.engine.start(id, soon()), 'not_found');
  });

  check('a container that runs is not removed', async (t, w) => {
    const id = await started(w, w.programs.serves);
    await rejects(t, w.engine.remove(id, soon()), 'conflict');
    t.is((await only(w)).state, 'running');
  });

  check('an exited container says with which code, and its last lines', async (t, w) => {
    await started(w, w.programs.exits(3, 'loading', 'giving up'));
    const { exit } = await eventually(w, c => c.state === 'exited');
    t.like(exit, { code: 3, oomKilled: false, logTail: ['loading', 'giving up'] });
  });

  check('of a long log, the exit keeps the last 20 lines', async (t, w) => {
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    await started(w, w.programs.exits(1, ...lines));
    const { exit } = await eventually(w, c => c.state === 'exited');
    t.deepEqual(exit?.logTail, lines.slice(-20));
  });

  check('a container that ignores the stop signal is killed after its grace', async (t, w) => {
    const id = await started(w, w.programs.ignoresStop);
    await w.engine.stop(id, { graceMs: 1_000 }, soon());
    t.like((await only(w)).exit, { code: 137, oomKilled: false });
  });

  check('killed from outside: 137, and not out of memory', async (t, w) => {
    const id = await started(w, w.programs.serves);
    await w.killFromOutside(id);
    t.like((await eventually(w, c => c.state === 'exited')).exit, { code: 137, oomKilled: false });
  });

  check('out of memory: 137, and it says so', async (t, w) => {
    // Docker itself misses one in twenty: when the notification comes after the exit, it says 137 alone.
    const exits = [];
    for (let attempt = 0; attempt < 6 && !exits.at(-1)?.oomKilled; attempt += 1) {
      const id = await started(w, w.programs.runsOutOfMemory, { replicaId: `oom${attempt}` });
      const { exit } = await eventually(w, c => c.id === id && c.state === 'exited');
      t.is(exit?.code, 137);
      exits.push(exit);
    }
    t.true(exits.at(-1)?.oomKilled);
  });

  check('a command that is not in the image is refused at start, and the container can be removed', async (t, w) => {
    const { containerId } = await w.engine.create(requestOf(w, w.programs.missingBinary), soon());
    await rejects(t, w.engine.start(containerId, soon()), 'container_rejected');
    t.is((await only(w)).state, 'created');
    await w.engine.remove(containerId, soon());
    t.deepEqual((await w.engine.observe(soon())).containers, []);
  });

  check('a device that the engine does not have is refused', async (t, w) => {
    const spec = { ...w.programs.serves, resources: { gpu: {} } };
    const request = { ...requestOf(w, spec), placement: { node: w.engine.node, devices: ['GPU-none'] } };
    const { containerId } = await w.engine.create(request, soon());
    await rejects(t, w.engine.start(containerId, soon()), 'container_rejected');
  });

  check('an image that is not there is said at create, and at a pull that may not pull', async (t, w) => {
    const image = `${w.namespace}.invalid/none:1`;
    await rejects(t, w.engine.create(requestOf(w, { image }), soon()), 'image_unavailable');
    const pull = { kind: 'pull' as const, node: w.engine.node, image };
    await rejects(
      t,
      w.engine.pull({ ...pull, policy: 'never' }, () => {}, soon()),
      'image_unavailable',
    );
    t.is(await w.engine.imageId(image, soon()), null);
    t.deepEqual((await w.engine.observe(soon())).containers, []);
  });

  check(
    'a subnet that something else has is told of before a network is made with it, and refused then',
    async (t, w) => {
      const networkWith = (subnets: string[]) => [{ name: `${w.namespace}_x`, key: 'x', subnets, aliases: [] }];
      const request = requestOf(w, { ...w.programs.serves, networks: networkWith([await w.takenSubnet()]) });
      const [trouble, ...others] = await w.engine.subnetTroubles(request.spec, soon());
      t.regex(trouble ?? '', new RegExp(`network ${w.namespace}_x \\(networks\\.x\\) covers `));
      t.deepEqual(others, []);
      t.false(await w.hasNetwork(`${w.namespace}_x`), 'a question makes nothing');
      const refusal = await t.throwsAsync(w.engine.create(request, soon()), { code: 'invalid_argument' });
      t.is(refusal?.message, trouble ?? '');
      const free = requestOf(w, { ...w.programs.serves, networks: networkWith([]) });
      t.deepEqual(await w.engine.subnetTroubles(free.spec, soon()), []);
      await w.engine.create(free, soon());
      t.deepEqual(await w.engine.subnetTroubles(request.spec, soon()), [], 'one that is there is used as it is');
    },
  );

  check('a present image needs no pull', async (t, w) => {
    await w.engine.pull({ kind: 'pull', node: w.engine.node, image: w.image, policy: 'missing' }, () => {}, soon());
    t.is(typeof (await w.engine.imageId(w.image, soon())), 'string');
  });

  check('the images that are there are listed, from when they come until they go', async (t, w) => {
    const name = `${w.namespace}-new:1`;
    const listed = (present: boolean) =>
      eventuallyListing(w, ({ images }) => images.has(w.image) && images.has(name) === present);
    await listed(false);
    await w.addImage(name);
    try {
      await listed(true);
    } finally {
      await w.removeImage(name);
    }
    await listed(false);
    t.pass();
  });

  check('the engine chooses a host port, and a fixed one can be taken only once', async (t, w) => {
    const chosen = await started(w, { ...w.programs.serves, ports: [{ containerPort: 8080 }] });
    const port = (await eventually(w, c => c.id === chosen)).publishedPorts[0];
    t.like(port, { containerPort: 8080, hostIp: '127.0.0.1', protocol: 'tcp' });
    t.true((port?.hostPort ?? 0) > 1024);

    const fixed = { ...w.programs.serves, ports: [{ containerPort: 8080, hostPort: port?.hostPort ?? 0 }] };
    const { containerId } = await w.engine.create(requestOf(w, fixed, { replicaId: 'second' }), soon());
    const error = await rejects(t, w.engine.start(containerId, soon()), 'port_in_use');
    t.regex(error.message, new RegExp(String(port?.hostPort)));
    t.is((await eventually(w, c => c.id === containerId)).state, 'created');
  });

  check('the log comes oldest first, and its tail is its end', async (t, w) => {
    const id = await started(w, w.programs.exits(0, 'one', 'two', 'three'));
    await eventually(w, c => c.state === 'exited');
    const lines = await collect(w.engine.logs(id, {}, soon()));
    t.deepEqual(
      lines.map(({ stream, text }) => [stream, text]),
      [
        ['stdout', 'one'],
        ['stdout', 'two'],
        ['stdout', 'three'],
      ],
    );
    t.true(lines.every(({ timestamp }) => Number.isFinite(Date.parse(timestamp))));
    t.deepEqual(
      (await collect(w.engine.logs(id, { tail: 1 }, soon()))).map(({ text }) => text),
      ['three'],
    );
    t.deepEqual(await collect(w.engine.logs(id, { tail: 0 }, soon())), []);
    const later = Date.parse(lines[2]?.timestamp ?? '') + 1_000;
    t.deepEqual(await collect(w.engine.logs(id, { sinceMs: later }, soon())), []);
  });

  check('a followed log ends with the container, or with the signal', async (t, w) => {
    const id = await started(w, w.programs.prints('hello'));
    const stopped = new AbortController();
    const seen: string[] = [];
    for await (const { text } of w.engine.logs(id, { follow: true }, stopped.signal)) {
      seen.push(text);
      stopped.abort();
    }
    t.deepEqual(seen, ['hello']);

    const following = collect(w.engine.logs(id, { follow: true }, soon()));
    await w.engine.stop(id, { graceMs: 1_000 }, soon());
    t.deepEqual(
      (await following).map(({ text }) => text),
      ['hello'],
    );
  });

  check('the log of a container that is gone is not found', async (t, w) => {
    const id = await started(w, w.programs.serves);
    await w.engine.stop(id, { graceMs: 1_000 }, soon());
    await w.engine.remove(id, soon());
    await rejects(t, collect(w.engine.logs(id, {}, soon())), 'not_found');
  });

  check(
    'whether a container sees its devices is asked in the container, by its own check where it has one',
    async (t, w) => {
      const id = await started(w, w.programs.serves);
      const ask = (check?: string[]) =>
        w.engine.checkDevices(id, { devices: [{ id: 'amd.com/gpu=0' }], ...(check && { check }) }, soon());
      t.deepEqual(await ask(['true']), { kind: 'sees', message: '' });
      t.deepEqual(await ask(['false']), { kind: 'lost', message: 'false ended with 1: it printed nothing' });
      t.is((await ask()).kind, 'unknown');
      await w.engine.stop(id, { graceMs: 1_000 }, soon());
      t.is((await ask(['true'])).kind, 'unknown');
      await w.engine.remove(id, soon());
      t.is((await ask(['true'])).kind, 'unknown');
    },
  );

  check('a node of which nothing can be measured is none the worse for it', async (t, w) => {
    const before = await w.engine.observe(soon());
    await w.engine.measure(soon());
    t.deepEqual((await w.engine.observe(soon())).devices, before.devices);
  });

  check('watching wakes at once, and when a container ends; it ends with the signal', async (t, w) => {
    const stopped = new AbortController();
    const wakes = new Wakes();
    const watching = w.engine.watch(() => wakes.add(), stopped.signal);
    await wakes.next(0);
    const connected = wakes.count;
    const id = await started(w, w.programs.serves);
    await wakes.next(connected);
    const before = wakes.count;
    await w.killFromOutside(id);
    await wakes.next(before);
    stopped.abort();
    await watching;
    t.pass();
  });

  check('a signal that has fired ends every call with an OutriggerError', async (t, w) => {
    const fired = AbortSignal.abort(new Error('enough'));
    const request = requestOf(w, w.programs.serves);
    const id = '0'.repeat(64);
    const calls = [
      w.engine.observe(fired),
      w.engine.create(request, fired),
      w.engine.start(id, fired),
      w.engine.stop(id, { graceMs: 1_000 }, fired),
      w.engine.remove(id, fired),
      w.engine.imageId(w.image, fired),
      w.engine.subnetTroubles(
        requestOf(w, { networks: [{ name: `${w.namespace}_x`, key: 'x', subnets: ['10.213.90.0/24'], aliases: [] }] })
          .spec,
        fired,
      ),
      w.engine.cleanNamespace(w.namespace, { volumes: false }, fired),
      w.engine.removeNetworks(fired),
      w.engine.pull({ kind: 'pull', node: w.engine.node, image: w.image, policy: 'missing' }, () => {}, fired),
      collect(w.engine.logs(id, {}, fired)),
      w.engine.checkDevices(id, { devices: [{ id: 'nvidia.com/gpu=0' }], check: ['true'] }, fired),
      w.engine.measure(fired),
    ];
    for (const call of calls) t.true((await t.throwsAsync(call)) instanceof OutriggerError);
  });

  check('two control planes on one node do not see each other', async (t, w) => {
    await w.other.create(requestOf(w, w.programs.serves, { replicaId: 'theirs' }), soon());
    t.deepEqual((await w.engine.observe(soon())).containers, []);
    t.is((await w.other.observe(soon())).containers.length, 1);
  });

  check('a namespace can be cleaned while it is in use and again when it is not', async (t, w) => {
    const mounts = [{ kind: 'volume' as const, name: `${w.namespace}_models`, target: '/models' }];
    const id = await started(w, { ...w.programs.serves, mounts });
    await w.engine.cleanNamespace(w.namespace, { volumes: true }, soon());
    t.is((await only(w)).addresses[0]?.network, `${w.namespace}_default`);
    await w.engine.stop(id, { graceMs: 1_000 }, soon());
    await w.engine.remove(id, soon());
    await w.engine.cleanNamespace(w.namespace, { volumes: true }, soon());
    await w.engine.cleanNamespace(w.namespace, { volumes: true }, soon());
  });

  check('of two control planes that share a namespace the last one to clean removes the network', async (t, w) => {
    const network = `${w.namespace}_default`;
    const run = async (engine: Engine, replicaId: string) => {
      const { containerId } = await engine.create(requestOf(w, w.programs.serves, { replicaId }), soon());
      await engine.start(containerId, soon());
      return containerId;
    };
    const end = async (engine: Engine, id: string) => {
      await engine.stop(id, { graceMs: 1_000 }, soon());
      await engine.remove(id, soon());
      await engine.cleanNamespace(w.namespace, { volumes: false }, soon());
    };
    const first = await run(w.engine, 'first');
    const second = await run(w.other, 'second');
    await end(w.engine, first);
    t.true(await w.hasNetwork(network), 'it is in use');
    await end(w.other, second);
    t.false(await w.hasNetwork(network));
  });

  check('a network that another control plane removed before a start is made again', async (t, w) => {
    const networks = ['a', 'b'].map(key => ({ name: `${w.namespace}_${key}`, key, aliases: [] }));
    const create = (replicaId: string) =>
      w.engine.create(requestOf(w, { ...w.programs.serves, networks }, { replicaId }), soon());
    const first = await create('aaaa0001');
    await w.other.cleanNamespace(w.namespace, { volumes: false }, soon());
    const second = await create('bbbb0002');
    for (const { containerId } of [first, second]) await w.engine.start(containerId, soon());
    const { containers } = await w.engine.observe(soon());
    const joined = containers.map(({ addresses }) => addresses.map(({ network }) => network).sort());
    const names = networks.map(({ name }) => name);
    t.deepEqual(joined, [names, names]);
    for (const name of names) t.true(await w.hasNetwork(name), name);
  });

  check(
    'networks of all namespaces are removed where nothing uses them, and made again when they are needed',
    async (t, w) => {
      const id = await started(w, w.programs.serves);
      await w.engine.removeNetworks(soon());
      t.is((await only(w)).addresses[0]?.network, `${w.namespace}_default`, 'it is in use');
      await w.engine.stop(id, { graceMs: 1_000 }, soon());
      await w.engine.remove(id, soon());
      await w.other.removeNetworks(soon());
      t.true(await w.hasNetwork(`${w.namespace}_default`), 'it is not of that instance');
      await w.engine.removeNetworks(soon());
      await w.engine.removeNetworks(soon());
      t.false(await w.hasNetwork(`${w.namespace}_default`));
      await started(w, w.programs.serves, { attempt: 2 });
      t.is((await only(w)).addresses[0]?.network, `${w.namespace}_default`);
    },
  );
}

type CreateRequest = Extract<Action, { kind: 'create' }>;

export function requestOf(
  w: Pick<EngineWorld, 'namespace' | 'image' | 'engine'>,
  part: Partial<ServiceSpecInput>,
  { replicaId = 'aaaa0001', generation = 1, attempt = 1 }: Partial<CreateRequest> = {},
): CreateRequest {
  return {
    kind: 'create',
    node: w.engine.node,
    replicaId,
    attempt,
    generation,
    containerName: `${w.namespace}-svc-${replicaId}`,
    placement: { node: w.engine.node, devices: [] },
    spec: serviceSpec.parse({ namespace: w.namespace, name: 'svc', image: w.image, ...part }),
  };
}

export async function started(
  w: EngineWorld,
  part: Partial<ServiceSpecInput>,
  ids: Partial<CreateRequest> = {},
): Promise<string> {
  const { containerId } = await w.engine.create(requestOf(w, part, ids), soon());
  await w.engine.start(containerId, soon());
  return containerId;
}

/** The deadline of each step: far above what any takes, so that only a hang meets it. */
export function soon(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

async function only(w: EngineWorld): Promise<ObservedContainer> {
  const { containers } = await w.engine.observe(soon());
  if (containers.length !== 1) throw new Error(`expected one container, found ${containers.length}`);
  return containers[0] as ObservedContainer;
}

/** The first container for which it holds, as soon as it does. */
export async function eventually(w: EngineWorld, holds: (c: ObservedContainer) => boolean): Promise<ObservedContainer> {
  const { containers } = await eventuallyListing(w, listing => listing.containers.some(holds));
  return containers.find(holds) as ObservedContainer;
}

/** The first listing for which it holds; asked for again at each event. */
async function eventuallyListing(w: EngineWorld, holds: (l: EngineListing) => boolean): Promise<EngineListing> {
  const stopped = new AbortController();
  const wakes = new Wakes();
  const watching = w.engine.watch(() => wakes.add(), stopped.signal);
  const deadline = soon();
  try {
    for (;;) {
      const seen = wakes.count;
      const listing = await w.engine.observe(deadline);
      if (holds(listing)) return listing;
      await wakes.next(seen);
    }
  } finally {
    stopped.abort();
    await watching;
  }
}

export async function collect(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const all: LogLine[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

async function rejects(
  t: import('ava').ExecutionContext,
  promise: Promise<unknown>,
  code: OutriggerError['code'],
): Promise<OutriggerError> {
  const error = (await t.throwsAsync(promise, { instanceOf: OutriggerError })) as OutriggerError;
  t.is(error.code, code, error.message);
  return error;
}

/** Counts wakes, and lets a test wait for more of them. */
class Wakes {
  count = 0;
  #waiting: (() => void)[] = [];

  add(): void {
    this.count += 1;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async next(after: number): Promise<void> {
    const deadline = soon();
    while (this.count <= after) {
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        deadline.addEventListener('abort', () => reject(new Error('no event came')), { once: true });
      });
    }
  }
}
