import fc from 'fast-check';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { EngineFault, EngineMethod } from '../fakes/engine.ts';
import { CLUSTER } from './cluster-nodes.ts';
import type { Command, Wanted } from './commands.ts';
import { type DiscoveryHappening, discoveryHappening } from './discovery-happenings.ts';
import type { Plight } from './simulated-node.ts';

/** One thing that happens to a cluster. `nth` counts the containers that run, whichever there are. */
export type ClusterHappening =
  | Command
  | DiscoveryHappening
  | { what: 'exit' | 'vanish' | 'unready' | 'hang' | 'goBlind'; nth: number }
  | { what: 'load'; nth: number; inFlight: number }
  | { what: 'allIdle' }
  | { what: 'heal' }
  | { what: 'crash' }
  | { what: 'plight'; node: string; plight: Plight }
  | { what: 'fault'; node: string; method: EngineMethod; kind: EngineFault['kind'] }
  | { what: 'drain' | 'undrain'; node: string; crash: number | null }
  | { what: 'configure'; node: string; configured: boolean }
  /** One of its devices is not listed any more, or all are again. */
  | { what: 'devices'; node: string; without: number | null }
  /** Its devices are listed by other ids from now on. */
  | { what: 'renameDevices'; node: string; to: 'uuid' | 'cdi' }
  /** Somebody else's process takes memory of a device. */
  | { what: 'stranger'; node: string; device: number; gib: number }
  | { what: 'disk'; fault: 'full' | 'lost_answer' }
  | { what: 'events'; node: string; lost: boolean }
  | { what: 'pass'; ms: number };

const GIB = 2 ** 30;
export const CLUSTER_SERVICES = ['a', 'b', 'c', 'd'];

const service = fc.constantFrom(...CLUSTER_SERVICES);
const node = fc.constantFrom(...CLUSTER.map(n => n.name));
const nth = fc.nat(8);
const crash = fc.oneof(
  { weight: 8, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0, 1, 8) },
);
const wanted: fc.Arbitrary<Wanted> = fc.oneof(
  { weight: 3, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.constantFrom({ min: 0, max: 3, initial: 2 }, { min: 0, max: 2, initial: 1 }) },
);

type Gpu = NonNullable<NonNullable<ServiceSpecInput['resources']>['gpu']>;

const gpu = fc.constantFrom<(Gpu | undefined)[]>(
  undefined,
  { count: 1 },
  { count: 1 },
  { count: 2 },
  { count: 1, models: ['H100'] },
  { count: 1, memoryBytes: 8 * GIB, exclusive: false },
  { count: 1, memoryBytes: 8 * GIB, exclusive: false },
  { count: 1, memoryBytes: 30 * GIB, exclusive: false },
  { count: 2, memoryBytes: 20 * GIB, exclusive: false },
  { count: 1, memoryBytes: 40 * GIB, exclusive: true },
  { count: -1 },
);

export const clusterSpec: fc.Arbitrary<Partial<ServiceSpecInput>> = fc
  .record({
    image: fc.constantFrom('image:1', 'image:1', 'image:1', 'image:2', 'image:2', 'missing:1'),
    cpus: fc.constantFrom(0, 1, 2.5),
    gpu,
    command: fc.constantFrom(['serve'], ['serve'], ['serve'], ['slow-stop', '1500'], ['ignore-stop'], ['exit', '3']),
    drainMs: fc.constantFrom(0, 1_000, 20_000),
    update: fc.constantFrom<ServiceSpecInput['update']>(
      undefined,
      undefined,
      { order: 'stop-first' },
      { maxSurge: 2 },
      { maxSurge: 0, maxUnavailable: 1 },
    ),
    placement: fc.constantFrom<ServiceSpecInput['placement']>(
      undefined,
      undefined,
      undefined,
      { spread: ['node.labels.zone'] },
      { maxPerNode: 1 },
      { constraints: ['node.labels.zone == x'] },
    ),
    priority: fc.constantFrom(0, 0, 5),
  })
  .map(({ image, cpus, gpu: request, command, drainMs, update, placement, priority }) => ({
    image,
    command: [...command],
    port: 80,
    stopGraceMs: 2_000,
    drain: { timeoutMs: drainMs },
    resources: { cpus, ...(request ? { gpu: request } : {}) },
    ...(update ? { update } : {}),
    ...(placement ? { placement } : {}),
    priority,
    // What can serve is tried for ever; what cannot gives up.
    restart: { startAttempts: image === 'missing:1' || command[0] === 'exit' ? 1 : null },
  }));

