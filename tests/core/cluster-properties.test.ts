import test from 'ava';
import fc from 'fast-check';
import { removeServices, restartService, scaleService } from '../../control-plane/controller/commands.ts';
import type { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { effectiveProbes } from '../../control-plane/core/effective-probes.ts';
import { LONGEST_DELAY_MS } from '../../control-plane/core/lifecycle/backoff.ts';
import { sharedMemoryOf } from '../../control-plane/core/placement/device-fit.ts';
import type { Plan } from '../../control-plane/core/plan/plan.ts';
import { containerOf, isAvailable, isLive, placementOf, type Replica } from '../../control-plane/core/replica.ts';
import { SEED } from '../seed.ts';
import { type ModelContainer, type ModelNode, ModelWorld } from './model-world.ts';
import { apply, aSpec } from './specs.ts';

/** What may be asked of, or befall, three nodes with GPUs. */
type Operation =
  | {
      do: 'apply';
      service: string;
      image: string;
      replicas: number;
      cpus: number;
      gpu: { count?: number; sharedGib?: number } | null;
      priority: number;
      order: 'start-first' | 'stop-first';
    }
  | { do: 'scale'; service: string; replicas: number }
  | { do: 'remove' | 'restart'; service: string }
  | { do: 'crash' | 'blind'; nth: number }
  | { do: 'wait'; ms: number }
  | { do: 'steps'; count: number }
  | { do: 'cut' | 'hang' | 'heal' | 'drain' | 'undrain' | 'leave' | 'join'; node: string }
  | { do: 'device'; node: string; index: number; there: boolean }
  | { do: 'loading'; image: string; slow: boolean }
  | { do: 'idle'; idle: boolean }
  | { do: 'foreign'; node: string; gib: number };

const GIB = 2 ** 30;
/** So long a stop waits for a start on its device, and no longer. */
const STOP_PATIENCE_MS = 10_000;
/** So long a start is waited for beyond its startup deadline, by which its sidecar should have had it ended. */
const START_PATIENCE_MS = 150_000;
const NAMES = ['a', 'b', 'c'] as const;
const gpu = (index: number) => ({ id: `nvidia.com/gpu=${index}`, driver: 'cdi' as const, memoryBytes: 40 * GIB });
const machine = (cpus: number, ...devices: number[]): ModelNode => ({
  cpus,
  memoryBytes: 2 ** 40,
  devices: devices.map(gpu),
});
const MACHINES: Readonly<Record<string, ModelNode>> = {
  a: machine(4, 0, 1),
  b: machine(3, 0, 1),
  c: machine(6, 0),
};

const service = fc.constantFrom('s', 't', 'u');
const node = fc.constantFrom(...NAMES);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      service,
      image: fc.constantFrom('image:1', 'image:2', 'crashing:1'),
      replicas: fc.nat(4),
      cpus: fc.constantFrom(0, 0.5, 2),
      gpu: fc.constantFrom(null, { count: 1 }, { count: 2 }, { sharedGib: 10 }, { sharedGib: 25 }),
      priority: fc.constantFrom(0, 0, 1, 5),
      order: fc.constantFrom('start-first' as const, 'start-first' as const, 'stop-first' as const),
    }),
  },
  fc.record({ do: fc.constant('scale' as const), service, replicas: fc.nat(4) }),
  fc.record({ do: fc.constantFrom('remove' as const, 'restart' as const), service }),
  fc.record({ do: fc.constantFrom('crash' as const, 'blind' as const), nth: fc.nat(6) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.nat(40_000), fc.nat(700_000)) }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('steps' as const), count: fc.nat(8) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'cut' as const,
        'hang' as const,
        'heal' as const,
        'drain' as const,
        'undrain' as const,
        'leave' as const,
        'join' as const,
      ),
      node,
    }),
  },
  fc.record({ do: fc.constant('device' as const), node, index: fc.nat(1), there: fc.boolean() }),
  fc.record({ do: fc.constant('loading' as const), image: fc.constantFrom('image:1', 'image:2'), slow: fc.boolean() }),
  fc.record({ do: fc.constant('idle' as const), idle: fc.boolean() }),
  fc.record({ do: fc.constant('foreign' as const), node, gib: fc.constantFrom(0, 20) }),
);

