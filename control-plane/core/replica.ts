import type { EndpointAddress } from './endpoint.ts';
import type { GivenDevice } from './node.ts';
import type { PendingReason } from './pending-reason.ts';
import type { Service } from './service.ts';
import type { ServiceKey } from './spec.ts';

/** One container of a service: its identity, where it is placed and the phase it is in. Stored as it stands here. */
export interface Replica {
  /** Stable over restarts of its container; chosen by the Ids port. */
  readonly id: string;
  readonly service: ServiceKey;
  readonly generation: number;
  readonly createdAt: number;
  /** Counts its containers: the first is 1. */
  readonly attempt: number;
  /** Failures since the replica was last ready for long enough to be forgiven (see backoff.ts). */
  readonly failures: number;
  /** It was ready at least once in its life. */
  readonly wasReady: boolean;
  /** Its present container was ready once, which neither a restart of ours nor the loss of its node undoes. */
  readonly hasServed: boolean;
  /** The service's own `gpu.check` saw the devices in the present container once: the check works. */
  readonly hasSeenDevices: boolean;
  /** A rolling restart wants a new replica of the same generation in its place. */
  readonly replace: boolean;
  /** When its node was found again after it was lost; null: it never was lost. Of two that serve, this one is the extra. */
  readonly returnedAt: number | null;
  readonly phase: Phase;
  /** Ways to the present container's port, as last seen; kept so that an engine that is away takes nobody's endpoint. */
  readonly addresses: readonly EndpointAddress[];
  /** When the phases of the present attempt were entered, in order; the newest 16. */
  readonly timings: readonly PhaseTiming[];
}

/** A replica that has no place yet, or is not even there. */
export type Newcomer = Pick<Replica, 'id' | 'service' | 'generation' | 'createdAt'>;

/**
 * The nth newcomer of a service that no replica is made for yet: `owed` for what leaves already, or `asked` about, for what
 * might leave. Both may be looked at together, and are not the same ones. No replica has such an id.
 * @param options.now since when it waits, by which it is older than others or younger
 */
export function newcomerOf(
  { key, generation }: Pick<Service, 'key' | 'generation'>,
  nth: number,
  options: { readonly kind: 'owed' | 'asked'; readonly now: number },
): Newcomer {
  return { id: `${options.kind} ${nth} of ${key}`, service: key, generation, createdAt: options.now };
}

export interface PhaseTiming {
  readonly phase: PhaseKind;
  readonly at: number;
}

export interface Placement {
  readonly node: string;
  /** Device ids, as the node listed them when it was placed; empty without GPUs. */
  readonly devices: readonly string[];
  /** The same devices with what else was known of them, by which they are known later; absent where nothing was. */
  readonly given?: readonly GivenDevice[];
}

/** The container a phase speaks of. `seenAt`: when we learnt of it; an older engine listing cannot deny its existence. */
export interface ContainerRef {
  readonly id: string;
  readonly seenAt: number;
}

/** Why a replica is not running, in words for people, with what the container last said. */
export interface Cause {
  readonly kind: CauseKind;
  readonly message: string;
  readonly exitCode?: number;
  readonly logTail: readonly string[];
}

export type CauseKind =
  | 'exited'
  | 'oom_killed'
  | 'killed'
  | 'vanished'
  | 'startup_timeout'
  | 'liveness'
  | 'warmup'
  | 'image'
  | 'rejected'
  | 'device_lost'
  | 'cut_off';

/** `moved`: its node is drained; `preempted`: a service of higher priority needs its place. */
export type DrainReason = 'scaled_down' | 'replaced' | 'deleted' | 'moved' | 'preempted';

/** Shared by every phase; `since` in milliseconds of the Clock port. */
interface In<Kind extends string> {
  readonly kind: Kind;
  readonly since: number;
}
interface Held {
  readonly placement: Placement;
  readonly container: ContainerRef;
}

