import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import type { ServiceKey, ServiceSpec } from '../../control-plane/core/spec.ts';
import { nodeWithRoom } from './room.ts';
import { isCurrent } from './scene.ts';
import type { SimulatedWorld } from './simulated-world.ts';

/** With the faults over, everything comes to rest as it is wanted, within a bound, and stays there. Invariant 10. */
export async function checkLiveness(world: SimulatedWorld): Promise<void> {
  world.health.heal();
  for (const { name, machine } of world.nodes) {
    world.suffer(name, 'fine');
    for (const { id } of machine.devices) machine.occupy(id, 0);
  }
  world.disk.faults.length = 0;
  if (!world.alive) await world.begin();
  for (const node of world.nodes) if (node.configured) node.engine.loseEvents = false;
  world.remote?.back();
  world.sidecar.changed();
  await world.advance(60_000);
  // Nobody calls anybody: whoever may be gone makes room for the more important.
  for (const { id } of world.running()) world.health.load.set(id, { inFlight: 0, since: world.clock.now() });
  world.sidecar.changed();
  await world.advance(STEP_MS);
  // What runs on is all as it is wanted: the crash below would clear away what is old as well.
  await comeTo(world, checkServices);
  // Every history also has to survive one more crash of whatever runs by then.
  for (const c of world.running()) world.node(c.request.placement.node).machine.exit(c.id, { code: 1 });
  await comeToRest(world, checkAtRest);
  if (world.nodes.length === 1) return;
  // Then everything that was taken away is given back.
  for (const { name, machine, setup } of world.nodes) {
    machine.setDevices(setup.devices);
    world.configure(name, true);
    await world.ask(c => c.undrainNode(name, {}));
  }
  await comeToRest(world, () => {
    checkAtRest(world);
    checkNobodyQuarantined(world);
  });
}

/** Past every back-off (5 min + 10 %), drain, quarantine and sweep there can be. */
const AT_REST_WITHIN_MS = 1_500_000;
const STEP_MS = 120_000;

async function comeTo(world: SimulatedWorld, check: (world: SimulatedWorld) => void): Promise<void> {
  for (let passedMs = 0; ; passedMs += STEP_MS) {
    world.safety.check();
    try {
      check(world);
      return;
    } catch (notYet) {
      if (passedMs >= AT_REST_WITHIN_MS) throw notYet;
    }
    await world.advance(STEP_MS);
  }
}

/** Rest is where the checks hold and a step brings no effect. One node is watched for the whole time, several until then. */
async function comeToRest(world: SimulatedWorld, check: (world: SimulatedWorld) => void): Promise<void> {
  if (world.nodes.length === 1) await world.advance(AT_REST_WITHIN_MS);
  for (let passedMs = STEP_MS; ; passedMs += STEP_MS) {
    const before = effects(world).length;
    await world.advance(STEP_MS);
    world.safety.check();
    const idle = effects(world).slice(before);
    try {
      check(world);
      if (idle.length === 0) return;
    } catch (notYet) {
      if (passedMs >= AT_REST_WITHIN_MS || world.nodes.length === 1) throw notYet;
    }
    if (passedMs >= AT_REST_WITHIN_MS || world.nodes.length === 1)
      throw new Error(`10: a steady state caused ${idle.length} effects: ${JSON.stringify(idle.slice(-3))}`);
  }
}

/** Looking is no effect. */
const LOOKS: ReadonlySet<string> = new Set(['observe', 'checkDevices']);

function effects(world: SimulatedWorld) {
  return world.nodes.filter(n => n.configured).flatMap(n => n.engine.calls.filter(c => !LOOKS.has(c.method)));
}

function checkAtRest(world: SimulatedWorld): void {
  checkServices(world);
  checkMachines(world);
  checkPublished(world);
}

function checkServices(world: SimulatedWorld): void {
  for (const service of world.controlPlane.services()) {
    const { name, readyReplicas, wantedReplicas, replicas } = service;
    const story = () => `${service.message} ${JSON.stringify(replicas)}`;
    if (service.deleting) throw new Error(`10: ${name} is still being deleted: ${story()}`);
    const spec = world.stored.service(`${service.namespace}/${name}`)?.spec;
    const cannotRun =
      spec?.image.startsWith('missing') || ['exit', 'missing-binary'].includes(spec?.command?.[0] ?? '');
    if (cannotRun || !spec) continue;
    const old = oldReplicas(world, `${service.namespace}/${name}`);
    // The one excuse is that others have the room: its own old replicas have to make way.
    const idle = mayBeGoneFor(world, spec);
    const room = nodeWithRoom(
      world,
      spec,
      ({ request }) => !old.has(request.replicaId) && !idle.has(request.replicaId),
    );
    if (readyReplicas === wantedReplicas && replicas.length === wantedReplicas) {
      if (room && old.size > 0)
        throw new Error(`10: ${name} still has ${[...old].join(' and ')}, and ${room.name} has room: ${story()}`);
      const stuck = room && replicas.find(r => !world.nodes.some(n => n.name === r.node && n.configured));
      if (stuck) throw new Error(`10: ${name} is still on ${stuck.node}, and ${room.name} has room: ${story()}`);
      continue;
    }
    if (room)
      throw new Error(`10: ${name} has ${readyReplicas} of ${wantedReplicas}, and ${room.name} has room: ${story()}`);
  }
}