function perform(world: ModelWorld, op: Operation): void {
  const known = 'service' in op ? world.state.services.get(`ns/${op.service}`) : undefined;
  const isChangeable = known && !known.removal && known.rollout.kind !== 'paused';
  switch (op.do) {
    case 'apply': {
      const request = op.gpu?.sharedGib
        ? { exclusive: false, memoryBytes: op.gpu.sharedGib * GIB }
        : op.gpu && { count: op.gpu.count ?? 1 };
      const min = op.priority === 0 ? 0 : op.replicas;
      apply(
        world,
        aSpec({
          name: op.service,
          image: op.image,
          replicas: { min, max: op.replicas, initial: op.replicas },
          resources: { cpus: op.cpus, ...(request ? { gpu: request } : {}) },
          restart: { startAttempts: 3 },
          update: { order: op.order },
          priority: op.priority,
        }),
      );
      return;
    }
    case 'scale':
      if (isChangeable && op.replicas <= known.spec.replicas.max && op.replicas >= known.spec.replicas.min)
        world.commit(scaleService(world.state, { namespace: 'ns', name: op.service }, op.replicas, world.now).changes);
      return;
    case 'remove':
      if (known)
        world.commit(
          removeServices(world.state, { namespace: 'ns', names: [op.service], volumes: false }, world.now).changes,
        );
      return;
    case 'restart':
      if (isChangeable)
        world.commit(restartService(world.state, { namespace: 'ns', name: op.service }, undefined, world.now).changes);
      return;
    case 'crash':
    case 'blind': {
      const victim = world.running()[op.nth];
      if (victim && op.do === 'crash') world.exit(victim.id);
      if (victim && op.do === 'blind' && (victim.devices ?? []).length > 0) world.blind.add(victim.id);
      world.list();
      return;
    }
    case 'wait':
      world.advance(op.ms);
      return;
    case 'steps':
      for (let i = 0; i < op.count; i += 1) checkedStep(world);
      return;
    case 'cut':
      world.cutOff.add(op.node);
      world.list();
      return;
    case 'hang':
      world.silent.add(op.node);
      world.list();
      return;
    case 'heal':
      world.cutOff.delete(op.node);
      world.silent.delete(op.node);
      world.list();
      return;
    case 'drain':
      world.drain(op.node);
      return;
    case 'undrain':
      world.drain(op.node, null);
      return;
    case 'leave':
      // One that is silent and leaves is forgotten with what runs there; that may go on, and is nobody's.
      if (!world.cutOff.has(op.node)) world.leaving.add(op.node);
      return;
    case 'join':
      world.leaving.delete(op.node);
      return;
    case 'device': {
      const { devices, ...rest } = world.node(op.node);
      const all = MACHINES[op.node]!.devices;
      const wanted = all.filter(d => (d.id === gpu(op.index).id ? op.there : devices.some(o => o.id === d.id)));
      world.setNode(op.node, { ...rest, devices: wanted });
      world.list();
      return;
    }
    case 'loading':
      if (op.slow) world.loading.add(op.image);
      else world.loading.delete(op.image);
      return;
    case 'idle':
      world.load = op.idle
        ? { inFlight: 0, idleSince: world.now - 60_000, at: world.now + 1e9 }
        : { inFlight: 1, idleSince: null, at: world.now + 1e9 };
      return;
    case 'foreign':
      for (const { id } of MACHINES[op.node]!.devices) world.foreignBytes.set(`${op.node} ${id}`, op.gib * GIB);
      return;
    default:
      op satisfies never;
  }
}

function newWorld(): ModelWorld {
  const world = new ModelWorld({ ...MACHINES });
  world.crashing.add('crashing:1');
  return world;
}

function checkedStep(world: ModelWorld): void {
  const before = world.state;
  const emptying = new Set(
    NAMES.filter(n => (before.nodes.get(n)?.drainingSince ?? null) !== null || world.leaving.has(n)),
  );
  const at = world.now + 1;
  const plan = world.step();
  checkDevices(world);
  checkActions(world, { before, plan, emptying, at });
  checkDrains(world, { before, plan, emptying });
  const running = Map.groupBy(world.running(), c => c.replicaId);
  for (const [id, containers] of running)
    if (containers.length > 1) throw new Error(`${id} runs ${containers.length} times`);
}

/** By what really runs, wherever it does: one holder of a whole device, and of a shared one no more than it has. */
function checkDevices(world: ModelWorld): void {
  const holders = Map.groupBy(
    world.running().flatMap(c => (c.devices ?? []).map(device => ({ key: `${c.node} ${device}`, container: c }))),
    h => h.key,
  );
  for (const [key, held] of holders) {
    const shared = held.map(h => sharedMemoryOf(h.container.spec!));
    if (held.length > 1 && shared.includes(null))
      throw new Error(`${key} is held by ${held.length}, one of them wholly`);
    const declared = shared.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    if (declared > 40 * GIB) throw new Error(`${key} is over-committed: ${declared / GIB} GiB`);
  }
}

