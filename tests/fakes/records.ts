import fc from 'fast-check';
import type { NodeRecord } from '../../control-plane/core/node.ts';
import type { PendingReason } from '../../control-plane/core/pending-reason.ts';
import { REJECTION_CONSTRAINTS } from '../../control-plane/core/placement/rejection.ts';
import type { Replica } from '../../control-plane/core/replica.ts';
import type { Service } from '../../control-plane/core/service.ts';
import { type ServiceKey, serviceSpec, splitKey } from '../../control-plane/core/spec.ts';

/** Stored records of every shape, for properties. Small pools of names, so that changes meet. */
const time = fc.integer({ min: 0, max: 2 ** 42 });
/** What a spec may say holds no NUL. */
const text = fc.string({ unit: 'binary', maxLength: 20 }).map(s => s.replaceAll('\0', '0'));
const container = fc.record({ id: text, seenAt: time });
const placement = fc.record({ node: text, devices: fc.array(text, { maxLength: 2 }) });
const cause = fc.record(
  {
    kind: fc.constantFrom('exited', 'oom_killed', 'liveness', 'image' as const),
    message: text,
    exitCode: fc.integer({ min: 0, max: 255 }),
    logTail: fc.array(text, { maxLength: 2 }),
  },
  { requiredKeys: ['kind', 'message', 'logTail'] },
);

const node = fc.constantFrom('a', 'b');
const reason: fc.Arbitrary<PendingReason> = fc.oneof(
  fc.record({
    kind: fc.constant('dependency' as const),
    service: text,
    condition: fc.constantFrom('started' as const, 'ready' as const),
  }),
  fc.record({ kind: fc.constant('surge' as const), service: fc.constant('shop/cart' as const) }),
  fc.record({ kind: fc.constant('room_made' as const) }),
  fc.record(
    {
      kind: fc.constant('image_first' as const),
      image: text,
      node,
      by: fc.array(text, { maxLength: 2 }),
      refusal: text,
    },
    { requiredKeys: ['kind', 'image', 'node', 'by'] },
  ),
  fc.record({ kind: fc.constant('untidy_node' as const), node }),
  fc.record({
    kind: fc.constant('held_by_lower' as const),
    services: fc.array(fc.constantFrom('shop/cart' as const, 'shop/chat' as const), { maxLength: 2 }),
    because: fc.constantFrom('busy' as const, 'load_unknown' as const, 'measured_use' as const, 'needed' as const),
  }),
  fc.record(
    {
      kind: fc.constant('lack' as const),
      constraint: fc.constantFrom(...REJECTION_CONSTRAINTS),
      requested: fc.oneof(time, text),
      nodes: fc.array(node, { maxLength: 2 }),
      count: fc.nat(5),
    },
    { requiredKeys: ['kind', 'constraint', 'nodes', 'count'] },
  ),
  fc.record({ kind: fc.constant('other_lacks' as const), count: fc.nat(5) }),
);

const held = { since: time, placement, container };
const phase: fc.Arbitrary<Replica['phase']> = fc.oneof(
  fc.record({ kind: fc.constant('pending' as const), since: time, reasons: fc.array(reason, { maxLength: 2 }) }),
  fc.record({ kind: fc.constantFrom('pulling' as const, 'creating' as const), since: time, placement }),
  fc.record({ kind: fc.constantFrom('starting' as const, 'warming' as const, 'lost' as const), ...held }),
  fc.record({ kind: fc.constant('ready' as const), ...held, impaired: fc.boolean() }),
  fc.record({
    kind: fc.constant('draining' as const),
    ...held,
    reason: fc.constantFrom('scaled_down' as const, 'replaced' as const, 'deleted' as const),
  }),
  fc.record({
    kind: fc.constant('stopping' as const),
    since: time,
    placement,
    container: fc.option(container),
    afterwards: fc.oneof(
      fc.constant({ kind: 'stopped' as const }),
      fc.record({
        kind: fc.constant('stopped' as const),
        reason: fc.constantFrom('moved' as const, 'replaced' as const),
      }),
      fc.record({ kind: fc.constant('stopped' as const), reason: fc.constant('replaced' as const), cause }),
      fc.record({ kind: fc.constant('retried' as const), cause }),
    ),
  }),
  fc.record({ kind: fc.constant('stopped' as const), since: time }),
  fc.record({ kind: fc.constant('backoff' as const), since: time, placement, until: time, cause }),
  fc.record({ kind: fc.constant('failed' as const), since: time, placement, cause }),
) as fc.Arbitrary<Replica['phase']>;

export const anyServiceKey: fc.Arbitrary<ServiceKey> = fc
  .tuple(fc.constantFrom('a', 'shop'), fc.constantFrom('b', 'cart', 'llm_1'))
  .map(([namespace, name]) => `${namespace}/${name}` as const);

export const anyReplica: fc.Arbitrary<Replica> = fc.record({
  id: fc.constantFrom('r1', 'r2', 'r3', 'r4'),
  service: anyServiceKey,
  generation: fc.nat(5),
  createdAt: time,
  attempt: fc.nat(5),
  failures: fc.nat(5),
  wasReady: fc.boolean(),
  hasServed: fc.boolean(),
  hasSeenDevices: fc.boolean(),
  replace: fc.boolean(),
  returnedAt: fc.option(time),
  phase,
  addresses: fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('network' as const), network: text, host: text, port: fc.nat(65_535) }),
      fc.record({ kind: fc.constant('published' as const), host: text, port: fc.nat(65_535) }),
    ),
    { maxLength: 2 },
  ),
  timings: fc.array(fc.record({ phase: fc.constantFrom('pending' as const, 'ready' as const), at: time }), {
    maxLength: 3,
  }),
});

export const anySpec = fc
  .tuple(
    anyServiceKey,
    text,
    fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), text, { maxKeys: 3, noNullPrototype: true }),
  )
  .map(([key, command, environment]) => {
    const [namespace, name] = splitKey(key);
    return serviceSpec.parse({ namespace, name, image: 'image:1', command: [command], environment });
  });

export const anyService: fc.Arbitrary<Service> = fc
  .record({
    spec: anySpec,
    generation: fc.nat(5),
    imageId: fc.option(text),
    latestGeneration: fc.nat(5),
    replicas: fc.nat(5),
    acceptedAt: time,
    removal: fc.option(fc.record({ askedAt: time, volumes: fc.boolean() })),
    origin: text,
    createdBy: text,
    askedBy: text,
    rollout: fc.oneof(
      fc.constant({ kind: 'settled' as const }),
      fc.record({ kind: fc.constant('progressing' as const), since: time, previous: fc.option(fc.nat(5)) }),
      fc.record({ kind: fc.constant('rolled_back' as const), failed: fc.nat(5), to: fc.nat(5), cause }),
      fc.record({ kind: fc.constant('paused' as const), cause, previous: fc.option(fc.nat(5)) }),
    ),
  })
  .map(s => ({ key: `${s.spec.namespace}/${s.spec.name}` as const, ...s }));

export const anyNodeRecord: fc.Arbitrary<NodeRecord> = fc.record({
  name: fc.constantFrom('n1', 'n2'),
  drainingSince: fc.option(time),
  quarantined: fc.array(fc.record({ device: text, since: time, reason: text }), { maxLength: 2 }),
});
