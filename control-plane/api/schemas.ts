import { z } from 'zod';
import type { ApplyResult } from '../control-plane.ts';
import type { EventView, LogLineView, NodeView, ReplicaView, ServiceView, StatusView, WhyView } from '../views.ts';

/**
 * What the API answers, as schemas: docs/openapi.json is made of them, and the tests hold every answer and every proto
 * message against them. The types at the end keep them equal to views.ts. Times are milliseconds since the Unix epoch.
 */
const count = z.int().min(0);
const timeMs = z.int().min(0);
const optional = z.exactOptional;

export const phaseKind = z.enum([
  'pending',
  'pulling',
  'creating',
  'starting',
  'warming',
  'ready',
  'draining',
  'stopping',
  'stopped',
  'backoff',
  'failed',
  'lost',
]);

export const endpointAddress = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('network'), network: z.string(), host: z.string(), port: z.int() }),
    z.strictObject({ kind: z.literal('published'), host: z.string(), port: z.int() }),
  ])
  .meta({
    id: 'EndpointAddress',
    description: 'One way to a replica; see docs/client.md for which to use from where.',
  });

const phaseTiming = z.strictObject({ phase: phaseKind, enteredAtMs: timeMs }).meta({ id: 'PhaseTiming' });

export const replicaView = z
  .strictObject({
    id: z.string(),
    generation: count,
    image: z.string(),
    phase: phaseKind,
    sinceMs: timeMs,
    message: z.string(),
    node: optional(z.string()),
    devices: z.array(z.string()),
    containerId: optional(z.string()),
    containerName: z.string(),
    attempt: count,
    impaired: z.boolean(),
    retryAtMs: optional(timeMs),
    exitCode: optional(z.int()),
    logTail: z.array(z.string()),
    addresses: z.array(endpointAddress),
    pulledBytes: optional(count),
    pullTotalBytes: optional(count),
    createdAtMs: timeMs,
    timings: z.array(phaseTiming),
  })
  .meta({ id: 'Replica', description: 'One container of a service.' });

export const serviceState = z.enum(['starting', 'ready', 'updating', 'degraded', 'failed', 'deleting']);

export const failedRolloutView = z
  .strictObject({
    generation: count,
    rolledBack: z.boolean(),
    message: z.string(),
    exitCode: optional(z.int()),
    logTail: z.array(z.string()),
  })
  .meta({ id: 'FailedRollout', description: 'The last update, where it failed.' });