function checkActions(
  world: ModelWorld,
  given: { before: DesiredState; plan: Plan; emptying: ReadonlySet<string>; at: number },
): void {
  const { before, plan, emptying, at } = given;
  // Several may stop on a device at once; a start has it alone.
  const started = new Set<string>();
  const stopped = new Set<string>();
  for (const action of plan.actions) {
    switch (action.kind) {
      case 'create': {
        const { node: name, placement, replicaId } = action;
        if (emptying.has(name)) throw new Error(`${replicaId} is created on ${name}, which is emptied`);
        const quarantined = before.nodes.get(name)?.quarantined.map(q => q.device) ?? [];
        const given = placement.devices.filter(d => quarantined.includes(d));
        // Trusted again in the same pass.
        const still = given.filter(d => plan.nodes.get(name)?.quarantined.some(q => q.device === d));
        if (still.length > 0) throw new Error(`${replicaId} is given ${still.join()}, which nobody is to have`);
        if (sharedMemoryOf(action.spec) !== null) {
          checkTurn(world, { plan, at }, action.replicaId, { node: name, devices: placement.devices });
          for (const device of placement.devices) {
            const key = `${name} ${device}`;
            if (started.has(key) || stopped.has(key)) throw new Error(`${key} sees a start and something else at once`);
            started.add(key);
          }
        }
        break;
      }
      case 'stop': {
        const container = world.containers.get(action.containerId);
        if (!container?.spec || sharedMemoryOf(container.spec) === null || !plan.replicas.has(container.replicaId))
          break;
        const phase = plan.replicas.get(container.replicaId)?.phase;
        if (phase?.kind !== 'stopping' || phase.placement.node !== container.node) break;
        const { node: name, devices = [] } = container;
        if (at < phase.since + STOP_PATIENCE_MS)
          checkTurn(world, { plan, at }, container.replicaId, { node: name, devices });
        for (const device of devices) {
          const key = `${name} ${device}`;
          if (started.has(key)) throw new Error(`${key} sees a stop and a start at once`);
          stopped.add(key);
        }
        break;
      }
      default:
    }
  }
}

/** Replicas with one of the devices; those that came back with their node run already, whatever they are called. */
function sharersOf(world: ModelWorld, plan: Plan, name: string, devices: readonly string[]): Replica[] {
  return [...plan.replicas.values()].filter(r => {
    const placement = placementOf(r);
    const spec = world.state.specOf(r.service, r.generation);
    return (
      r.returnedAt === null &&
      placement?.node === name &&
      placement.devices.some(d => devices.includes(d)) &&
      spec !== undefined &&
      sharedMemoryOf(spec) !== null
    );
  });
}

function checkTurn(
  world: ModelWorld,
  { plan, at }: { plan: Plan; at: number },
  replicaId: string,
  { node: name, devices }: { node: string; devices: readonly string[] },
): void {
  const starting = sharersOf(world, plan, name, devices).find(
    r => r.id !== replicaId && isStarting(r) && !isOverdue(world, r, at),
  );
  if (starting)
    throw new Error(`${replicaId} has its turn while ${starting.id} starts: ${JSON.stringify(plan.actions)}`);
}

function isStarting({ phase }: Replica): boolean {
  return phase.kind === 'starting' || phase.kind === 'warming';
}

/** It runs, and nobody had it ended long after its deadline: the images of this world load for ever, and fail no startup probe. */
function isOverdue(world: ModelWorld, replica: Replica, at: number): boolean {
  const spec = world.state.specOf(replica.service, replica.generation);
  const startedAt = world.containers.get(containerOf(replica)?.id ?? '')?.startedAt;
  const deadlineMs = spec && effectiveProbes(spec).startup?.deadlineMs;
  if (startedAt === undefined || deadlineMs === undefined) return false;
  return at >= startedAt + deadlineMs + START_PATIENCE_MS;
}

