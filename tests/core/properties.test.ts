import test from 'ava';
import fc from 'fast-check';
import { removeServices, restartService, scaleService } from '../../control-plane/controller/commands.ts';
import { backoffDelayMs, FIRST_DELAY_MS, LONGEST_DELAY_MS } from '../../control-plane/core/lifecycle/backoff.ts';
import { type ReplicaEvent, transition } from '../../control-plane/core/lifecycle/transition.ts';
import { isLive, PHASE_KINDS, placementOf, type Replica } from '../../control-plane/core/replica.ts';
import { serviceSpec } from '../../control-plane/core/spec.ts';
import { ModelWorld } from './model-world.ts';
import { apply, aSpec } from './specs.ts';

/** What may be asked of, or befall, the model. */
type Operation =
  | { do: 'apply'; service: string; image: string; replicas: number; cpus: number; gpus: number }
  | { do: 'scale'; service: string; replicas: number }
  | { do: 'remove' | 'restart'; service: string }
  | { do: 'crash' | 'vanish'; nth: number }
  | { do: 'wait'; ms: number }
  | { do: 'steps'; count: number }
  | { do: 'engine'; answers: boolean };

const service = fc.constantFrom('a', 'b', 'c');
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    do: fc.constant('apply' as const),
    service,
    image: fc.constantFrom('image:1', 'image:2', 'crashing:1', 'missing:1'),
    replicas: fc.nat(4),
    cpus: fc.constantFrom(0, 0.5, 3),
    gpus: fc.constantFrom(0, 0, 1, 2),
  }),
  fc.record({ do: fc.constant('scale' as const), service, replicas: fc.nat(4) }),
  fc.record({ do: fc.constantFrom('remove' as const, 'restart' as const), service }),
  fc.record({ do: fc.constantFrom('crash' as const, 'vanish' as const), nth: fc.nat(10) }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.nat(700_000) }),
  fc.record({ do: fc.constant('steps' as const), count: fc.nat(6) }),
  fc.record({ do: fc.constant('engine' as const), answers: fc.boolean() }),
);

function perform(world: ModelWorld, op: Operation): void {
  const service = 'service' in op ? world.state.services.get(`ns/${op.service}`) : undefined;
  const known = service !== undefined;
  // Others are refused, which tests of the commands show.
  const changeable = known && !service.removal && service.rollout.kind !== 'paused';
  switch (op.do) {
    case 'apply': {
      const resources = { cpus: op.cpus, ...(op.gpus > 0 ? { gpu: { count: op.gpus } } : {}) };
      const replicas = { min: op.replicas, max: op.replicas, initial: op.replicas };
      apply(world, aSpec({ name: op.service, image: op.image, replicas, resources, restart: { startAttempts: 3 } }));
      return;
    }
    case 'scale':
      if (known && changeable)
        world.commit(scaleService(world.state, { namespace: 'ns', name: op.service }, op.replicas, world.now).changes);
      return;
    case 'remove':
      if (known)
        world.commit(
          removeServices(world.state, { namespace: 'ns', names: [op.service], volumes: false }, world.now).changes,
        );
      return;
    case 'restart':
      if (changeable)
        world.commit(restartService(world.state, { namespace: 'ns', name: op.service }, undefined, world.now).changes);
      return;
    case 'crash':
    case 'vanish': {
      const victim = world.running()[op.nth];
      if (!victim) return;
      if (op.do === 'crash') world.exit(victim.id);
      else world.containers.delete(victim.id);
      world.list();
      return;
    }
    case 'wait':
      world.advance(op.ms);
      return;
    case 'steps':
      for (let i = 0; i < op.count; i += 1) checkedStep(world);
      return;
    case 'engine':
      world.answering = op.answers;
      world.list();
      return;
    default:
      op satisfies never;
  }
}

const NODES = {
  one: { cpus: 6, memoryBytes: 2 ** 33, devices: [device('0'), device('1'), device('2')] },
  two: { cpus: 4, memoryBytes: 2 ** 33, devices: [device('3')] },
};

