import { type Action, actionKey } from './actions.ts';
import { containTrouble, type Troubles } from './contain-trouble.ts';
import type { Desired } from './desired.ts';
import { addressesOf, type Endpoint, type ProbeHost, probeHosts } from './endpoint.ts';
import { advance } from './lifecycle/advance.ts';
import { drainEndsAt } from './lifecycle/drain-end.ts';
import { farewells } from './lifecycle/farewells.ts';
import { awaitsDeviceCheckUntil } from './lifecycle/first-device-check.ts';
import { actionsFor, orphanActions } from './lifecycle/next-actions.ts';
import { transition } from './lifecycle/transition.ts';
import type { NodePolicy, NodeRecord } from './node.ts';
import { type DeviceTurns, deviceTurns } from './nodes/device-turns.ts';
import { nodesToList } from './nodes/nodes-to-list.ts';
import { vacatedNodes } from './nodes/vacated-nodes.ts';
import { withGivenDevices } from './nodes/with-given-devices.ts';
import type { Observed, ObservedContainer } from './observed.ts';
import { containerOf, placementOf, type Replica } from './replica.ts';
import { heldByRegistry } from './rollout/held-by-registry.ts';
import { judgeRollout } from './rollout/judge-rollout.ts';
import type { Leeway } from './rollout/leeway.ts';
import { leewayIn, withoutRoom } from './rollout/leeway-in.ts';
import { rolloutStep } from './rollout/rollout.ts';
import type { Service } from './service.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';
import { untidyNodes } from './waiting/cluster-in.ts';
import { contestedPlaces } from './waiting/contested-places.ts';
import { placeElsewhere } from './waiting/place-elsewhere.ts';
import { placeWaiting } from './waiting/place-waiting.ts';
import { passOnRoom } from './waiting/successors.ts';
import { World } from './world.ts';

/** All that follows from one look at the world. The controller stores the states, then carries out the actions. */
export interface Plan {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly replicas: ReadonlyMap<string, Replica>;
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  readonly actions: readonly Action[];
  /** Everything that should be published now, complete. */
  readonly endpoints: readonly Endpoint[];
  /** The running containers that the sidecar should look after, complete. */
  readonly probed: readonly Probed[];
  /** Nodes to list anew soon, as something waits for a newer listing of them. */
  readonly relisted: readonly string[];
  /** Nodes that left and may be spoken to no more: see vacatedNodes. */
  readonly vacated: readonly string[];
  /** Services that are left as they are because no pass can be made with them, and why. */
  readonly troubles: Troubles;
  /** When to look again though nothing changes; null: no need. */
  readonly wakeAt: number | null;
}

export interface Probed {
  readonly replica: Replica;
  readonly spec: ServiceSpec;
  /** Absent where it is known by what is stored alone: its node did not answer since we began. */
  readonly container?: ObservedContainer;
  readonly containerId: string;
  readonly hosts: readonly ProbeHost[];
  /** When the newest answered listing of its node began; null: the node does not answer. */
  readonly heardFrom: number | null;
  /** It was past start-up and warm-up already. */
  readonly resume: boolean;
  /** Everybody who could call it has confirmed that it left. */
  readonly withdrawn: boolean;
}

/**
 * The whole of the control plane's judgement, pure: compares what is desired with what is observed and says what to do.
 * Applying its actions until there are none is how everything comes about: start, update, crash, restart of ours, end.
 */
export function reconcile(
  desired: Desired,
  observed: Observed,
  now: number,
  newReplicaId: () => string,
  policy: NodePolicy,
): Plan {
  return containTrouble(desired.services.keys(), alone => {
    const world = new World(desired, observed, { now, policy, alone });
    return { ...carryOn(world, newReplicaId), troubles: alone };
  });
}

function carryOn(world: World, newReplicaId: () => string): Omit<Plan, 'troubles'> {
  world.nodes.tidy();
  placeElsewhere(world);
  advanceAll(world, contestedPlaces(world));
  rollAll(world, newReplicaId);
  const placeAgainAt = placeWaiting(world);
  // A placement, a drain or a retry may carry a replica on at once, such as onto an image that is there already.
  advanceAll(world, new Set());
  return planOf(world, placeAgainAt);
}

