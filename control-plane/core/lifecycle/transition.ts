import { areSameReasons, type PendingReason } from '../pending-reason.ts';
import type { Cause, ContainerRef, DrainReason, Phase, Placement, Replica } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import { backoffDelayMs, failuresAfter } from './backoff.ts';

/** What can befall a replica. */
export type ReplicaEvent =
  | { readonly kind: 'unplaceable'; readonly reasons: readonly PendingReason[] }
  /** A sibling that left its place for it has ended. */
  | { readonly kind: 'inherits' }
  | { readonly kind: 'placed'; readonly placement: Placement }
  /** The image cannot be had on the node where others would have left for it. */
  | { readonly kind: 'unobtainable'; readonly node: string; readonly cause: Cause }
  | { readonly kind: 'image_present' }
  /** The image was there once and is not any more. */
  | { readonly kind: 'image_missing' }
  | { readonly kind: 'created'; readonly container: ContainerRef }
  | { readonly kind: 'started_up'; readonly warmup: boolean }
  | { readonly kind: 'warmed_up' }
  /** The service's own check saw its devices in the present container. */
  | { readonly kind: 'devices_seen' }
  | { readonly kind: 'readiness_lost' }
  | { readonly kind: 'readiness_regained' }
  /** The attempt is over by itself: exit, refusal, vanished container, missing image. */
  | { readonly kind: 'failed'; readonly cause: Cause; readonly policy: ServiceSpec['restart'] }
  /** The attempt has to be ended: start-up deadline, liveness, warm-up. */
  | { readonly kind: 'condemned'; readonly cause: Cause }
  | { readonly kind: 'retry' }
  /** Where it is or was placed is no good any more, and no container of it was started there: it is placed anew. */
  | { readonly kind: 'displaced' }
  | { readonly kind: 'drain'; readonly reason: DrainReason }
  | { readonly kind: 'drained' }
  /** Nothing of the attempt runs any more; `logTail`: its last lines. */
  | { readonly kind: 'ended'; readonly policy: ServiceSpec['restart']; readonly logTail: readonly string[] }
  | { readonly kind: 'node_lost' }
  | { readonly kind: 'node_found' }
  /** Its container is seen on another node: the one that it was placed on has that name now. */
  | { readonly kind: 'node_renamed'; readonly node: string }
  /** It was lost or on its way out, and its node is neither configured nor heard of: whatever runs there is nobody's. */
  | { readonly kind: 'forgotten' };