function device(index: string) {
  return { id: `nvidia.com/gpu=${index}`, driver: 'cdi' as const };
}

function newWorld(): ModelWorld {
  const world = new ModelWorld(NODES);
  world.crashing.add('crashing:1');
  world.missing.add('missing:1');
  return world;
}

function checkedStep(world: ModelWorld): void {
  const before = world.state;
  const running = new Map(world.running().map(c => [c.id, c]));
  const plan = world.step();
  checkInvariants(world);
  for (const action of plan.actions) {
    // Every liveness probe passes here: whoever is stopped, or counted as ended, is so for what was asked.
    if (action.kind !== 'stop') continue;
    const replica = before.replicas.get(action.replicaId);
    if (replica?.phase.kind === 'ready') checkUnwanted(world, replica);
  }
  for (const endpoint of plan.endpoints) {
    const container = running.get(endpoint.containerId);
    // What an engine that is away does not show may have ended meanwhile.
    if (
      world.answering &&
      (container?.replicaId !== endpoint.replicaId || container.generation !== endpoint.generation)
    )
      throw new Error(`published ${endpoint.replicaId} at ${endpoint.containerId}, which does not run`);
  }
}

/** It belongs to nobody, or to what was replaced, or as many as are wanted are kept without it. */
function checkUnwanted(world: ModelWorld, replica: Replica): void {
  const service = world.state.services.get(replica.service);
  const current = (r: Replica) => r.service === service?.key && r.generation === service.generation && !r.replace;
  if (!service || service.removal || !current(replica)) return;
  const kept = [...world.state.replicas.values()].filter(r => r.id !== replica.id && current(r) && isLive(r)).length;
  if (kept < service.replicas)
    throw new Error(`${replica.id} was stopped, and ${kept} of ${service.replicas} are left of ${service.key}`);
}

/** Everything that is wanted runs, whatever became of its updates; the excuses are a bad image and a full house. */
function checkLiveness(world: ModelWorld): void {
  for (const s of world.state.services.values()) {
    if (s.removal) throw new Error(`${s.key} is still there`);
    if (world.crashing.has(s.spec.image) || world.missing.has(s.spec.image)) continue;
    const replicas = [...world.state.replicas.values()].filter(r => r.service === s.key);
    const serving = world.running().filter(c => c.service === s.key && c.image === s.spec.image).length;
    if (serving === s.replicas && replicas.length === s.replicas) continue;
    const { cpus, gpu } = s.spec.resources;
    const roomy = roomOn(world).find(free => free.cpus >= cpus && free.devices >= (gpu?.count ?? 0));
    if (roomy)
      throw new Error(
        `${s.key} has ${serving} of ${s.replicas}, and ${JSON.stringify(roomy)} is free: ${JSON.stringify(replicas.map(r => r.phase))}`,
      );
  }
}

/** What each node has left, counted from the containers that run on it. */
function roomOn(world: ModelWorld): { node: string; cpus: number; devices: number }[] {
  return Object.entries(NODES).map(([name, node]) => {
    const held = world.running().flatMap(c => {
      const replica = world.state.replicas.get(c.replicaId);
      const spec = replica && world.state.specOf(replica.service, replica.generation);
      const placement = replica && placementOf(replica);
      return spec && placement?.node === name ? [{ cpus: spec.resources.cpus, devices: placement.devices.length }] : [];
    });
    return {
      node: name,
      cpus: node.cpus - held.reduce((sum, h) => sum + h.cpus, 0),
      devices: node.devices.length - held.reduce((sum, h) => sum + h.devices, 0),
    };
  });
}