/** @param contested replicas whose place is not theirs alone; what is placed in this pass is placed by the same ledger */
function advanceAll(world: World, contested: ReadonlySet<string>): void {
  const { observed, now, nodes } = world;
  for (const replica of world.lookedAfter()) {
    const spec = world.specOf(replica);
    const containers = world.reachableContainersOf(replica).map(l => l.container);
    const isContested = contested.has(replica.id);
    const isDeleted = isDeletedIn(world, replica);
    const moved = advance(replica, { spec, observed, containers, nodes, now, isContested, isDeleted });
    quarantineLost(world, replica, moved);
    world.put(withAddresses(world, withGivenDevices(moved, observed), spec));
  }
}

/** Who would give up a place for another one is asked last: by then all that waits for a place is there. */
function rollAll(world: World, newReplicaId: () => string): void {
  const leeway = leewayIn(world);
  const asked = new Set<ServiceKey>();
  for (const service of [...world.services.values()]) {
    const { key } = service;
    if (world.isLeftAlone(key)) continue;
    roll(world, service, { leeway: withoutRoom(leeway, () => asked.add(key)), newReplicaId });
  }
  passOnRoom(world);
  for (const key of asked) roll(world, world.services.get(key)!, { leeway, newReplicaId });
}

/** What a container lost sight of is given to nobody else before somebody has looked at it. */
function quarantineLost({ nodes }: World, before: Replica, { id, service, phase }: Replica): void {
  if (phase.kind !== 'stopping' || before.phase.kind === 'stopping' || phase.afterwards.kind !== 'retried') return;
  const { cause } = phase.afterwards;
  if (cause.kind === 'device_lost') nodes.quarantine(phase.placement, `${service} replica ${id}: ${cause.message}`);
}

function roll(
  world: World,
  service: Service,
  { leeway, newReplicaId }: { leeway: Leeway; newReplicaId: () => string },
): void {
  const { now } = world;
  const judged = judgeRollout(world, service);
  const replicas = world.ofService(service.key);
  const step = heldByRegistry(rolloutStep(judged, replicas, leeway), replicas, world.observed.standing);
  for (const { replica, reason } of step.drain) world.put(transition(replica, { kind: 'drain', reason }, now));
  for (let i = 0; i < step.create; i += 1) world.put(newReplica(newReplicaId(), judged, now));
  const settled = step.settled && judged.rollout.kind === 'progressing';
  world.services.set(service.key, settled ? { ...judged, rollout: { kind: 'settled' } } : judged);
}

function planOf(world: World, placeAgainAt: number | null): Omit<Plan, 'troubles'> {
  for (const replica of [...world.replicas.values()]) if (replica.phase.kind === 'stopped') world.delete(replica);
  const turns = deviceTurns(
    { replicas: world.replicas, specOf: (s, g) => world.keptSpec(s, g), isLeftAlone: s => world.isLeftAlone(s) },
    world.observed,
    world.now,
  );
  const actions = [
    ...world.lookedAfter().flatMap(r => inTurn(actionsFor(world, r), r, turns)),
    ...[...turns.measure].map((node): Action => ({ kind: 'measure', node })),
    ...orphanActions(world),
    ...farewells(world),
  ];
  const due = withDevicesToSpare(world, actions).filter(a => isDue(world, a));
  return {
    services: world.services,
    replicas: world.replicas,
    nodes: world.nodes.records,
    actions: due,
    endpoints: endpointsIn(world),
    probed: probedIn(world),
    relisted: nodesToList(world),
    vacated: vacatedNodes(world, due),
    wakeAt: wakeAt(world, actions, [placeAgainAt, turns.lookAgainAt]),
  };
}

/** Where something runs that no account knows of, it may have any device: also what was placed before waits for its end. */
function withDevicesToSpare(world: World, actions: readonly Action[]): readonly Action[] {
  const isGiven = (a: Action) => a.kind === 'create' && a.placement.devices.length > 0;
  if (!actions.some(isGiven)) return actions;
  const untidy = untidyNodes(world);
  return actions.filter(a => !isGiven(a) || !untidy.has(a.node));
}

function inTurn(actions: readonly Action[], { id }: Replica, { waiting }: DeviceTurns): readonly Action[] {
  return waiting.has(id) ? actions.filter(a => !IN_TURN.has(a.kind)) : actions;
}

const IN_TURN: ReadonlySet<Action['kind']> = new Set(['create', 'start', 'stop']);

function endpointsIn(world: World): Endpoint[] {
  return [...world.replicas.values()].flatMap(replica => {
    const { phase, service, id: replicaId, generation, addresses } = replica;
    if (phase.kind !== 'ready' || phase.impaired || addresses.length === 0) return [];
    const spec = world.keptSpec(service, generation);
    if (!spec) return [];
    const { container, placement } = phase;
    const { protocol } = spec;
    return [{ service, replicaId, containerId: container.id, generation, node: placement.node, protocol, addresses }];
  });
}