/** Whoever is told to leave is not missed, and is not the healthy newest in favour of one that was away. */
function checkDrains(
  world: ModelWorld,
  { before, plan, emptying }: { before: DesiredState; plan: Plan; emptying: ReadonlySet<string> },
): void {
  const nodeOf = (replica: Replica) => placementOf(replica)?.node ?? '';
  const isMoving = (replica: Replica) => MOVED.has(replica.phase.kind) && emptying.has(nodeOf(replica));
  // What was told to end on a silent node is not waited for, and is looked at again when that node is back.
  const isOutOfReach = (replica: Replica) =>
    replica.phase.kind === 'lost' ||
    (replica.phase.kind === 'stopping' && (world.cutOff.has(nodeOf(replica)) || world.silent.has(nodeOf(replica))));
  for (const replica of plan.replicas.values()) {
    const old = before.replicas.get(replica.id);
    const service = plan.services.get(replica.service);
    if (replica.phase.kind !== 'draining' || old?.phase.kind === 'draining' || !service || service.removal) continue;
    if (!old || !isAvailable(old)) continue;
    const { reason } = replica.phase;
    const siblings = [...plan.replicas.values()].filter(r => r.service === service.key && isLive(r));
    const current = siblings.filter(r => r.generation === service.generation && !r.replace);
    const serving = siblings.filter(isAvailable).length;
    if (reason === 'moved' && service.spec.update.order === 'start-first' && serving < service.replicas) {
      throw new Error(`${replica.id} of ${service.key} is moved, and ${serving} of ${service.replicas} serve`);
    }
    if (reason === 'preempted' && service.spec.replicas.min > 0) throw new Error(`${replica.id} has to be there`);
    if (reason !== 'scaled_down' || replica.returnedAt !== null) continue;
    const worse = current.find(r => isAvailable(r) && r.returnedAt !== null && isOn(before, r));
    if (worse) throw new Error(`${replica.id} goes and ${worse.id} stays, which was away`);
    // Of two on emptied nodes one goes, though the other one's successor waits: that is made for whoever is left.
    const others = isMoving(old) ? current.filter(isMoving) : current;
    const unready = others.filter(r => !isAvailable(r) && !isOutOfReach(r));
    if (unready.length > 0)
      throw new Error(
        `${replica.id} goes, which serves, though these do not serve and stay: ${JSON.stringify(unready)}`,
      );
  }
}

/** What has no container yet is placed anew where its node is emptied; it does not count as what moves. */
const MOVED: ReadonlySet<string> = new Set(['starting', 'warming', 'ready']);

/** It served before this pass too: what has just become ready was not compared yet. */
function isOn(before: DesiredState, replica: Replica): boolean {
  const old = before.replicas.get(replica.id);
  return old !== undefined && isAvailable(old);
}

/** Everything that is wanted runs, once all is well; the excuse is a full house. */
function checkLiveness(world: ModelWorld): void {
  for (const s of world.state.services.values()) {
    if (s.removal) throw new Error(`${s.key} is still there`);
    if (world.crashing.has(s.spec.image)) continue;
    const replicas = [...world.state.replicas.values()].filter(r => r.service === s.key);
    const serving = world.running().filter(c => c.service === s.key && c.image === s.spec.image).length;
    if (serving === s.replicas && replicas.length === s.replicas) continue;
    const roomy = NAMES.find(name => hasRoom(world, name, s.spec));
    if (roomy)
      throw new Error(`${s.key} has ${serving} of ${s.replicas}, and ${roomy} has room: ${JSON.stringify(replicas)}`);
  }
}

function hasRoom(world: ModelWorld, name: string, spec: NonNullable<ModelContainer['spec']>): boolean {
  const here = world.running().filter(c => c.node === name);
  const cpus = MACHINES[name]!.cpus - here.reduce((sum, c) => sum + (c.spec?.resources.cpus ?? 0), 0);
  const shared = sharedMemoryOf(spec);
  const fitting = MACHINES[name]!.devices.filter(({ id }) => {
    const held = here.filter(c => c.devices?.includes(id)).map(c => sharedMemoryOf(c.spec!));
    if (shared === null) return held.length === 0;
    return !held.includes(null) && held.reduce<number>((sum, b) => sum + (b ?? 0), shared) <= 40 * GIB;
  });
  const { gpu: request } = spec.resources;
  return cpus + 1e-6 >= spec.resources.cpus && fitting.length >= (request ? request.count : 0);
}

function heal(world: ModelWorld): void {
  for (const name of NAMES) {
    world.cutOff.delete(name);
    world.silent.delete(name);
    world.leaving.delete(name);
    world.drain(name, null);
    world.setNode(name, MACHINES[name]!);
  }
  world.loading.clear();
  world.foreignBytes.clear();
  world.load = undefined;
  // What lost sight of its device is told once; the driver is well again.
  for (const id of world.blind) if (world.containers.get(id)?.state !== 'running') world.blind.delete(id);
  world.list();
}

test('over three nodes with shared and whole devices, whatever is asked and befalls, the invariants hold and all comes to rest', t => {
  const seed = SEED;
  t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} replays these histories`);
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40, size: 'max' }), operations => {
      const world = newWorld();
      for (const op of operations) {
        perform(world, op);
        checkedStep(world);
      }
      heal(world);
      for (let i = 0; i < 60; i += 1) checkedStep(world);
      world.settle(400);
      // Past all back-offs and quarantines, what can run does.
      for (let i = 0; i < 16; i += 1) {
        world.advance(LONGEST_DELAY_MS * 1.2);
        world.settle(400);
      }
      checkDevices(world);
      checkLiveness(world);
      for (const c of world.containers.values())
        if (!world.state.replicas.has(c.replicaId)) throw new Error(`orphan ${c.id}`);
    }),
    { numRuns: 300 },
  );
  t.pass();
});