/** The safety half of reliability.md's invariants, as far as the core decides them. */
function checkInvariants(world: ModelWorld): void {
  const living = Map.groupBy(
    [...world.containers.values()].filter(c => c.state !== 'exited'),
    c => c.replicaId,
  );
  for (const [id, containers] of living)
    if (containers.length > 1) throw new Error(`replica ${id} has ${containers.length} containers`);
  // What counts is what runs: the accounts of replicas that gave up or leave may overlap with their successors'.
  for (const [name, node] of Object.entries(NODES)) {
    const held = [...living.keys()]
      .flatMap(id => world.state.replicas.get(id) ?? [])
      .filter(r => placementOf(r)?.node === name);
    const devices = held.flatMap(r => placementOf(r)?.devices ?? []);
    if (new Set(devices).size !== devices.length) {
      throw new Error(`a device of ${name} has two holders: ${devices.join()}`);
    }
    const cpus = held.reduce((sum, r) => sum + (world.state.specOf(r.service, r.generation)?.resources.cpus ?? 0), 0);
    if (cpus > node.cpus) throw new Error(`${name} is over-committed: ${cpus} of ${node.cpus} CPUs`);
  }
}

test('whatever is asked and whatever befalls, the invariants hold after each step and quiet is reached in the end', t => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40, size: 'max' }), operations => {
      const world = newWorld();
      for (const op of operations) {
        perform(world, op);
        checkedStep(world);
      }
      world.answering = true;
      world.list();
      world.settle();
      checkInvariants(world);
      // Past all back-offs, what can run does.
      for (let i = 0; i < 16; i += 1) {
        world.advance(LONGEST_DELAY_MS * 1.2);
        world.settle();
      }
      checkLiveness(world);
      const wanted = new Set(world.state.replicas.keys());
      for (const c of world.containers.values()) if (!wanted.has(c.replicaId)) throw new Error(`orphan ${c.id}`);
    }),
    { numRuns: 400, includeErrorInReport: true },
  );
  t.pass();
});

test('equal input gives equal decisions', t => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 20, size: 'max' }), operations => {
      const [one, two] = [newWorld(), newWorld()];
      for (const op of operations) {
        perform(one, op);
        perform(two, op);
        one.step();
        two.step();
      }
      if (JSON.stringify(one.history) !== JSON.stringify(two.history))
        throw new Error('the same history was decided differently');
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test('the gap before a restart is never below the floor, nor above the longest back-off', t => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 1, max: 10_000 }), (id, failures) => {
      const delay = backoffDelayMs(id, failures);
      return delay >= FIRST_DELAY_MS * 0.9 && delay <= LONGEST_DELAY_MS * 1.1;
    }),
  );
  t.true(backoffDelayMs('r', 3) > backoffDelayMs('r', 1) * 2);
});

const policy = serviceSpec.parse({ namespace: 'n', name: 's', image: 'i' }).restart;
const cause = { kind: 'exited' as const, message: 'x', logTail: [] };
const EVENTS: readonly ReplicaEvent[] = [
  { kind: 'unplaceable', reasons: [{ kind: 'room_made' }] },
  { kind: 'placed', placement: { node: 'n', devices: [] } },
  { kind: 'image_present' },
  { kind: 'image_missing' },
  { kind: 'created', container: { id: 'c', seenAt: 1 } },
  { kind: 'started_up', warmup: false },
  { kind: 'started_up', warmup: true },
  { kind: 'warmed_up' },
  { kind: 'devices_seen' },
  { kind: 'readiness_lost' },
  { kind: 'readiness_regained' },
  { kind: 'failed', cause, policy },
  { kind: 'condemned', cause },
  { kind: 'retry' },
  { kind: 'drain', reason: 'deleted' },
  { kind: 'drained' },
  { kind: 'ended', policy, logTail: [] },
  { kind: 'node_lost' },
  { kind: 'node_found' },
  { kind: 'displaced' },
  { kind: 'forgotten' },
  { kind: 'node_renamed', node: 'm' },
];

