import test from 'ava';
import fc from 'fast-check';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { EngineFault, EngineMethod } from '../fakes/engine.ts';
import { SEED } from '../seed.ts';
import { Acknowledged } from './acknowledged.ts';
import { type Command, carryOut } from './commands.ts';
import { befall, type DiscoveryHappening, discoveryHappening } from './discovery-happenings.ts';
import { checkLiveness } from './liveness.ts';
import { NAMESPACE, SimulatedWorld } from './simulated-world.ts';
import { throughHistories } from './through-histories.ts';

/** One thing that happens to the world. */
type Happening =
  | Command
  | { what: 'exit' | 'vanish' | 'unready' | 'hang'; nth: number }
  | { what: 'busy'; nth: number; inFlight: number }
  | { what: 'heal' }
  | { what: 'crash' }
  | { what: 'daemon'; state: 'running' | 'hung' | 'down' }
  | { what: 'fault'; method: EngineMethod; kind: EngineFault['kind'] }
  | { what: 'disk'; fault: 'full' | 'lost_answer' }
  | { what: 'events'; lost: boolean }
  | DiscoveryHappening
  | { what: 'pass'; ms: number };

const SERVICES = ['a', 'b', 'c'];
const service = fc.constantFrom(...SERVICES);
const nth = fc.nat(8);
const crash = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0, 1, 8) },
);

const spec: fc.Arbitrary<Partial<ServiceSpecInput>> = fc
  .record({
    image: fc.constantFrom('image:1', 'image:1', 'image:1', 'image:2', 'image:2', 'image:2', 'missing:1'),
    cpus: fc.constantFrom(0, 1, 2.5),
    gpus: fc.constantFrom(0, 0, 1),
    command: fc.constantFrom(
      ['serve'],
      ['serve'],
      ['serve'],
      ['slow-stop', '1500'],
      ['slow-stop', '900'],
      ['ignore-stop'],
      ['exit', '3'],
      ['missing-binary'],
    ),
    drainMs: fc.constantFrom(0, 1_000, 20_000),
    update: fc.constantFrom<ServiceSpecInput['update']>(
      undefined,
      undefined,
      { order: 'stop-first' },
      { maxSurge: 2 },
      { maxSurge: 0, maxUnavailable: 1 },
    ),
  })
  .map(({ image, cpus, gpus, command, drainMs, update }) => ({
    image,
    command: [...command],
    port: 80,
    stopGraceMs: 2_000,
    drain: { timeoutMs: drainMs },
    resources: { cpus, ...(gpus > 0 ? { gpu: { count: gpus } } : {}) },
    ...(update ? { update } : {}),
    // What can serve is tried for ever; what cannot gives up.
    restart: {
      startAttempts: image === 'missing:1' || ['exit', 'missing-binary'].includes(command[0] ?? '') ? 1 : null,
    },
  }));

const SERVING: Partial<ServiceSpecInput> = {
  image: 'image:1',
  command: ['serve'],
  port: 80,
  stopGraceMs: 2_000,
  drain: { timeoutMs: 20_000 },
  resources: { cpus: 1 },
  restart: { startAttempts: null },
};

const rarely = [
  fc.record({ what: fc.constant('scale' as const), service, replicas: fc.nat(4), crash }),
  fc.record({ what: fc.constant('heal' as const) }),
  fc.record({ what: fc.constant('busy' as const), nth, inFlight: fc.nat(2) }),
  fc.record({
    what: fc.constant('daemon' as const),
    state: fc.constantFrom<'running' | 'hung' | 'down'>('running', 'running', 'running', 'running', 'hung', 'down'),
  }),
  fc.record({
    what: fc.constant('disk' as const),
    fault: fc.constantFrom('full' as const, 'lost_answer' as const),
  }),
  fc.record({ what: fc.constant('events' as const), lost: fc.boolean() }),
];