/** The one function that moves a replica. A pair that cannot be is a defect of the caller: it throws. */
export function transition(replica: Replica, event: ReplicaEvent, now: number): Replica {
  const { phase } = replica;
  switch (event.kind) {
    case 'unplaceable':
      if (phase.kind !== 'pending') return impossible(replica, event);
      // The same reasons again are no change, or a waiting service would keep the loop awake.
      if (areSameReasons(phase.reasons, event.reasons)) return replica;
      return { ...replica, phase: { ...phase, reasons: event.reasons } };
    case 'inherits':
      if (phase.kind !== 'pending') return impossible(replica, event);
      return { ...replica, phase: { ...phase, isHeir: true } };
    case 'placed':
      if (phase.kind !== 'pending') return impossible(replica, event);
      return enter(replica, { kind: 'pulling', since: now, placement: event.placement });
    case 'unobtainable': {
      if (phase.kind !== 'pending') return impossible(replica, event);
      const placement = { node: event.node, devices: [] };
      const failed = { kind: 'failed' as const, since: now, placement, cause: event.cause, isPlaceless: true as const };
      return enter({ ...replica, failures: replica.failures + 1 }, failed);
    }
    case 'image_present':
      if (phase.kind !== 'pulling') return impossible(replica, event);
      return enter(
        { ...replica, attempt: replica.attempt + 1 },
        { kind: 'creating', since: now, placement: phase.placement },
      );
    case 'image_missing':
      if (phase.kind !== 'creating') return impossible(replica, event);
      return enter(replica, { kind: 'pulling', since: now, placement: phase.placement });
    case 'created':
      if (phase.kind === 'creating') {
        return enter(replica, { kind: 'starting', since: now, placement: phase.placement, container: event.container });
      }
      if (phase.kind === 'stopping' && phase.container === null) {
        return { ...replica, phase: { ...phase, container: event.container } };
      }
      return impossible(replica, event);
    case 'started_up': {
      if (phase.kind !== 'starting') return impossible(replica, event);
      const held = { since: now, placement: phase.placement, container: phase.container };
      if (event.warmup) return enter(replica, { kind: 'warming', ...held });
      return enter(serving(replica), { kind: 'ready', ...held, impaired: false });
    }
    case 'warmed_up':
      if (phase.kind !== 'warming') return impossible(replica, event);
      return enter(serving(replica), {
        kind: 'ready',
        since: now,
        placement: phase.placement,
        container: phase.container,
        impaired: false,
      });
    case 'devices_seen':
      if (phase.kind !== 'starting' && phase.kind !== 'warming' && phase.kind !== 'ready')
        return impossible(replica, event);
      return { ...replica, hasSeenDevices: true };
    case 'readiness_lost':
    case 'readiness_regained':
      if (phase.kind !== 'ready') return impossible(replica, event);
      return { ...replica, phase: { ...phase, impaired: event.kind === 'readiness_lost' } };
    case 'failed':
      switch (phase.kind) {
        case 'pulling':
        case 'creating':
        case 'starting':
        case 'warming':
        case 'ready':
        case 'lost':
          return fail(replica, { cause: event.cause, policy: event.policy, placement: phase.placement, now });
        default:
          return impossible(replica, event);
      }
    case 'condemned':
      if (phase.kind !== 'starting' && phase.kind !== 'warming' && phase.kind !== 'ready')
        return impossible(replica, event);
      return enter(replica, {
        kind: 'stopping',
        since: now,
        placement: phase.placement,
        container: phase.container,
        afterwards: { kind: 'retried', cause: event.cause },
      });
    case 'retry':
      if (phase.kind !== 'backoff') return impossible(replica, event);
      return enter({ ...replica, timings: [] }, { kind: 'pulling', since: now, placement: phase.placement });
    case 'displaced':
      // Of one that starts, the caller knows that its container was only created.
      if (
        phase.kind !== 'pulling' &&
        phase.kind !== 'creating' &&
        phase.kind !== 'starting' &&
        phase.kind !== 'backoff'
      )
        return impossible(replica, event);
      return enter({ ...replica, addresses: [], timings: [] }, { kind: 'pending', since: now, reasons: [] });
    case 'drain':
      return drain(replica, event.reason, now);
    case 'drained':
      if (phase.kind !== 'draining') return impossible(replica, event);
      return enter(replica, {
        kind: 'stopping',
        since: now,
        placement: phase.placement,
        container: phase.container,
        afterwards: { kind: 'stopped', reason: phase.reason },
      });
    case 'ended':
      if (phase.kind !== 'stopping') return impossible(replica, event);
      if (phase.afterwards.kind === 'stopped') {
        const { kind, reason } = phase.afterwards;
        return enter(replica, { kind, since: now, ...(reason && { reason }) });
      }
      return fail(replica, {
        cause: { ...phase.afterwards.cause, logTail: event.logTail },
        policy: event.policy,
        placement: phase.placement,
        now,
      });
    case 'node_lost':
      if (phase.kind !== 'starting' && phase.kind !== 'warming' && phase.kind !== 'ready')
        return impossible(replica, event);
      return enter(replica, { kind: 'lost', since: now, placement: phase.placement, container: phase.container });
    case 'node_found':
      // Its probes decide again how far it is: nothing is known of what happened meanwhile.
      if (phase.kind !== 'lost') return impossible(replica, event);
      return enter(
        { ...replica, returnedAt: now },
        { kind: 'starting', since: now, placement: phase.placement, container: phase.container },
      );
    case 'node_renamed':
      // The container is what tells that the node is the same.
      if (!('container' in phase) || phase.container === null) return impossible(replica, event);
      return { ...replica, phase: { ...phase, placement: { ...phase.placement, node: event.node } } };
    case 'forgotten':
      if (phase.kind !== 'lost' && phase.kind !== 'stopping') return impossible(replica, event);
      return enter(replica, { kind: 'stopped', since: now });
    default:
      return event satisfies never;
  }
}