const rarely = [
  fc.record({ what: fc.constant('heal' as const) }),
  fc.record({ what: fc.constant('disk' as const), fault: fc.constantFrom('full' as const, 'lost_answer' as const) }),
  fc.record({ what: fc.constant('events' as const), node, lost: fc.boolean() }),
  fc.record({ what: fc.constant('load' as const), nth, inFlight: fc.nat(1) }),
  fc.record({
    what: fc.constant('stranger' as const),
    node,
    device: fc.nat(2),
    gib: fc.constantFrom(0, 0, 15, 70),
  }),
  fc.record({ what: fc.constant('devices' as const), node, without: fc.constantFrom(null, null, 0, 1) }),
  fc.record({
    what: fc.constant('renameDevices' as const),
    node,
    to: fc.constantFrom('uuid' as const, 'uuid' as const, 'cdi' as const),
  }),
  fc.record({ what: fc.constant('remove' as const), service, crash }),
  fc.record({ what: fc.constant('crash' as const) }),
  fc.record({
    what: fc.constant('fault' as const),
    node,
    method: fc.constantFrom<EngineMethod[]>(
      'observe',
      'pull',
      'create',
      'start',
      'stop',
      'remove',
      'cleanNamespace',
      'checkDevices',
      'measure',
    ),
    kind: fc.constantFrom<EngineFault['kind'][]>('break_after_commit', 'hang', 'hang_after_commit', 'slow'),
  }),
];

const often = [
  fc.record({ what: fc.constant('allIdle' as const) }),
  fc.record({ what: fc.constantFrom('exit' as const, 'vanish' as const, 'hang' as const, 'goBlind' as const), nth }),
  fc.record({ what: fc.constant('unready' as const), nth }),
  fc.record({ what: fc.constant('scale' as const), service, replicas: fc.nat(4), crash }),
  fc.record({ what: fc.constant('restart' as const), service, crash }),
  fc.record({ what: fc.constantFrom('drain' as const, 'undrain' as const), node, crash }),
  fc.record({ what: fc.constant('configure' as const), node, configured: fc.boolean() }),
];

const plight = fc.record({
  what: fc.constant('plight' as const),
  node,
  plight: fc.constantFrom<Plight[]>('fine', 'fine', 'fine', 'hung', 'down', 'cut_hung', 'cut_down', 'dark'),
});

/** Back at once, after the loss, after the replacement, after the quarantine. */
const pass = fc.record({
  what: fc.constant('pass' as const),
  ms: fc.oneof(fc.nat(60), fc.constantFrom(300, 2_000, 8_000, 20_000, 45_000, 70_000, 120_000), fc.nat(700_000)),
});

export const clusterHappening: fc.Arbitrary<ClusterHappening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ what: fc.constant('apply' as const), service, spec: clusterSpec, replicas: wanted, crash }),
  },
  { weight: 18, arbitrary: pass },
  { weight: 8, arbitrary: plight },
  { weight: 10, arbitrary: discoveryHappening(CLUSTER_SERVICES) },
  ...often.map(arbitrary => ({ weight: 3, arbitrary: arbitrary as fc.Arbitrary<ClusterHappening> })),
  ...rarely.map(arbitrary => ({ weight: 1, arbitrary: arbitrary as fc.Arbitrary<ClusterHappening> })),
);