/** Every move the state machine knows; a pair that is not here must be refused. */
const MOVES: Readonly<Record<(typeof PHASE_KINDS)[number], Readonly<Record<string, string>>>> = {
  pending: { unplaceable: 'pending', placed: 'pulling', drain: 'stopped' },
  pulling: { image_present: 'creating', failed: 'failed', drain: 'stopped', displaced: 'pending' },
  creating: {
    created: 'starting',
    image_missing: 'pulling',
    failed: 'failed',
    drain: 'stopping',
    displaced: 'pending',
  },
  starting: {
    started_up: 'ready|warming',
    devices_seen: 'starting',
    failed: 'failed',
    condemned: 'stopping',
    drain: 'draining',
    node_lost: 'lost',
    node_renamed: 'starting',
    displaced: 'pending',
  },
  warming: {
    warmed_up: 'ready',
    devices_seen: 'warming',
    failed: 'failed',
    condemned: 'stopping',
    drain: 'draining',
    node_lost: 'lost',
    node_renamed: 'warming',
  },
  ready: {
    devices_seen: 'ready',
    readiness_lost: 'ready',
    readiness_regained: 'ready',
    failed: 'failed|backoff',
    condemned: 'stopping',
    drain: 'draining',
    node_lost: 'lost',
    node_renamed: 'ready',
  },
  draining: { drained: 'stopping', node_renamed: 'draining' },
  stopping: {
    created: 'stopping',
    drain: 'stopping',
    ended: 'stopped|failed|backoff',
    forgotten: 'stopped',
    node_renamed: 'stopping',
  },
  stopped: {},
  backoff: { retry: 'pulling', drain: 'stopping', displaced: 'pending' },
  failed: { drain: 'stopping' },
  lost: {
    failed: 'failed|backoff',
    drain: 'stopping',
    node_found: 'starting',
    forgotten: 'stopped',
    node_renamed: 'lost',
  },
};

test('every pair of phase and event either moves as the table says or is refused', t => {
  const held = { since: 1, placement: { node: 'n', devices: [] }, container: { id: 'c', seenAt: 1 } };
  const samples: readonly Replica['phase'][] = [
    { kind: 'pending', since: 1, reasons: [] },
    { kind: 'pulling', since: 1, placement: held.placement },
    { kind: 'creating', since: 1, placement: held.placement },
    { kind: 'starting', ...held },
    { kind: 'warming', ...held },
    { kind: 'ready', ...held, impaired: false },
    { kind: 'draining', ...held, reason: 'deleted' },
    { kind: 'stopping', ...held, container: null, afterwards: { kind: 'stopped' } },
    { kind: 'stopping', ...held, afterwards: { kind: 'retried', cause } },
    { kind: 'stopped', since: 1 },
    { kind: 'backoff', since: 1, placement: held.placement, until: 5, cause },
    { kind: 'failed', since: 1, placement: held.placement, cause },
    { kind: 'lost', ...held },
  ];
  t.deepEqual([...new Set(samples.map(p => p.kind))].sort(), [...PHASE_KINDS].sort());
  for (const phase of samples) {
    const replica: Replica = {
      id: 'r',
      service: 'n/s',
      generation: 1,
      createdAt: 0,
      attempt: 1,
      failures: 0,
      wasReady: phase.kind === 'ready',
      hasServed: phase.kind === 'ready',
      hasSeenDevices: false,
      replace: false,
      returnedAt: null,
      addresses: [],
      phase,
      timings: [],
    };
    for (const event of EVENTS) {
      const expected = MOVES[phase.kind][event.kind]?.split('|');
      const pair = `${event.kind} in ${phase.kind}`;
      const hasContainer = 'container' in phase && phase.container !== null;
      const isRefused = hasContainer ? event.kind === 'created' : event.kind === 'node_renamed';
      if (!expected || isRefused) {
        t.throws(() => transition(replica, event, 10), { instanceOf: TypeError, message: /cannot happen/ }, pair);
      } else t.true(expected.includes(transition(replica, event, 10).phase.kind), pair);
    }
  }
});