function drain(replica: Replica, reason: DrainReason, now: number): Replica {
  const { phase } = replica;
  switch (phase.kind) {
    case 'pending':
      return enter(replica, { kind: 'stopped', since: now, ...(phase.isHeir ? { reason } : {}) });
    case 'pulling':
      return enter(replica, { kind: 'stopped', since: now, reason });
    case 'creating':
    case 'backoff':
    case 'failed':
      if ('isPlaceless' in phase) return enter(replica, { kind: 'stopped', since: now, reason });
      return enter(replica, {
        kind: 'stopping',
        since: now,
        placement: phase.placement,
        container: null,
        afterwards: { kind: 'stopped', reason, ...('cause' in phase && { cause: phase.cause }) },
      });
    case 'starting':
    case 'warming':
    case 'ready':
      return enter(replica, {
        kind: 'draining',
        since: now,
        placement: phase.placement,
        container: phase.container,
        reason,
      });
    // Its endpoint left when it was lost. Once its node answers, its container is ended.
    case 'lost':
      return enter(replica, {
        kind: 'stopping',
        since: now,
        placement: phase.placement,
        container: phase.container,
        afterwards: { kind: 'stopped', reason },
      });
    case 'stopping':
      return { ...replica, phase: { ...phase, afterwards: { kind: 'stopped', reason } } };
    case 'draining':
    case 'stopped':
      return impossible(replica, { kind: 'drain', reason });
    default:
      return phase satisfies never;
  }
}

function fail(
  replica: Replica,
  end: { cause: Cause; policy: ServiceSpec['restart']; placement: Placement; now: number },
): Replica {
  const { cause, policy, placement, now } = end;
  const failures = failuresAfter(replica.failures, readyForMs(replica, now));
  const budget = replica.wasReady ? policy.maxAttempts : policy.startAttempts;
  // A start budget of 3 means three attempts; a restart budget of 3 means three restarts, hence the fourth failure ends it.
  const exhausted = budget !== null && (replica.wasReady ? failures > budget : failures >= budget);
  const next = { ...replica, failures };
  if (exhausted) return enter(next, { kind: 'failed', since: now, placement, cause });
  return enter(next, {
    kind: 'backoff',
    since: now,
    placement,
    until: now + backoffDelayMs(replica.id, failures),
    cause,
  });
}

/** How long this attempt was ready before its end began. */
export function readyForMs(replica: Replica, now: number): number {
  const readyAt = replica.timings.findLast(t => t.phase === 'ready')?.at;
  if (readyAt === undefined) return 0;
  return (replica.phase.kind === 'ready' ? now : replica.phase.since) - readyAt;
}

function serving(replica: Replica): Replica {
  return { ...replica, wasReady: true, hasServed: true };
}

function enter(replica: Replica, phase: Phase): Replica {
  // What is known of a container goes with it.
  const known = 'container' in phase ? {} : { hasServed: false, hasSeenDevices: false };
  return {
    ...replica,
    ...known,
    phase,
    timings: [...replica.timings, { phase: phase.kind, at: phase.since }].slice(-MAX_TIMINGS),
  };
}

const MAX_TIMINGS = 16;

function impossible(replica: Replica, event: ReplicaEvent): never {
  throw new TypeError(`replica ${replica.id}: "${event.kind}" cannot happen in phase "${replica.phase.kind}"`);
}
