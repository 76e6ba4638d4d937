import { z } from 'zod';
import type { NodeRecord } from '../core/node.ts';
import { REJECTION_CONSTRAINTS } from '../core/placement/rejection.ts';
import { PHASE_KINDS, type PhaseKind, type Replica } from '../core/replica.ts';
import type { Service } from '../core/service.ts';
import { type ServiceKey, serviceSpec } from '../core/spec.ts';

/**
 * The stored documents. They are parsed when they are written and when they are read back: a record that could not be
 * read after a restart is refused while its writer is still there to say so. The types at the end keep them equal to
 * core's.
 */

const time = z.number();
const count = z.int().min(0);
const key = z.templateLiteral([z.string(), '/', z.string()]) satisfies z.ZodType<ServiceKey>;
const cause = z.strictObject({
  kind: z.enum([
    'exited',
    'oom_killed',
    'killed',
    'vanished',
    'startup_timeout',
    'liveness',
    'warmup',
    'image',
    'rejected',
    'device_lost',
    'cut_off',
  ]),
  message: z.string(),
  exitCode: z.int().exactOptional(),
  logTail: z.array(z.string()),
});

const given = z.strictObject({ id: z.string(), uuid: z.string().exactOptional(), of: z.string().exactOptional() });
const placement = z.strictObject({
  node: z.string(),
  devices: z.array(z.string()),
  /** Written since devices are known by more than their ids. */
  given: z.array(given).exactOptional(),
});
const placed = { since: time, placement };
const container = z.strictObject({ id: z.string(), seenAt: time });
const held = { ...placed, container };

const pendingReason = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('dependency'), service: z.string(), condition: z.enum(['started', 'ready']) }),
  z.strictObject({ kind: z.literal('surge'), service: key }),
  z.strictObject({ kind: z.literal('room_made') }),
  z.strictObject({
    kind: z.literal('image_first'),
    image: z.string(),
    node: z.string(),
    by: z.array(z.string()),
    refusal: z.string().exactOptional(),
  }),
  z.strictObject({ kind: z.literal('untidy_node'), node: z.string() }),
  z.strictObject({
    kind: z.literal('held_by_lower'),
    services: z.array(key),
    because: z.enum(['busy', 'load_unknown', 'measured_use', 'needed']),
  }),
  z.strictObject({
    kind: z.literal('lack'),
    constraint: z.enum(REJECTION_CONSTRAINTS),
    requested: z.union([z.number(), z.string()]).exactOptional(),
    nodes: z.array(z.string()),
    count,
  }),
  z.strictObject({ kind: z.literal('other_lacks'), count }),
]);

const drainReason = z.enum(['scaled_down', 'replaced', 'deleted', 'moved', 'preempted']);

const phase = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('pending'),
    since: time,
    reasons: z.array(pendingReason),
    isHeir: z.literal(true).exactOptional(),
  }),
  z.strictObject({ kind: z.literal('pulling'), ...placed }),
  z.strictObject({ kind: z.literal('creating'), ...placed }),
  z.strictObject({ kind: z.literal('starting'), ...held }),
  z.strictObject({ kind: z.literal('warming'), ...held }),
  z.strictObject({ kind: z.literal('ready'), ...held, impaired: z.boolean() }),
  z.strictObject({
    kind: z.literal('draining'),
    ...held,
    reason: drainReason,
  }),
  z.strictObject({
    kind: z.literal('stopping'),
    ...placed,
    container: container.nullable(),
    afterwards: z.discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('stopped'),
        reason: drainReason.exactOptional(),
        /** Written since what failed may be ended in the same pass. */
        cause: cause.exactOptional(),
      }),
      z.strictObject({ kind: z.literal('retried'), cause }),
    ]),
  }),
  z.strictObject({ kind: z.literal('stopped'), since: time, reason: drainReason.exactOptional() }),
  z.strictObject({ kind: z.literal('backoff'), ...placed, until: time, cause }),
  z.strictObject({ kind: z.literal('failed'), ...placed, cause, isPlaceless: z.literal(true).exactOptional() }),
  z.strictObject({ kind: z.literal('lost'), ...held }),
]);

const replicaFields = z.strictObject({
  id: z.string().min(1),
  service: key,
  generation: count,
  createdAt: time,
  attempt: count,
  failures: count,
  wasReady: z.boolean(),
  /** Written since the timings, which are cut, do not have to tell it. */
  hasServed: z.boolean().optional(),
  /** Written since a check has to prove itself. */
  hasSeenDevices: z.boolean().default(false),
  replace: z.boolean(),
  /** Written since nodes can be lost. */
  returnedAt: time.nullable().default(null),
  phase,
  addresses: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('network'), network: z.string(), host: z.string(), port: z.int() }),
      z.strictObject({ kind: z.literal('published'), host: z.string(), port: z.int() }),
    ]),
  ),
  timings: z.array(z.strictObject({ phase: z.enum(PHASE_KINDS), at: time })),
});

export const replicaRecord = replicaFields.transform(
  ({ hasServed, ...replica }): Replica => ({ ...replica, hasServed: hasServed ?? hadServed(replica) }),
);

function hadServed({ phase, timings }: Pick<Replica, 'phase' | 'timings'>): boolean {
  const last = (kind: PhaseKind) => timings.findLastIndex(t => t.phase === kind);
  return 'container' in phase && last('ready') > last('creating');
}

export const serviceRecord = z.strictObject({
  key,
  spec: serviceSpec,
  generation: count,
  imageId: z.string().nullable(),
  latestGeneration: count,
  replicas: count,
  acceptedAt: time,
  removal: z.strictObject({ askedAt: time, volumes: z.boolean(), graceMs: time.optional() }).nullable(),
  origin: z.string(),
  createdBy: z.string(),
  askedBy: z.string(),
  rollout: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('settled') }),
    z.strictObject({ kind: z.literal('progressing'), since: time, previous: count.nullable() }),
    z.strictObject({ kind: z.literal('rolled_back'), failed: count, to: count, cause }),
    z.strictObject({ kind: z.literal('paused'), cause, previous: count.nullable() }),
  ]),
});

export const nodeRecord = z.strictObject({
  name: z.string().min(1),
  /** Written since nodes are known by it. */
  connection: z.string().exactOptional(),
  drainingSince: time.nullable(),
  quarantined: z.array(
    z.strictObject({ device: z.string(), uuid: z.string().exactOptional(), since: time, reason: z.string() }),
  ),
});

export const generationRecord = z.strictObject({ service: key, generation: count, spec: serviceSpec });

/** Both ways: what is read is what core means, and all that core can hold can be written. */
type Equal<A, B> = Mutable<A> extends Mutable<B> ? (Mutable<B> extends Mutable<A> ? true : never) : never;
type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
true satisfies Equal<z.output<typeof replicaFields> & Pick<Replica, 'hasServed'>, Replica>;
true satisfies Equal<z.output<typeof serviceRecord>, Service>;
true satisfies Equal<z.output<typeof nodeRecord>, NodeRecord>;