/** The phases of product.md; each holds only what is true in it. */
export type Phase =
  /** reasons: empty until a place was looked for. isHeir: a sibling left its place for it, and has ended. */
  | (In<'pending'> & { readonly reasons: readonly PendingReason[]; readonly isHeir?: true })
  | (In<'pulling'> & { readonly placement: Placement })
  | (In<'creating'> & { readonly placement: Placement })
  | (In<'starting'> & Held)
  | (In<'warming'> & Held)
  /** impaired: the readiness probe fails at present; the endpoint is withdrawn, the container stays. */
  | (In<'ready'> & Held & { readonly impaired: boolean })
  | (In<'draining'> & Held & { readonly reason: DrainReason })
  /** No container: a create may still be under way; whatever it made is removed. `afterwards`: what follows the end. */
  | (In<'stopping'> & {
      readonly placement: Placement;
      readonly container: ContainerRef | null;
      readonly afterwards: StopOutcome;
    })
  /** `reason`: for what it was drained. Absent where nobody drained it, and of what held no place. */
  | (In<'stopped'> & { readonly reason?: DrainReason })
  /** The failed container stays until the next attempt, for its logs. */
  | (In<'backoff'> & { readonly placement: Placement; readonly until: number; readonly cause: Cause })
  /** isPlaceless: it never had a place; `placement` names the node that was refused its image. */
  | (In<'failed'> & { readonly placement: Placement; readonly cause: Cause; readonly isPlaceless?: true })
  | (In<'lost'> & Held);

export type StopOutcome =
  /** `reason`: for what it was drained. Absent: it was stored before that was kept. `cause`: what it had failed with. */
  | { readonly kind: 'stopped'; readonly reason?: DrainReason; readonly cause?: Cause }
  /** The controller ended it for its own good, such as a failed liveness probe; it is tried again. */
  | { readonly kind: 'retried'; readonly cause: Cause };

export type PhaseKind = Phase['kind'];
export type PhaseOf<Kind extends PhaseKind> = Extract<Phase, { kind: Kind }>;

export const PHASE_KINDS = [
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
] as const satisfies readonly PhaseKind[];

/** It has no place. */
export function isPending({ phase }: Replica): boolean {
  return phase.kind === 'pending';
}

/** Wanted to run: not on its way out. */
export function isLive(replica: Replica): boolean {
  const { phase } = replica;
  if (phase.kind === 'stopping') return phase.afterwards.kind === 'retried';
  return phase.kind !== 'draining' && phase.kind !== 'stopped';
}

/** It is to end for good, and what it holds is free before long. */
export function isOnItsWayOut(replica: Replica): boolean {
  const { kind } = replica.phase;
  return (kind === 'draining' || kind === 'stopping') && !isLive(replica);
}

/** It has a place, and no container of its present attempt yet: nothing of what it declares is in use. */
export function isWithoutContainer({ phase }: Replica): boolean {
  return phase.kind === 'pulling' || phase.kind === 'creating' || phase.kind === 'backoff';
}

/** Clients may call it. */
export function isAvailable(replica: Replica): boolean {
  return replica.phase.kind === 'ready' && !replica.phase.impaired;
}

/** Where the replica is, or was when it gave up. */
export function placementOf(replica: Replica): Placement | null {
  return 'placement' in replica.phase ? replica.phase.placement : null;
}

/**
 * The placement whose CPUs, memory, devices and ports the replica takes: from the decision until its exit was observed,
 * and through a back-off, after which it needs them again. One that gave up takes nothing.
 */
export function heldPlacement(replica: Replica): Placement | null {
  return replica.phase.kind === 'failed' ? null : placementOf(replica);
}

/** The devices of a placement as they were given. */
export function givenDevices({ devices, given }: Placement): readonly GivenDevice[] {
  return given ?? devices.map(id => ({ id }));
}

export function containerOf(replica: Replica): ContainerRef | null {
  return 'container' in replica.phase ? replica.phase.container : null;
}
