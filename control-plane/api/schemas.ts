import { z } from 'zod';
import type { ApplyResult } from '../control-plane.ts';
import type {
  EventView,
  LogLineView,
  NodeView,
  ReplicaView,
  ServiceView,
  StatusView,
  WhyView,
} from '../views/views.ts';
import { nodeView } from './node-schema.ts';
import { count, optional, phaseKind, serviceState, timeMs } from './schema-words.ts';
import { whyView } from './why-schema.ts';

export { nodeView, whyView };

/**
 * What the API answers, as schemas: docs/openapi.json is made of them, and the tests hold every answer and every proto
 * message against them. The types at the end keep them equal to views.ts. Times are milliseconds since the Unix epoch.
 */
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
    purpose: optional(z.string()).meta({ description: 'whose place it is to take, and why' }),
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
    createdBy: z.string(),
    askedBy: z.string(),
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
    trouble: optional(z.string()).meta({
      description: 'why nothing can be carried on at present; what runs is left as it is',
    }),
    exitWhenIdle: z.boolean(),
    nodesFile: optional(z.string()).meta({ description: 'the nodes file in use; absent: there is none' }),
    nodesFileFrom: optional(z.enum(['named', 'state_folder', 'last_start'])).meta({
      description: 'who says that it is this one: who started the control plane, the state folder, or the last start',
    }),
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