export const serviceView = z
  .strictObject({
    namespace: z.string(),
    name: z.string(),
    generation: count,
    image: z.string(),
    protocol: z.enum(['grpc', 'http', 'tcp']),
    port: optional(z.int()),
    wantedReplicas: count,
    readyReplicas: count,
    state: serviceState,
    message: z.string(),
    deleting: z.boolean(),
    origin: z.string(),
    acceptedAtMs: timeMs,
    replicas: z.array(replicaView),
    failedRollout: optional(failedRolloutView),
    spec: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Service', description: 'A service, what is wanted of it and what has come true.' });

export const serviceRef = z.strictObject({ namespace: z.string(), name: z.string() }).meta({ id: 'ServiceRef' });

export const applyResult = z
  .strictObject({
    service: serviceRef,
    outcome: z.enum(['created', 'updated', 'scaled', 'unchanged']),
    generation: count,
    warnings: z.array(z.string()),
  })
  .meta({ id: 'ApplyResult' });

const deviceHolder = z
  .strictObject({
    namespace: z.string(),
    service: z.string(),
    replicaId: z.string(),
    memoryBytes: optional(count).meta({ description: 'what it declared to use; absent: the whole device' }),
  })
  .meta({ id: 'DeviceHolder' });

const deviceSlice = z.strictObject({ of: z.string(), profile: z.string() }).meta({ id: 'DeviceSlice' });

const device = z
  .strictObject({
    id: z.string(),
    driver: z.enum(['cdi', 'nvidia']),
    kind: z.string().meta({ description: 'the CDI kind, such as nvidia.com/gpu' }),
    index: optional(z.string()),
    uuid: optional(z.string()),
    model: optional(z.string()),
    memoryBytes: optional(count),
    slice: optional(deviceSlice),
    state: z.enum(['free', 'shared', 'held', 'quarantined', 'vanished']),
    holders: z.array(deviceHolder),
    declaredBytes: count.meta({ description: 'what its holders together declared to use' }),
    measuredUsedBytes: optional(count),
    measuredFreeBytes: optional(count),
    message: optional(z.string()),
  })
  .meta({ id: 'Device', description: 'One GPU, or one MIG slice, of a node.' });

export const nodeView = z
  .strictObject({
    name: z.string(),
    connection: z.string(),
    address: z.string(),
    reach: z.enum(['containers', 'published']),
    state: z.enum(['answering', 'silent', 'draining', 'drained', 'leaving']),
    answering: z.boolean(),
    error: optional(z.string()),
    silentSinceMs: optional(timeMs),
    drainingSinceMs: optional(timeMs),
    cpus: z.number(),
    memoryBytes: count,
    keptCpus: z.number().meta({ description: 'what the operator keeps from replicas' }),
    keptMemoryBytes: count,
    reservedCpus: z.number().meta({ description: 'what replicas hold' }),
    reservedMemoryBytes: count,
    devices: z.array(device),
    replicas: count,
    labels: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Node', description: 'A Docker Engine with CPUs, memory and devices.' });

const amount = z.union([z.number(), z.string()]).meta({
  id: 'Amount',
  description: 'In the unit of the constraint: cores, bytes, devices; or a text such as a model or a label.',
});

const rejection = z
  .strictObject({
    node: z.string(),
    device: optional(z.string()),
    constraint: z.string(),
    message: z.string(),
    requested: optional(amount),
    free: optional(z.number()),
    total: optional(z.number()),
    found: optional(z.string()).meta({ description: 'what is there instead' }),
    heldBy: z.array(z.string()).meta({ description: 'services whose replicas hold what is missing' }),
  })
  .meta({ id: 'Rejection', description: 'What one node, or one device of it, does not meet.' });

const whyGroup = z
  .strictObject({
    constraint: z.string().meta({ description: 'a stable word: what was not met' }),
    nodes: z.array(z.string()),
    message: z.string().meta({ description: 'of the node that comes closest; so are the figures' }),
    requested: optional(amount),
    free: optional(z.number()),
    total: optional(z.number()),
    heldBy: z.array(z.string()).meta({ description: 'services whose replicas hold what is missing' }),
    help: z.array(z.string()).meta({ description: 'what a person can do, the simplest first' }),
  })
  .meta({ id: 'WhyGroup', description: 'Reasons that have something in common, and what would help.' });

const whyReplica = z
  .strictObject({
    id: z.string(),
    generation: count,
    phase: phaseKind,
    sinceMs: timeMs,
    waiting: z.boolean(),
    node: optional(z.string()),
    devices: z.array(z.string()),
    retryAtMs: optional(timeMs),
    summary: z.array(z.string()),
    groups: z.array(whyGroup),
    rejections: z.array(rejection),
  })
  .meta({ id: 'WhyReplica' });

export const whyView = z
  .strictObject({
    namespace: z.string(),
    name: z.string(),
    state: serviceState,
    message: z.string(),
    replicas: z.array(whyReplica),
  })
  .meta({ id: 'Why', description: 'Where the replicas of a service are, and what the others wait for.' });

export const statusView = z
  .strictObject({
    version: z.string(),
    instance: z.string(),
    startedAtMs: timeMs,
    pid: z.int(),
    registry: z
      .strictObject({ kind: z.string(), healthy: z.boolean(), message: optional(z.string()) })
      .meta({ id: 'RegistryStatus' }),
    listen: z.array(z.string()),
    services: count,
    exitWhenIdle: z.boolean(),
    nodesProblem: optional(z.string()).meta({ description: 'what is wrong with the newest nodes file' }),
  })
  .meta({ id: 'Status' });

export const eventView = z
  .strictObject({
    sequence: count,
    atMs: timeMs,
    namespace: optional(z.string()),
    service: optional(z.string()),
    node: optional(z.string()),
    replicaId: optional(z.string()),
    type: z.string(),
    message: z.string(),
  })
  .meta({ id: 'Event' });

export const logLineView = z
  .strictObject({
    service: z.string(),
    replicaId: z.string(),
    stream: z.enum(['stdout', 'stderr']),
    timestamp: z.string().meta({ description: 'RFC 3339 with nanoseconds' }),
    text: z.string(),
  })
  .meta({ id: 'LogLine' });

export const endpointView = z
  .strictObject({
    replicaId: z.string(),
    containerId: z.string(),
    generation: count,
    node: z.string(),
    protocol: z.enum(['grpc', 'http', 'tcp']),
    addresses: z.array(endpointAddress),
  })
  .meta({ id: 'Endpoint', description: 'Address and port of one ready replica.' });

export const snapshotView = z
  .strictObject({
    namespace: z.string(),
    service: z.string(),
    version: count.meta({ description: 'grows with each change; comparable within one epoch' }),
    epoch: z.string(),
    known: z.boolean(),
    endpoints: z.array(endpointView),
  })
  .meta({ id: 'Snapshot', description: 'All endpoints of one service at one moment.' });

export type SnapshotView = z.infer<typeof snapshotView>;

export const errorBody = z
  .strictObject({
    error: z.strictObject({
      code: z.string(),
      message: z.string(),
      next: optional(z.string()).meta({ description: 'what a person does next' }),
      details: optional(z.record(z.string(), z.unknown())),
    }),
  })
  .meta({ id: 'Error' });

/** Compiles only while both sides say the same, read-only-ness aside. */
type Same<A, B> = (<T>() => T extends Loose<A> ? 1 : 2) extends <T>() => T extends Loose<B> ? 1 : 2 ? true : never;
type Loose<T> = T extends readonly (infer I)[]
  ? Loose<I>[]
  : T extends object
    ? { -readonly [K in keyof T]: Loose<T[K]> }
    : T;
export type SchemasAreViews = [
  Same<z.infer<typeof serviceView>, ServiceView>,
  Same<z.infer<typeof replicaView>, ReplicaView>,
  Same<z.infer<typeof nodeView>, NodeView>,
  Same<z.infer<typeof whyView>, WhyView>,
  Same<z.infer<typeof statusView>, StatusView>,
  Same<z.infer<typeof eventView>, EventView>,
  Same<z.infer<typeof logLineView>, LogLineView>,
  Same<z.infer<typeof applyResult>, ApplyResult>,
];
const _same: SchemasAreViews = [true, true, true, true, true, true, true, true];
void _same;