const often = [
  fc.record({ what: fc.constantFrom('remove' as const, 'restart' as const), service, crash }),
  fc.record({
    what: fc.constantFrom('exit' as const, 'vanish' as const, 'unready' as const, 'hang' as const),
    nth,
  }),
  fc.record({ what: fc.constant('crash' as const) }),
  fc.record({
    what: fc.constant('fault' as const),
    method: fc.constantFrom<EngineMethod>('observe', 'pull', 'create', 'start', 'stop', 'remove', 'cleanNamespace'),
    kind: fc.constantFrom<EngineFault['kind']>('break_after_commit', 'hang', 'hang_after_commit', 'slow'),
  }),
];

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constant('apply' as const), service, spec, replicas: fc.nat(3), crash }),
  },
  {
    weight: 14,
    arbitrary: fc.record({
      what: fc.constant('pass' as const),
      ms: fc.oneof(fc.nat(60), fc.constantFrom(300, 1_000, 2_000, 4_000, 15_000, 60_000), fc.nat(400_000)),
    }),
  },
  { weight: 7, arbitrary: discoveryHappening(SERVICES) },
  ...often.map(arbitrary => ({ weight: 2, arbitrary: arbitrary as fc.Arbitrary<Happening> })),
  ...rarely.map(arbitrary => ({ weight: 1, arbitrary: arbitrary as fc.Arbitrary<Happening> })),
);

async function happen(world: SimulatedWorld, promised: Acknowledged, event: Happening): Promise<void> {
  if (!world.alive && event.what !== 'pass') await world.begin();
  const victim = 'nth' in event ? chosen(world, event.nth) : undefined;
  switch (event.what) {
    case 'apply':
    case 'scale':
    case 'remove':
    case 'restart':
      return carryOut(world, promised, event);
    case 'exit':
      if (victim) world.machine.exit(victim.id, { code: 1 });
      return;
    case 'vanish':
      if (victim) world.machine.vanish(victim.id);
      return;
    case 'unready':
      if (victim) world.health.unready.add(victim.id);
      world.sidecar.changed();
      return;
    case 'hang':
      if (victim) world.health.hang(victim.id);
      world.sidecar.changed();
      return;
    case 'busy':
      if (victim) world.health.load.set(victim.id, { inFlight: event.inFlight, since: world.clock.now() });
      world.sidecar.changed();
      return;
    case 'heal':
      world.health.heal();
      world.sidecar.changed();
      return;
    case 'crash':
      await world.crash();
      return;
    case 'daemon':
      world.suffer('local', event.state === 'running' ? 'fine' : event.state);
      return;
    case 'fault':
      world.engine.failNext(
        event.method,
        event.kind === 'slow' ? { kind: 'slow', byMs: 3_000 } : ({ kind: event.kind } as EngineFault),
      );
      return;
    case 'disk':
      world.disk.faults.push(event.fault);
      return;
    case 'events':
      world.engine.loseEvents = event.lost;
      return;
    case 'registry':
    case 'watch':
    case 'unwatch':
    case 'cut':
      return befall(world, event);
    case 'pass':
      await world.advance(event.ms);
      return;
    default:
      event satisfies never;
  }
}

/** One of the containers that run, whichever number was drawn. */
function chosen(world: SimulatedWorld, nth: number) {
  const running = world.running();
  return running[nth % Math.max(1, running.length)];
}

/** Something that serves, so that the first fault meets something. */
const OPENING: readonly Happening[] = [
  { what: 'apply', service: 'a', spec: SERVING, replicas: 2, crash: null },
  { what: 'apply', service: 'b', spec: SERVING, replicas: 1, crash: null },
  { what: 'watch', service: 'a', manner: { afterMs: 500, callMs: 3_000, returnsAfterMs: 200 } },
  { what: 'pass', ms: 3_000 },
];

for (const registry of ['embedded', 'remote'] as const) {
  test.serial(
    `with the ${registry} registry the production controller keeps the invariants through every history of faults, and comes to rest`,
    async t => {
      t.timeout(15 * 60_000);
      const runs = Number(process.env['OUTRIGGER_SIMULATIONS'] ?? 300) / 2;
      const seed = SEED;
      t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} replays these ${runs} histories`);
      await throughHistories(
        fc.asyncProperty(fc.array(happening, { minLength: 10, maxLength: 60, size: 'max' }), async events => {
          const world = new SimulatedWorld({ registry });
          const promised = new Acknowledged();
          const keys = SERVICES.map(name => `${NAMESPACE}/${name}`);
          await world.begin();
          try {
            for (const event of [...OPENING, ...events]) {
              await happen(world, promised, event);
              world.safety.check();
              promised.check(keys, world.stored);
            }
            await checkLiveness(world);
            promised.check(keys, world.stored);
          } finally {
            await world.end();
          }
        }),
        { seed, numRuns: runs },
      );
      t.pass();
    },
  );
}