/** Also what was lost: a probe that passes is how it is found while its engine is still silent. */
function probedIn(world: World): Probed[] {
  return [...world.replicas.values()].flatMap((replica): Probed[] => {
    const container = containerOf(replica);
    const placement = placementOf(replica);
    const { kind } = replica.phase;
    const spec = world.keptSpec(replica.service, replica.generation);
    if (!container || !placement || !spec || kind === 'stopping') return [];
    const resume = kind === 'ready' || kind === 'draining' || replica.hasServed;
    const seen = world.containersOf(replica.id).find(l => l.container.id === container.id)?.container;
    const node = world.nodes.node(placement.node);
    const heardFrom = node?.answering ? node.listedFrom : null;
    const withdrawn = kind === 'draining' && world.observed.withdrawn(replica.service, replica.id);
    const common = { replica, spec, containerId: container.id, heardFrom, resume, withdrawn };
    if (seen && node) {
      if (seen.state !== 'running') return [];
      return [{ ...common, container: seen, hosts: probeHosts(spec, seen, { known: replica.addresses, node }) }];
    }
    // After a restart of ours beside an engine that is away, what is stored says where it is.
    if (node?.answering || !replica.hasServed || replica.addresses.length === 0) return [];
    const hosts = replica.addresses.map(({ kind: way, host, port }) => ({
      host,
      portOf: way === 'network' ? null : { [spec.port ?? port]: port },
    }));
    return [{ ...common, hosts }];
  });
}

function isDue({ observed, now }: World, action: Action): boolean {
  const effect = observed.effects.get(actionKey(action));
  if (!effect || effect.kind === 'queued') return true;
  if (effect.kind === 'under_way') return false;
  if (effect.kind === 'failed') return now >= effect.notBefore;
  // It settled; until a listing that began later shows the outcome, asking again would be asking twice.
  const node = observed.nodes.get(action.node);
  if (action.kind === 'pull') return true;
  return node !== undefined && node.listedFrom > effect.at;
}

function wakeAt(world: World, actions: readonly Action[], given: readonly (number | null)[]): number | null {
  const { observed, now } = world;
  const times = [...given.filter(t => t !== null), ...world.nodes.wakeTimes(world.replicas.values())];
  for (const action of actions) {
    const effect = observed.effects.get(actionKey(action));
    if (effect?.kind === 'failed') times.push(effect.notBefore);
  }
  for (const replica of world.lookedAfter()) {
    const { phase } = replica;
    if (phase.kind === 'backoff') times.push(phase.until);
    if (phase.kind === 'starting') {
      const until = awaitsDeviceCheckUntil(replica, phase, { spec: world.specOf(replica), observed });
      if (until !== null) times.push(until);
    }
    if (phase.kind === 'draining') {
      const facts = { spec: world.specOf(replica), observed, isDeleted: isDeletedIn(world, replica) };
      const endsAt = drainEndsAt(replica.id, phase, facts);
      if (endsAt !== null) times.push(endsAt);
      // Load is read and not announced: look again while it decides.
      if (observed.probes.get(phase.container.id)?.load) times.push(now + LOAD_LOOK_MS);
    }
  }
  const future = times.filter(t => t > now);
  return future.length > 0 ? Math.min(...future) : null;
}

function isDeletedIn(world: World, { service }: Replica): boolean {
  return Boolean(world.services.get(service)?.removal);
}

/** How soon a draining replica's load is looked at again. */
const LOAD_LOOK_MS = 250;

function newReplica(id: string, service: Service, now: number): Replica {
  return {
    id,
    service: service.key,
    generation: service.generation,
    createdAt: now,
    attempt: 0,
    failures: 0,
    wasReady: false,
    hasServed: false,
    hasSeenDevices: false,
    replace: false,
    returnedAt: null,
    addresses: [],
    phase: { kind: 'pending', since: now, reasons: [] },
    timings: [{ phase: 'pending', at: now }],
  };
}

function withAddresses(world: World, replica: Replica, spec: ServiceSpec): Replica {
  const id = containerOf(replica)?.id;
  const seen = world.containersOf(replica.id).find(l => l.container.id === id);
  const node = seen && world.nodes.node(seen.node);
  if (seen?.container.state !== 'running' || !node) return replica;
  const addresses = addressesOf(spec, seen.container, node);
  return JSON.stringify(addresses) === JSON.stringify(replica.addresses) ? replica : { ...replica, addresses };
}
