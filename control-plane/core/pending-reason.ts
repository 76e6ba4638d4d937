import type { Lack } from './placement/rejection.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';

/** What a replica without a place waits for. Words for it are made where it is shown. */
export type PendingReason =
  | UnmetDependency
  /** As many as the service may have at a time are there: some have to leave first. */
  | { readonly kind: 'surge'; readonly service: ServiceKey }
  /** Others are on their way out and make room for it. */
  | { readonly kind: 'room_made' }
  /** Its image is pulled to a node first: only then do those give way there that have its room. */
  | ImageFirst
  /** Containers of an earlier time have to end there before it takes anything. */
  | { readonly kind: 'untidy_node'; readonly node: string }
  | HeldByLower
  | Lack;

/** Replicas of lower priority have its room, and stay. */
export interface HeldByLower {
  readonly kind: 'held_by_lower';
  /** Whose going would be enough. */
  readonly services: readonly ServiceKey[];
  /**
   * `busy`: they work, or did just now; `load_unknown`: they do not tell whether they do; `measured_use`: their going would
   * not help while others use memory that nobody declares; `needed`: who waits depends on them, and could not start without.
   */
  readonly because: 'busy' | 'load_unknown' | 'measured_use' | 'needed';
}

export interface ImageFirst {
  readonly kind: 'image_first';
  readonly image: string;
  readonly node: string;
  /** Who gives way once it is there, by replica id. */
  readonly by: readonly string[];
  /** Why the pull was refused; it is tried again. */
  readonly refusal?: string;
}

export interface UnmetDependency {
  readonly kind: 'dependency';
  /** A name in the same namespace. */
  readonly service: string;
  readonly condition: ServiceSpec['dependsOn'][number]['condition'];
}

export function areSameReasons(some: readonly PendingReason[], others: readonly PendingReason[]): boolean {
  if (some === others) return true;
  return some.length === others.length && some.every((reason, i) => isSame(reason, others[i]!));
}

function isSame(a: PendingReason, b: PendingReason): boolean {
  switch (a.kind) {
    case 'dependency':
      return a.kind === b.kind && a.service === b.service && a.condition === b.condition;
    case 'surge':
      return a.kind === b.kind && a.service === b.service;
    case 'room_made':
      return a.kind === b.kind;
    case 'image_first':
      return (
        a.kind === b.kind &&
        a.image === b.image &&
        a.node === b.node &&
        a.refusal === b.refusal &&
        a.by.join() === b.by.join()
      );
    case 'untidy_node':
      return a.kind === b.kind && a.node === b.node;
    case 'held_by_lower':
      return a.kind === b.kind && a.because === b.because && a.services.join() === b.services.join();
    case 'lack':
      return (
        a.kind === b.kind &&
        a.constraint === b.constraint &&
        a.count === b.count &&
        a.requested === b.requested &&
        a.nodes.join() === b.nodes.join()
      );
    case 'other_lacks':
      return a.kind === b.kind && a.count === b.count;
    default:
      return a satisfies never;
  }
}
