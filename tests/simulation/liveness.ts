import type { FakeContainer } from '../fakes/engine-node.ts';
import { CPUS, DEVICES, type SimulatedWorld } from './simulated-world.ts';

/** With the faults over, everything comes to rest as it is wanted, within a bound, and stays there. Invariant 10. */
export async function checkLiveness(world: SimulatedWorld): Promise<void> {
  world.health.heal();
  world.machine.setDaemon('running');
  world.disk.faults.length = 0;
  if (!world.alive) await world.begin();
  world.engine.loseEvents = false;
  world.remote?.back();
  world.sidecar.changed();
  await world.advance(60_000);
  // Every history also has to survive one more crash of whatever runs by then.
  for (const c of world.machine.containers.values()) {
    if (c.instance === world.disk.instance && c.state === 'running') world.machine.exit(c.id, { code: 1 });
  }
  // Past every back-off (5 min + 10 %), drain and sweep there can be.
  await world.advance(1_500_000);
  world.safety.check();
  checkServices(world);
  checkMachine(world);
  checkPublished(world);
  await checkQuiet(world);
}

function checkServices(world: SimulatedWorld): void {
  for (const service of world.controller.services()) {
    const { name, readyReplicas, wantedReplicas, replicas } = service;
    const story = () => `${service.message} ${JSON.stringify(replicas)}`;
    if (service.deleting) throw new Error(`10: ${name} is still being deleted: ${story()}`);
    const spec = world.stored.service(`${service.namespace}/${name}`)?.spec;
    const cannotRun =
      spec?.image.startsWith('missing') || ['exit', 'missing-binary'].includes(spec?.command?.[0] ?? '');
    if (cannotRun) continue;
    if (readyReplicas === wantedReplicas && replicas.length === wantedReplicas) continue;
    // The one excuse is that others have the room, counted from what really runs: its own old replicas have to make way.
    const free = freeOn(world, c => c.request.spec.name !== name || c.request.generation === service.generation);
    const { cpus = 0, gpu } = spec?.resources ?? {};
    if (cpus <= free.cpus && (gpu?.count ?? 0) <= free.devices)
      throw new Error(`10: ${name} has ${readyReplicas} of ${wantedReplicas}, and there is room: ${story()}`);
  }
}

function freeOn(
  world: SimulatedWorld,
  counts: (container: FakeContainer) => boolean,
): { cpus: number; devices: number } {
  const running = [...world.machine.containers.values()].filter(
    c => c.instance === world.disk.instance && c.state === 'running' && counts(c),
  );
  return {
    cpus: CPUS - running.reduce((sum, c) => sum + c.request.spec.resources.cpus, 0),
    devices: DEVICES.length - running.reduce((sum, c) => sum + c.request.placement.devices.length, 0),
  };
}

/** No orphan, nothing left of an earlier attempt, nothing of a service that is gone. */
function checkMachine(world: SimulatedWorld): void {
  const known = new Set(world.controller.services().flatMap(s => s.replicas.map(r => r.id)));
  const ours = [...world.machine.containers.values()].filter(c => c.instance === world.disk.instance);
  for (const c of ours) if (!known.has(c.request.replicaId)) throw new Error(`10: ${c.name} is an orphan`);
  for (const [replica, containers] of Map.groupBy(ours, c => c.request.replicaId))
    if (containers.length > 1) throw new Error(`10: ${replica} has ${containers.length} containers`);
}

/** The hub and the registry say the same: the containers that serve, all of them and no other. */
function checkPublished(world: SimulatedWorld): void {
  const { hub, remote } = world;
  const endpoints = hub.services().flatMap(s => hub.snapshot(s).endpoints);
  const ready = world.controller.services().flatMap(s => s.replicas.filter(r => r.phase === 'ready'));
  const text = (ids: Iterable<string | undefined>) => [...ids].sort().join(' ');
  const [published, serving] = [text(endpoints.map(e => e.containerId)), text(ready.map(r => r.containerId))];
  if (published !== serving) throw new Error(`10: published are ${published}, ready are ${serving}`);
  const held = remote && text([...remote.held.values()].map(e => e.metadata['container']));
  if (held !== null && held !== published) throw new Error(`10: the registry has ${held}, published are ${published}`);
}

async function checkQuiet(world: SimulatedWorld): Promise<void> {
  const effects = () => world.engine.calls.filter(c => c.method !== 'observe');
  const before = effects().length;
  await world.advance(120_000);
  const idle = effects().slice(before);
  if (idle.length > 0)
    throw new Error(`10: a steady state caused ${idle.length} effects: ${JSON.stringify(idle.slice(-3))}`);
}
