import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { EventView, ServiceView } from '../../control-plane/views/views.ts';
import { until } from '../product/until.ts';
import { GIB, gpuService } from './gpu-service.ts';
import type { Holding } from './holdings.ts';
import { doubled, nodesWithRoom, type Request, violations } from './invariants.ts';
import { inWords, TestCluster } from './test-cluster.ts';

const OPERATIONS = Number(process.env['OUTRIGGER_CLUSTER_OPERATIONS'] ?? 500);
const QUIET_EVERY = 100;
const NODES = ['a', 'b', 'c'];

/** What the services ask for, by their namespaces; together more than there is. */
const REQUESTS: Readonly<Record<string, Request | null>> = {
  any: { count: 1, models: [], exclusive: true },
  small: { count: 1, models: ['SIM-A'], exclusive: true },
  pair: { count: 2, models: ['SIM-B'], exclusive: true },
  tenth: { count: 1, models: [], exclusive: false, memoryBytes: 10 * GIB },
  half: { count: 1, models: ['SIM-B'], exclusive: false, memoryBytes: 35 * GIB },
  none: null,
  // Nobody scales or updates these: they are what is lost and found again, killed and moved.
  steady: { count: 1, models: [], exclusive: true },
  'steady-too': { count: 1, models: ['SIM-A'], exclusive: false, memoryBytes: 10 * GIB },
};
const NAMESPACES = Object.keys(REQUESTS);

type Operation =
  | { what: 'up'; namespace: string; replicas: number; revision: number }
  | { what: 'scale'; namespace: string; replicas: number }
  | { what: 'down'; namespace: string }
  | { what: 'kill'; nth: number }
  | { what: 'cut' | 'back' | 'drain' | 'undrain'; node: string }
  | { what: 'crash' };

const namespace = fc.constantFrom(...NAMESPACES.filter(name => !name.startsWith('steady')));
const replicas = fc.integer({ min: 0, max: 4 });
const node = fc.constantFrom(...NODES);
const of = <What extends string>(what: What) => fc.constant(what);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ what: of('up'), namespace, replicas, revision: fc.nat(2) }) },
  { weight: 28, arbitrary: fc.record({ what: of('scale'), namespace, replicas }) },
  { weight: 8, arbitrary: fc.record({ what: of('down'), namespace }) },
  { weight: 12, arbitrary: fc.record({ what: of('kill'), nth: fc.nat(30) }) },
  { weight: 4, arbitrary: fc.record({ what: of('cut'), node }) },
  { weight: 2, arbitrary: fc.record({ what: of('back'), node }) },
  { weight: 4, arbitrary: fc.record({ what: of('drain'), node }) },
  { weight: 8, arbitrary: fc.record({ what: of('undrain'), node }) },
  { weight: 1, arbitrary: fc.record({ what: of('crash') }) },
);

