import fc from 'fast-check';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { EngineFault } from '../fakes/engine.ts';
import { Acknowledged } from './acknowledged.ts';
import { CLUSTER_SERVICES, type ClusterHappening, clusterHappening } from './cluster-happenings.ts';
import { CLUSTER } from './cluster-nodes.ts';
import { ask, carryOut } from './commands.ts';
import { byUuid, setupId } from './device-names.ts';
import { befall } from './discovery-happenings.ts';
import { checkLiveness } from './liveness.ts';
import { NAMESPACE, SimulatedWorld } from './simulated-world.ts';

/** What happens to a cluster, one thing after the other, once it serves. */
export interface ClusterHistory {
  readonly registry: 'embedded' | 'remote';
  readonly events: readonly ClusterHappening[];
}

export const clusterHistory: fc.Arbitrary<ClusterHistory> = fc.record({
  registry: fc.constantFrom('embedded', 'remote'),
  events: fc.array(clusterHappening, { minLength: 10, maxLength: 60, size: 'max' }),
});

/** Rejects where an invariant does not hold on the way, or what is wanted does not come about in the end. */
export async function live({ registry, events }: ClusterHistory): Promise<void> {
  const world = new SimulatedWorld({ nodes: CLUSTER, registry, probesPassAfterMs: 700 });
  const promised = new Acknowledged();
  const keys = CLUSTER_SERVICES.map(name => `${NAMESPACE}/${name}`);
  await world.begin();
  try {
    for (const event of [...OPENING, ...events]) {
      await happen(world, promised, event);
      // What has happened is noticed before the next thing happens, which may undo it.
      await world.advance(0);
      world.safety.check();
      promised.check(keys, world.stored);
    }
    await checkLiveness(world);
    promised.check(keys, world.stored);
  } finally {
    await world.end();
  }
}

const GIB = 2 ** 30;

export const serving = (resources: ServiceSpecInput['resources']): Partial<ServiceSpecInput> => ({
  image: 'image:1',
  port: 80,
  stopGraceMs: 2_000,
  drain: { timeoutMs: 1_000 },
  resources,
  restart: { startAttempts: null },
});

/** A service on whole devices and one on shares of them, and a client of each, so that the first fault meets them. */
const OPENING: readonly ClusterHappening[] = [
  { what: 'apply', service: 'a', spec: serving({ cpus: 1, gpu: { count: 1 } }), replicas: 3, crash: null },
  {
    what: 'apply',
    service: 'b',
    spec: serving({ gpu: { count: 1, memoryBytes: 8 * GIB, exclusive: false } }),
    replicas: { min: 0, max: 3, initial: 3 },
    crash: null,
  },
  { what: 'watch', service: 'a', manner: { afterMs: 500, callMs: 3_000, returnsAfterMs: 200 } },
  { what: 'watch', service: 'b', manner: { afterMs: 0, callMs: 15_000, returnsAfterMs: 7_000 } },
  { what: 'pass', ms: 20_000 },
];

async function happen(world: SimulatedWorld, promised: Acknowledged, event: ClusterHappening): Promise<void> {
  if (!world.alive && event.what !== 'pass') await world.begin();
  const running = world.running();
  const victim = 'nth' in event ? running[event.nth % Math.max(1, running.length)] : undefined;
  const machine = victim && world.node(victim.request.placement.node).machine;
  const node = 'node' in event ? world.node(event.node) : undefined;
  switch (event.what) {
    case 'apply':
    case 'scale':
    case 'remove':
    case 'restart':
      return carryOut(world, promised, event);
    case 'exit':
      if (victim) machine?.exit(victim.id, { code: 1 });
      return;
    case 'vanish':
      if (victim) machine?.vanish(victim.id);
      return;
    case 'unready':
      if (victim) world.health.unready.add(victim.id);
      world.sidecar.changed();
      return;
    case 'hang':
      if (victim) world.health.hang(victim.id);
      world.sidecar.changed();
      return;
    case 'goBlind':
      if (!victim || victim.request.placement.devices.length === 0) return;
      world.health.everBlind.add(victim.id);
      machine?.loseSight(victim.id);
      return;
    case 'load':
      if (victim) world.health.load.set(victim.id, { inFlight: event.inFlight, since: world.clock.now() });
      world.sidecar.changed();
      return;
    case 'allIdle':
      for (const { id } of running) world.health.load.set(id, { inFlight: 0, since: world.clock.now() });
      world.sidecar.changed();
      return;
    case 'heal':
      world.health.heal();
      world.sidecar.changed();
      return;
    case 'crash':
      return world.crash();
    case 'plight':
      return world.suffer(event.node, event.plight);
    case 'fault': {
      const fault = event.kind === 'slow' ? { kind: 'slow', byMs: 3_000 } : { kind: event.kind };
      if (node?.configured) node.engine.failNext(event.method, fault as EngineFault);
      return;
    }
    case 'drain':
      await ask(world, event.crash, c => c.drainNode(event.node));
      return;
    case 'undrain':
      await ask(world, event.crash, c => c.undrainNode(event.node, {}));
      return;
    case 'configure':
      return world.configure(event.node, event.configured);
    case 'devices':
      node?.machine.setDevices(node.setup.devices.filter((_, i) => i !== event.without));
      return;
    case 'renameDevices': {
      const listed = new Set(node?.machine.devices.map(d => setupId(d.id)));
      const devices = node?.setup.devices.filter(d => listed.has(d.id)) ?? [];
      node?.machine.setDevices(event.to === 'uuid' ? devices.map(byUuid) : devices);
      return;
    }
    case 'stranger': {
      const device = node?.machine.devices[event.device];
      if (device) node?.machine.occupy(device.id, event.gib * GIB);
      return;
    }
    case 'disk':
      world.disk.faults.push(event.fault);
      return;
    case 'events':
      if (node?.configured) node.engine.loseEvents = event.lost;
      return;
    case 'registry':
    case 'watch':
    case 'unwatch':
    case 'cut':
      return befall(world, event);
    case 'pass':
      return world.advance(event.ms);
    default:
      event satisfies never;
  }
}