/**
 * Idle replicas that should have made room for a replica of the spec, where that is free to nobody else who waits or goes on:
 * of services of lower priority that may have none.
 */
function mayBeGoneFor(world: SimulatedWorld, spec: ServiceSpec): ReadonlySet<string> {
  const { stored, health, clock } = world;
  const others = stored.services().filter(s => s.spec.name !== spec.name);
  const isAtRest = (s: Service) => {
    const all = stored.replicasOf(s.key);
    return all.length === s.replicas && all.every(r => r.phase.kind === 'ready' && isCurrent(r, s.generation));
  };
  const lower = others.filter(s => s.spec.replicas.min === 0 && s.spec.priority < spec.priority && !s.removal);
  if (!others.every(s => lower.includes(s) || isAtRest(s))) return new Set();
  const isIdle = ({ phase }: Replica, { spec: { idleTimeoutMs } }: Service) => {
    const load = phase.kind === 'ready' ? health.load.get(phase.container.id) : undefined;
    return load?.inFlight === 0 && clock.now() - load.since > (idleTimeoutMs ?? 30_000) + STEP_MS / 2;
  };
  const idle = lower
    .filter(s => s.rollout.kind !== 'paused')
    .flatMap(s => stored.replicasOf(s.key).filter(r => isIdle(r, s)));
  return new Set(idle.map(r => r.id));
}

/** Those that others should have replaced. What a paused update has left of the generation before it is to stay. */
function oldReplicas({ stored }: SimulatedWorld, key: ServiceKey): ReadonlySet<string> {
  const { generation, rollout } = stored.service(key) ?? {};
  const kept = rollout?.kind === 'paused' ? rollout.previous : null;
  const old = stored.replicasOf(key).filter(r => !isCurrent(r, generation) && !isCurrent(r, kept ?? undefined));
  return new Set(old.filter(r => r.phase.kind !== 'stopped').map(r => r.id));
}

/** No orphan, nothing left of an earlier attempt, nothing of a service that is gone. */
function checkMachines(world: SimulatedWorld): void {
  const known = new Set(world.controlPlane.services().flatMap(s => s.replicas.map(r => r.id)));
  // What ran on a node that left while it was silent is out of reach until that is named again.
  const ours = world.containers().filter(c => world.node(c.request.placement.node).configured);
  for (const c of ours) if (!known.has(c.request.replicaId)) throw new Error(`10: ${c.name} is an orphan`);
  for (const [replica, containers] of Map.groupBy(ours, c => c.request.replicaId))
    if (containers.length > 1) throw new Error(`10: ${replica} has ${containers.length} containers`);
}

/** The hub, the registry and the clients say the same: the containers that serve, all of them and no other. */
function checkPublished(world: SimulatedWorld): void {
  const { hub, remote } = world;
  const endpoints = hub.services().flatMap(s => hub.snapshot(s).endpoints);
  const ready = world.controlPlane.services().flatMap(s => s.replicas.filter(r => r.phase === 'ready'));
  const text = (ids: Iterable<string | undefined>) => [...ids].sort().join(' ');
  const [published, serving] = [text(endpoints.map(e => e.containerId)), text(ready.map(r => r.containerId))];
  if (published !== serving) throw new Error(`10: published are ${published}, ready are ${serving}`);
  const held = remote && text([...remote.held.values()].map(e => e.metadata['container']));
  if (held !== null && held !== published) throw new Error(`10: the registry has ${held}, published are ${published}`);
  for (const { id, uses, given } of world.watchers.behind(hub)) {
    throw new Error(`10: ${id} calls ${text(uses)}, and was to call ${text(given)}`);
  }
}

function checkNobodyQuarantined(world: SimulatedWorld): void {
  for (const { name } of world.nodes) {
    const left = world.stored.node(name);
    // Beyond how it is reached.
    if (left && (left.drainingSince !== null || left.quarantined.length > 0))
      throw new Error(`10: of ${name} is still kept: ${JSON.stringify(left)}`);
  }
}
