import test from 'ava';
import fc from 'fast-check';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { EngineFault, EngineMethod } from '../fakes/engine.ts';
import { NAMESPACE, SimulatedWorld } from './simulated-world.ts';

/** One thing that happens to the world. */
type Happening =
  | { what: 'apply'; service: string; image: string; replicas: number; cpus: number; gpus: number; command: readonly string[] }
  | { what: 'scale'; service: string; replicas: number }
  | { what: 'remove' | 'restart'; service: string }
  | { what: 'exit' | 'vanish' | 'unready' | 'hang'; nth: number }
  | { what: 'heal' }
  | { what: 'crash' }
  | { what: 'daemon'; state: 'running' | 'hung' | 'down' }
  | { what: 'fault'; method: EngineMethod; kind: EngineFault['kind'] }
  | { what: 'disk'; fault: 'full' | 'lost_answer' }
  | { what: 'events'; lost: boolean }
  | { what: 'pass'; ms: number };

const service = fc.constantFrom('a', 'b', 'c');
const nth = fc.nat(8);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant('apply' as const),
      service,
      image: fc.constantFrom('image:1', 'image:2', 'missing:1'),
      replicas: fc.nat(3),
      cpus: fc.constantFrom(0, 1, 2.5),
      gpus: fc.constantFrom(0, 0, 1),
      command: fc.constantFrom(
        ['serve'],
        ['serve'],
        ['slow-stop', '900'],
        ['ignore-stop'],
        ['exit', '3'],
        ['missing-binary'],
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('scale' as const), service, replicas: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constantFrom('remove' as const, 'restart' as const), service }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constantFrom('exit' as const, 'vanish' as const, 'unready' as const, 'hang' as const),
      nth,
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('heal' as const) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('crash' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('daemon' as const),
      state: fc.constantFrom('running' as const, 'running' as const, 'hung' as const, 'down' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('fault' as const),
      method: fc.constantFrom<EngineMethod>('observe', 'pull', 'create', 'start', 'stop', 'remove', 'cleanNamespace'),
      kind: fc.constantFrom<EngineFault['kind']>('break_after_commit', 'hang', 'hang_after_commit', 'slow'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      what: fc.constant('disk' as const),
      fault: fc.constantFrom('full' as const, 'lost_answer' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('events' as const), lost: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('pass' as const),
      ms: fc.oneof(fc.nat(60), fc.nat(2_000), fc.nat(400_000)),
    }),
  },
);

async function happen(world: SimulatedWorld, event: Happening): Promise<void> {
  if (!world.alive && event.what !== 'pass') await world.begin();
  const ref = { namespace: NAMESPACE, name: 'service' in event ? event.service : '' };
  const victim =
    'nth' in event ? [...world.machine.containers.values()].filter(c => c.state === 'running')[event.nth] : undefined;
  switch (event.what) {
    case 'apply': {
      const { image, replicas, cpus, gpus, command } = event;
      const spec: ServiceSpecInput = {
        ...ref,
        image,
        command: [...command],
        port: 80,
        stopGraceMs: 2_000,
        drain: { timeoutMs: 1_000 },
        replicas: { min: replicas, max: replicas, initial: replicas },
        resources: { cpus, ...(gpus > 0 ? { gpu: { count: gpus } } : {}) },
      };
      await world.ask(c => c.apply({ specs: [spec], origin: 'simulation', dryRun: false }));
      return;
    }
    case 'scale':
      await world.ask(c => c.scale(ref, event.replicas));
      return;
    case 'remove':
      await world.ask(c => c.remove({ namespace: NAMESPACE, names: [event.service], volumes: false }));
      return;
    case 'restart':
      await world.ask(c => c.restart(ref, {}));
      return;
    case 'exit':
      if (victim) world.machine.exit(victim.id, { code: 1 });
      return;
    case 'vanish':
      if (victim) world.machine.vanish(victim.id);
      return;
    case 'unready':
    case 'hang':
      if (victim) world.ill[event.what === 'hang' ? 'hung' : 'unready'].add(victim.id);
      world.sidecar.changed();
      return;
    case 'heal':
      world.ill.unready.clear();
      world.ill.hung.clear();
      world.sidecar.changed();
      return;
    case 'crash':
      await world.crash();
      return;
    case 'daemon':
      world.machine.setDaemon(event.state);
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
    case 'pass':
      await world.advance(event.ms);
      return;
    default:
      event satisfies never;
  }
}

test('the production controller keeps the invariants through every history of faults, and comes to rest after them', async t => {
  t.timeout(15 * 60_000);
  const runs = Number(process.env['OUTRIGGER_SIMULATIONS'] ?? 300);
  const seed = Number(process.env['OUTRIGGER_SEED'] ?? Date.now() % 1_000_000_000);
  t.log(`seed ${seed}: OUTRIGGER_SEED=${seed} replays these ${runs} histories`);
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 60 }), async events => {
      const world = new SimulatedWorld();
      await world.begin();
      try {
        for (const event of events) {
          await happen(world, event);
          world.checkSafety();
        }
        await world.checkLiveness();
      } finally {
        await world.end();
      }
    }),
    { seed, numRuns: runs },
  );
  t.pass();
});
