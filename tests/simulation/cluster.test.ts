import test from 'ava';
import fc from 'fast-check';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { EngineFault } from '../fakes/engine.ts';
import { SEED } from '../seed.ts';
import { Acknowledged } from './acknowledged.ts';
import { CLUSTER_SERVICES, type ClusterHappening, clusterHappening } from './cluster-happenings.ts';
import { CLUSTER } from './cluster-nodes.ts';
import { ask, carryOut } from './commands.ts';
import { byUuid, setupId } from './device-names.ts';
import { checkLiveness } from './liveness.ts';
import { NAMESPACE, SimulatedWorld } from './simulated-world.ts';

const GIB = 2 ** 30;

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
    case 'pass':
      return world.advance(event.ms);
    default:
      event satisfies never;
  }
}

const serving = (resources: ServiceSpecInput['resources']): Partial<ServiceSpecInput> => ({
  image: 'image:1',
  port: 80,
  stopGraceMs: 2_000,
  drain: { timeoutMs: 1_000 },
  resources,
  restart: { startAttempts: null },
});

/** A service on whole devices and one on shares of them, so that the first fault meets both. */
const OPENING: readonly ClusterHappening[] = [
  { what: 'apply', service: 'a', spec: serving({ cpus: 1, gpu: { count: 1 } }), replicas: 3, crash: null },
  {
    what: 'apply',
    service: 'b',
    spec: serving({ gpu: { count: 1, memoryBytes: 8 * GIB, exclusive: false } }),
    replicas: { min: 0, max: 3, initial: 3 },
    crash: null,
  },
  { what: 'pass', ms: 20_000 },
];

async function live(events: readonly ClusterHappening[]): Promise<void> {
  const world = new SimulatedWorld({ nodes: CLUSTER, probesPassAfterMs: 700 });
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

for (const plight of ['cut_hung', 'cut_down'] as const) {
  // However long the way is cut, up to just before what runs there counts as lost: the safety check sees who is condemned.
  for (const ms of [6_000, 9_000, 12_000, 14_000, 19_000, 25_000, 29_000]) {
    test.serial(`nobody is killed for having been out of reach (${plight}) for ${ms} ms`, async t => {
      const cut = CLUSTER.map(({ name: node }) => ({ what: 'plight' as const, node, plight }));
      const back = CLUSTER.map(({ name: node }) => ({ what: 'plight' as const, node, plight: 'fine' as const }));
      await live([...cut, { what: 'pass', ms }, ...back, { what: 'pass', ms: 30_000 }]);
      t.pass();
    });
  }
}

test.serial('who takes the place of a lost one goes on also where we were restarted meanwhile', async t => {
  await live([
    { what: 'plight', node: 'b', plight: 'cut_hung' },
    { what: 'pass', ms: 101_817 },
    { what: 'restart', service: 'a', crash: 1 },
    { what: 'exit', nth: 0 },
    { what: 'drain', node: 'a', crash: null },
    { what: 'pass', ms: 60_000 },
  ]);
  t.pass();
});

test.serial(
  'devices that are listed by other ids from one moment to the next have the holders that they had',
  async t => {
    const renamed = (to: 'uuid' | 'cdi') =>
      CLUSTER.map(({ name: node }) => ({ what: 'renameDevices' as const, node, to }));
    const whole = serving({ gpu: { count: 1 } });
    const more = { what: 'apply' as const, service: 'c', spec: whole, replicas: 3, crash: null };
    await live([
      ...renamed('uuid'),
      { what: 'pass', ms: 20_000 },
      more,
      { what: 'pass', ms: 30_000 },
      ...renamed('cdi'),
      { what: 'scale', service: 'c', replicas: 5, crash: null },
      { what: 'pass', ms: 30_000 },
    ]);
    t.pass();
  },
);

test.serial('on several nodes it keeps the invariants through every history of faults, and comes to rest', async t => {
  t.timeout(15 * 60_000);
  const runs = Number(process.env['OUTRIGGER_SIMULATIONS'] ?? 300) / 4;
  const seed = SEED;
  t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} replays these ${runs} histories`);
  await fc.assert(fc.asyncProperty(fc.array(clusterHappening, { minLength: 10, maxLength: 60, size: 'max' }), live), {
    seed,
    numRuns: runs,
    includeErrorInReport: true,
  });
  t.pass();
});
