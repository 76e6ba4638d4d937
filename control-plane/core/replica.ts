import type { ServiceKey } from './spec.ts';

/** One container of a service: its identity, where it is placed and the phase it is in. Stored as it stands here. */
export interface Replica {
  /** Stable over restarts of its container; chosen by the Ids port. */
  readonly id: string;
  readonly service: ServiceKey;
  readonly generation: number;
  readonly createdAt: number;
  /** Counts container starts: names the container's `attempt` label, and feeds the back-off. */
  readonly attempt: number;
  /** Failures since the replica was last ready for long enough to be forgiven (see backoff.ts). */
  readonly failures: number;
  /** It was ready at least once in its life. */
  readonly wasReady: boolean;
  /** Set when a rolling restart wants this replica replaced by a new one of the same generation. */
  readonly replace: boolean;
  readonly phase: Phase;
}

export interface Placement {
  readonly node: string;
  /** Device ids, as the node lists them; empty without GPUs. */
  readonly devices: readonly string[];
}

/** The container a phase speaks of. `seenAt`: when we learnt of it; an older engine listing cannot deny its existence. */
export interface ContainerRef {
  readonly id: string;
  readonly seenAt: number;
}

/** Why a replica is not running, in words for people, with what the container last said. */
export interface Cause {
  readonly kind:
    | 'exited'
    | 'oom_killed'
    | 'killed'
    | 'vanished'
    | 'startup_timeout'
    | 'liveness'
    | 'warmup'
    | 'image'
    | 'rejected'
    | 'port_in_use'
    | 'engine';
  readonly message: string;
  readonly exitCode?: number;
  readonly logTail: readonly string[];
}

export type StopReason = 'scaled_down' | 'replaced' | 'deleted' | 'restart' | 'superseded';

/** The phases of product.md; each holds only what is true in it. All `since` are milliseconds of the Clock port. */
export type Phase =
  | { readonly kind: 'pending'; readonly since: number; readonly reasons: readonly string[] }
  | { readonly kind: 'pulling'; readonly since: number; readonly placement: Placement }
  | { readonly kind: 'creating'; readonly since: number; readonly placement: Placement }
  | {
      readonly kind: 'starting';
      readonly since: number;
      readonly placement: Placement;
      readonly container: ContainerRef;
    }
  | {
      readonly kind: 'warming';
      readonly since: number;
      readonly placement: Placement;
      readonly container: ContainerRef;
    }
  | {
      readonly kind: 'ready';
      readonly since: number;
      readonly placement: Placement;
      readonly container: ContainerRef;
      /** The readiness probe fails at present: the endpoint is withdrawn, the container stays. */
      readonly impaired: boolean;
    }
  | {
      readonly kind: 'draining';
      readonly since: number;
      readonly placement: Placement;
      readonly container: ContainerRef;
      readonly reason: StopReason;
    }
  | {
      readonly kind: 'stopping';
      readonly since: number;
      readonly placement: Placement;
      readonly container: ContainerRef | null;
      readonly then: 'stopped' | { readonly cause: Cause };
    }
  | { readonly kind: 'stopped'; readonly since: number }
  | {
      readonly kind: 'backoff';
      readonly since: number;
      readonly placement: Placement;
      readonly container: ContainerRef | null;
      readonly until: number;
      readonly cause: Cause;
    }
  | {
      readonly kind: 'failed';
      readonly since: number;
      readonly placement: Placement;
      readonly container: ContainerRef | null;
      readonly cause: Cause;
    }
  | { readonly kind: 'lost'; readonly since: number; readonly was: HeldPhase };

export type PhaseKind = Phase['kind'];
/** Phases in which a node may run something for the replica. */
export type HeldPhase = Extract<Phase, { container: ContainerRef }> | Extract<Phase, { kind: 'creating' }>;
