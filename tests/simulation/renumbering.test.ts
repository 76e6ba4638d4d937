import test from 'ava';
import fc from 'fast-check';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import type { EngineFault, EngineMethod } from '../fakes/engine.ts';
import { SEED } from '../seed.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { NAMESPACE, SimulatedWorld } from './simulated-world.ts';
import { exactly, GIB, serving, sharing, timeUntil, up } from './small-cluster.ts';

/** One thing that happens to machines whose GPUs are numbered anew at each boot. */
type Happening =
  | { what: 'scale'; service: Service; replicas: number }
  | { what: 'exit'; nth: number }
  | { what: 'crash' }
  | { what: 'fault'; node: string; method: EngineMethod; kind: EngineFault['kind'] }
  /** In the dark for so long, then up with the GPUs in this order, whose UUIDs the driver tells after a while. */
  | { what: 'reboot'; node: string; order: readonly number[]; darkMs: number; unreadMs: number; crash: boolean }
  | { what: 'pass'; ms: number };

type Service = keyof typeof RESOURCES;

/** All that is asked for of them has room, wherever the others are. */
const RESOURCES = {
  whole: { resources: { gpu: { count: 1 } } },
  pair: { resources: { gpu: { count: 2 } } },
  share: sharing(50),
};
const NODES = ['a', 'b'];
/** No machine boots before a listing of it has failed. */
const BOOTS_MS = [20_000, 50_000, 120_000];
const ORDERS = [
  [0, 1, 2, 3],
  [1, 0, 2, 3],
  [3, 2, 1, 0],
  [1, 2, 3, 0],
];

function listed(node: string, order: readonly number[], isRead: boolean): ObservedDevice[] {
  return order.map((of, number) => {
    const plain = { id: `nvidia.com/gpu=${number}`, driver: 'cdi' as const, index: `${number}` };
    // The operator states what each has; which is which only the driver knows.
    return { ...plain, memoryBytes: 80 * GIB, ...(isRead && { uuid: `GPU-${node}-${of}` }) };
  });
}

/** What each container was really given when it was started, and whether two were given the same. */
class Judge {
  readonly broken: string[] = [];
  /** In which order the GPUs of a node are numbered. */
  readonly orders = new Map<string, readonly number[]>();
  readonly #given = new Map<string, readonly string[]>();

  constructor({ nodes }: SimulatedWorld) {
    for (const node of nodes) this.#watch(node);
  }

  #watch({ machine, name }: SimulatedNode): void {
    const start = machine.start.bind(machine);
    machine.start = (container, behaviour) => {
      const order = this.orders.get(name) ?? ORDERS[0]!;
      const { devices } = container.request.placement;
      this.#given.set(
        container.id,
        devices.map(id => `${name} ${order[Number(id.split('=')[1])]}`),
      );
      start(container, behaviour);
      this.#check([...machine.containers.values()].filter(c => c.state === 'running'));
    };
  }

  #check(running: readonly SimulatedContainer[]): void {
    const parts = running.flatMap(c => {
      const bytes = c.request.spec.resources.gpu?.memoryBytes ?? 80 * GIB;
      return (this.#given.get(c.id) ?? []).map(gpu => ({ gpu, bytes, name: c.name }));
    });
    for (const [gpu, holders] of Map.groupBy(parts, p => p.gpu)) {
      const sum = holders.reduce((total, h) => total + h.bytes, 0);
      if (sum > 80 * GIB) this.broken.push(`GPU ${gpu} was given to ${holders.map(h => h.name).join(' and ')}`);
    }
  }
}

type SimulatedContainer = ReturnType<SimulatedWorld['running']>[number];

