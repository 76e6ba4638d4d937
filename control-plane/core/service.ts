import type { Cause, Replica } from './replica.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';

/** What is wanted of one service; stored. The accepted specs of older generations live as long as replicas of them do. */
export interface Service {
  readonly key: ServiceKey;
  readonly spec: ServiceSpec;
  /** The generation that is wanted now; `spec` is its spec. */
  readonly generation: number;
  /** What the image's tag pointed to when the spec was accepted; null: it was not on the node yet. */
  readonly imageId: string | null;
  /** The highest generation ever accepted; above `generation` after a rollback. */
  readonly latestGeneration: number;
  /** How many replicas are wanted now, within spec.replicas.min and max. */
  readonly replicas: number;
  readonly acceptedAt: number;
  /** Set while it is being taken down; the record goes when the last replica is gone. */
  readonly removal: Removal | null;
  /** Who wants it: the folder and files it came from, or a program's own words; shown, never interpreted. */
  readonly origin: string;
  /** The id of the apply request that created it; '' where that had none. */
  readonly createdBy: string;
  /**
   * The id of the one that named it last, also where that changed nothing: who takes back what a request asked for takes
   * only what nobody else has asked for since. '' where that had none.
   */
  readonly askedBy: string;
  readonly rollout: Rollout;
}

export interface Removal {
  readonly askedAt: number;
  /** Remove the namespace's volumes with its last service (`down -v`). */
  readonly volumes: boolean;
  /** What a container gets between its stop signal and the kill, instead of the spec's grace (`down -t`). */
  readonly graceMs?: number | undefined;
}

export type Rollout =
  | { readonly kind: 'settled' }
  | { readonly kind: 'progressing'; readonly since: number; readonly previous: number | null }
  /** The new generation failed and the one before is wanted again, as generation `to`. */
  | { readonly kind: 'rolled_back'; readonly failed: number; readonly to: number; readonly cause: Cause }
  /** `previous`: the last generation that is known to work. */
  | { readonly kind: 'paused'; readonly cause: Cause; readonly previous: number | null };

/** Its replicas were ready once; what keeps one of them from starting is in its surroundings rather than in its spec. */
export function isKnownToWork({ generation, rollout }: Service, asked: number): boolean {
  switch (rollout.kind) {
    case 'settled':
    case 'rolled_back':
      return asked === generation;
    case 'progressing':
    case 'paused':
      return asked === rollout.previous;
    default:
      return rollout satisfies never;
  }
}

/** How many more than wanted there may be at a time. */
export function surgeOf({ spec: { update } }: Pick<Service, 'spec'>): number {
  return update.order === 'stop-first' ? 0 : update.maxSurge;
}

/** Its present generation takes the place of one that is known to work. */
export function isUpdating({ rollout }: Pick<Service, 'rollout'>): boolean {
  return rollout.kind === 'progressing' && rollout.previous !== null;
}

/** Neither of another generation nor to be replaced by a restart. */
export function isCurrent({ generation }: Pick<Service, 'generation'>, replica: Replica): boolean {
  return replica.generation === generation && !replica.replace;
}