test(`${OPERATIONS} random operations on three nodes: no device is ever given twice, nothing leaks, all comes to rest`, async t => {
  const seed = Number(process.env['OUTRIGGER_SEED'] ?? Date.now() % 1_000_000_000);
  t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} draws the same operations`);
  const history = fc.sample(
    fc.record({ operation, pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 })) }),
    { seed, numRuns: OPERATIONS },
  );
  const world = new World(await TestCluster.of(t));
  t.timeout(30 * 60_000);
  for (const each of NAMESPACES) await world.carryOut({ what: 'up', namespace: each, replicas: 2, revision: 0 });
  for (const [index, { operation: next, pauseMs }] of history.entries()) {
    const told = `${index}: ${JSON.stringify(next)}`;
    await world.carryOut(next);
    // Time passes too: what one operation set off may or may not be under way when the next one comes.
    await delay(pauseMs);
    await holds(t, world, told);
    if ((index + 1) % QUIET_EVERY === 0 || index === history.length - 1) await comesToRest(t, world, told);
  }
  t.log(await world.story());

  for (const each of NAMESPACES) await world.cluster.controlPlane.remove(each);
  for (const each of NAMESPACES) await world.cluster.controlPlane.gone(each);
  t.deepEqual(await world.cluster.holdings.all(), [], 'no container is left');
  for (const [name, engine] of world.cluster.engines) {
    t.deepEqual(await engine.docker.listContainers({ all: true }), [], `nor any other on ${name}`);
  }
});

/** The cluster, and what was done to it. */
class World {
  readonly cluster: TestCluster;
  readonly cut = new Set<string>();
  /** The containers that a draining node had, or was about to have, when it was told to drain. */
  readonly drained = new Map<
    string,
    { readonly containers: ReadonlySet<string>; readonly replicas: ReadonlySet<string> }
  >();
  readonly seen = new Set<string>();

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
  }

  async carryOut(operation: Operation): Promise<void> {
    const { controlPlane } = this.cluster;
    switch (operation.what) {
      case 'up': {
        const { namespace: name, replicas: wanted, revision } = operation;
        const gpu = REQUESTS[name];
        const more = { environment: { REVISION: String(revision) } };
        return await controlPlane.apply(gpuService({ namespace: name, replicas: wanted, ...(gpu && { gpu }) }, more));
      }
      case 'scale':
        if ((await this.services(operation.namespace)).some(s => !s.deleting)) {
          await controlPlane.request('POST', `/v1/services/${operation.namespace}/model/scale`, {
            replicas: operation.replicas,
          });
        }
        return;
      case 'down':
        return await controlPlane.remove(operation.namespace);
      case 'kill':
        return await this.#kill(operation.nth);
      case 'cut':
        // One is always there: what all of them do when nothing answers is another test's affair.
        if (this.cut.size === NODES.length - 1) return;
        await this.cluster.engine(operation.node).cutOff();
        this.cut.add(operation.node);
        return;
      case 'back':
        await this.cluster.engine(operation.node).reconnect();
        this.cut.delete(operation.node);
        return;
      case 'drain':
        return await this.#drain(operation.node);
      case 'undrain':
        this.drained.delete(operation.node);
        return await this.cluster.undrain(operation.node);
      case 'crash':
        await controlPlane.kill();
        return await controlPlane.launch();
      default:
        return operation satisfies never;
    }
  }

  async services(only?: string): Promise<readonly ServiceView[]> {
    const all = await Promise.all(
      (only === undefined ? NAMESPACES : [only]).map(name => this.cluster.controlPlane.services(name)),
    );
    return all.flat();
  }

  /** What came of the operations, in numbers. */
  async story(): Promise<string> {
    const events = await Promise.all(
      NAMESPACES.map(name =>
        this.cluster.controlPlane.get<{ events: EventView[] }>(`/v1/events?namespace=${name}&past=1000`),
      ),
    );
    const types = ['replica.pending', 'replica.ready', 'replica.backoff', 'replica.lost', 'replica.found'];
    const all = events.flatMap(e => e.events);
    const counts = types.map(type => `${all.filter(e => e.type === type).length} ${type}`);
    return `${this.seen.size} containers; ${counts.join(', ')}`;
  }

  async #kill(nth: number): Promise<void> {
    // Each failure of a replica doubles its back-off: after two of them the test would wait for nothing else.
    const running = (await this.cluster.holdings.live()).filter(h => h.state === 'running' && h.attempt <= 2);
    const victim = running[nth % Math.max(1, running.length)];
    if (!victim) return;
    const container = this.cluster.engine(victim.node).docker.getContainer(victim.containerId);
    await container.kill().catch(unlessItIsGone);
  }

  async #drain(name: string): Promise<void> {
    await this.cluster.drain(name);
    if (this.drained.has(name)) return;
    // Asked for after the answer: what is to be there then was decided before it.
    const there = (await this.services()).flatMap(s => s.replicas).filter(r => r.node === name);
    this.drained.set(name, {
      containers: new Set(there.flatMap(r => r.containerId ?? [])),
      replicas: new Set(there.filter(r => r.containerId === undefined).map(r => r.id)),
    });
  }
}

/** The invariants, from what the engines themselves list. */
async function holds(t: ExecutionContext, world: World, told: string): Promise<void> {
  const before = new Map(world.drained);
  const live = await world.cluster.holdings.live();
  for (const holding of live) world.seen.add(holding.containerId);
  const found = [...violations(live, requestOf)];
  if (new Set(live.map(h => h.replicaId)).size < live.length) {
    found.push(...doubled(live, await world.cluster.holdings.live()));
  }
  for (const [name, known] of before) {
    const news = live.filter(
      h => h.node === name && !known.containers.has(h.containerId) && !known.replicas.has(h.replicaId),
    );
    found.push(...news.map(h => `${name} is being drained and got ${h.namespace}/${h.replicaId} (${h.state})`));
  }
  if (found.length === 0) return;
  const services = await world.services();
  t.fail(`after ${told}:\n${found.join('\n')}\n${services.map(inWords).join('\n')}`);
  throw new Error('an invariant does not hold');
}

/**
 * Every node is there again, and nothing more happens: each service has what it wants, or waits for room that there is
 * not; and every container is one of those.
 */
async function comesToRest(t: ExecutionContext, world: World, told: string): Promise<void> {
  for (const name of NODES) {
    await world.carryOut({ what: 'back', node: name });
    await world.carryOut({ what: 'undrain', node: name });
  }
  const unrest = async (): Promise<readonly string[]> => {
    const services = await world.services();
    const all = await world.cluster.holdings.all();
    const replicasNow = services.flatMap(s => s.replicas.map(replica => ({ ...replica, namespace: s.namespace })));
    const owned = new Set(replicasNow.filter(r => r.phase === 'ready').map(r => r.containerId));
    return [
      ...services.filter(s => s.deleting || s.replicas.length !== s.wantedReplicas).map(inWords),
      ...replicasNow
        .filter(r => r.phase !== 'ready' && r.phase !== 'pending')
        .map(r => `${r.namespace}/${r.id} is ${r.phase}: ${r.message}`),
      ...replicasNow
        .filter(r => r.phase === 'pending')
        .map(r => ({ ...r, room: nodesWithRoom(all, requestOf, NODES, REQUESTS[r.namespace] ?? null) }))
        .filter(({ room }) => room.length > 0)
        .map(r => `${r.namespace}/${r.id} waits (${r.message}), and there is room on ${r.room}`),
      ...all
        .filter(h => !owned.has(h.containerId))
        .map(h => `${h.node} has ${h.namespace}/${h.replicaId} (${h.state}), which is no ready replica`),
      ...(all.length === owned.size
        ? []
        : [`${owned.size} replicas are ready, and there are ${all.length} containers`]),
    ];
  };
  await until(
    async () => (await unrest()).length === 0,
    async () => `all comes to rest after ${told}; but\n${(await unrest()).join('\n')}`,
    // Back-off doubles with each kill of the same replica.
    { deadlineMs: 5 * 60_000, pauseMs: 200 },
  );
  for (const holding of await world.cluster.holdings.live()) {
    const { nodes } = await world.cluster.devicesInside(holding);
    t.deepEqual(
      nodes,
      [...holding.devices].sort(),
      `${holding.namespace}/${holding.replicaId} has other devices inside`,
    );
  }
}

function requestOf(holding: Holding): Request | null {
  return REQUESTS[holding.namespace] ?? null;
}

function unlessItIsGone(error: { statusCode?: number }): void {
  if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
}