async function happen(world: SimulatedWorld, judge: Judge, event: Happening): Promise<void> {
  if (!world.alive) await world.begin();
  switch (event.what) {
    case 'scale':
      return up(world, event.service, { ...RESOURCES[event.service], replicas: exactly(event.replicas) }, 0);
    case 'exit': {
      const running = world.running();
      const victim = running[event.nth % Math.max(1, running.length)];
      if (victim) world.node(victim.request.placement.node).machine.exit(victim.id, { code: 1 });
      return;
    }
    case 'crash':
      return world.crash();
    case 'fault': {
      const fault = event.kind === 'slow' ? { kind: 'slow', byMs: 3_000 } : { kind: event.kind };
      world.node(event.node).engine.failNext(event.method, fault as EngineFault);
      return;
    }
    case 'reboot':
      return reboot(world, judge, event);
    case 'pass':
      return world.advance(event.ms);
    default:
      event satisfies never;
  }
}

async function reboot(
  world: SimulatedWorld,
  judge: Judge,
  { node, order, darkMs, unreadMs, crash }: Extract<Happening, { what: 'reboot' }>,
): Promise<void> {
  const { machine } = world.node(node);
  world.suffer(node, 'dark');
  if (crash) await world.crash();
  await world.advance(darkMs);
  judge.orders.set(node, order);
  // A control plane that lives on knows what the driver said before; one that begins anew has nobody to ask yet.
  machine.setDevices(listed(node, order, !crash));
  world.suffer(node, 'fine');
  if (!world.alive) await world.begin();
  await world.advance(unreadMs);
  machine.setDevices(listed(node, order, true));
}

async function live(events: readonly Happening[]): Promise<void> {
  const devices = (name: string) => listed(name, ORDERS[0]!, true);
  const nodes = NODES.map(name => ({ name, cpus: 16, devices: devices(name) }));
  const world = new SimulatedWorld({ nodes, probesPassAfterMs: 700 });
  const judge = new Judge(world);
  const wanted = new Map<Service, number>();
  await world.begin();
  try {
    for (const event of events) {
      if (event.what === 'scale') wanted.set(event.service, event.replicas);
      await happen(world, judge, event);
      await world.advance(0);
      if (judge.broken.length > 0) throw new Error(judge.broken.join('\n'));
    }
    if (!world.alive) await world.begin();
    const areUp = () => [...wanted].every(([name, count]) => serving(world, name) === count);
    const within = await timeUntil(world, areUp, 1_500_000);
    if (judge.broken.length > 0) throw new Error(judge.broken.join('\n'));
    if (within === null) {
      const why = [...wanted.keys()].map(name => world.controlPlane.why({ namespace: NAMESPACE, name }));
      throw new Error(`not all serve: ${JSON.stringify(why)}`);
    }
  } finally {
    await world.end();
  }
}

const node = fc.constantFrom(...NODES);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.oneof(
      fc.record({ what: fc.constant('scale' as const), service: fc.constant('whole' as const), replicas: fc.nat(2) }),
      fc.record({ what: fc.constant('scale' as const), service: fc.constant('share' as const), replicas: fc.nat(2) }),
      fc.record({ what: fc.constant('scale' as const), service: fc.constant('pair' as const), replicas: fc.nat(1) }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('reboot' as const),
      node,
      order: fc.constantFrom(...ORDERS),
      darkMs: fc.constantFrom(...BOOTS_MS),
      unreadMs: fc.constantFrom(0, 500, 15_000),
      crash: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('fault' as const),
      node,
      method: fc.constantFrom<EngineMethod[]>('start', 'start', 'create', 'stop', 'remove', 'observe', 'measure'),
      kind: fc.constantFrom<EngineFault['kind'][]>('break_after_commit', 'hang', 'hang', 'hang_after_commit', 'slow'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('exit' as const), nth: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('crash' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('pass' as const),
      ms: fc.oneof(fc.nat(60), fc.constantFrom(300, 2_000, 8_000, 20_000, 70_000)),
    }),
  },
);

test.serial('no GPU has more holders than it can have, however its machine numbers it from boot to boot', async t => {
  t.timeout(15 * 60_000);
  const runs = Number(process.env['OUTRIGGER_SIMULATIONS'] ?? 300) / 4;
  const seed = SEED;
  t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} replays these ${runs} histories`);
  await fc.assert(fc.asyncProperty(fc.array(happening, { minLength: 8, maxLength: 40, size: 'max' }), live), {
    seed,
    numRuns: runs,
    includeErrorInReport: true,
  });
  t.pass();
});
