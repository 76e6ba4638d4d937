import type { ServiceKey } from '../spec.ts';
import { isTooSmall, nearestFirst, worstOf } from './nearness.ts';

/** Why one node, or one device of it, cannot take a replica. Figures in the unit of the constraint: cores, bytes, devices. */
export interface Rejection {
  /** Empty where there is no node at all. */
  readonly node: string;
  /** Present where it is about one device; the node's own rejection, which sums its devices up, stands before them. */
  readonly device?: string;
  readonly constraint: RejectionConstraint;
  /** Of devices a number, or `all`: as many as the node has. */
  readonly requested?: number | string;
  readonly free?: number;
  readonly total?: number;
  /** What is there instead of what was requested: a label's value, the models of the node. */
  readonly found?: string;
  /** Keys of the services whose replicas hold what is missing. */
  readonly heldBy?: readonly ServiceKey[];
  /** Of a device in quarantine: since when, by the Clock. */
  readonly quarantinedSince?: number;
  /** Of a node that lacks the image: how its engine is reached, as a person writes it. */
  readonly connection?: string;
  /** It may have what is asked for: nobody has heard of the node yet, or what its devices are is not known. */
  readonly isUnknown?: true;
  /** Of CPUs and memory: what replicas of the service itself hold of the node, and how many these are. Absent: none do. */
  readonly own?: { readonly held: number; readonly count: number };
  /** In words, without the node's name. */
  readonly message: string;
}

/** What a node can fail at, in the order in which a person would name it. */
export const REJECTION_CONSTRAINTS = [
  'no_node',
  'silent',
  'leaving',
  'draining',
  'unknown_constraint',
  'label',
  'image',
  'gpu_missing',
  'gpu_id',
  'gpu_kind',
  'gpu_driver',
  'gpu_model',
  'gpu_memory',
  'gpu_count',
  'gpu_vanished',
  'gpu_quarantined',
  'gpu_held',
  'gpu_slices',
  'gpu_memory_left',
  'cpus',
  'memory',
  'max_per_node',
  'host_port',
] as const;

export type RejectionConstraint = (typeof REJECTION_CONSTRAINTS)[number];

/**
 * Nodes that fail at the same thing, or how many fail at others still. It is stored with whoever waits, and so has nothing in
 * it that changes with all that others are given: no figures of what is free, no words, the nodes in the order of their names.
 */
export type Lack = NodesLack | { readonly kind: 'other_lacks'; readonly count: number };

export interface NodesLack {
  readonly kind: 'lack';
  readonly constraint: RejectionConstraint;
  readonly requested?: number | string;
  /** The first of them by name; none where there is no node at all. */
  readonly nodes: readonly string[];
  readonly count: number;
}

/**
 * Rejections in short: nodes that fail at the same thing share a lack. At most `limit` of them, those of the nodes that
 * come closest first, and how many nodes there are besides. Of each node what stands most in the way.
 */
export function summarise(rejections: readonly Rejection[], limit = 4): Lack[] {
  const own = Map.groupBy(
    rejections.filter(r => r.device === undefined),
    r => r.node,
  );
  const ordered = nearestFirst(rejections).map(node => worstOf(own.get(node)!));
  // What is full and what is too small are two matters, and so are silent nodes of which something is known and others.
  const groups = [...Map.groupBy(ordered, r => JSON.stringify([lackKey(r), isTooSmall(r), r.isUnknown])).values()];
  const lacks = groups.slice(0, limit).map((group): Lack => {
    const { constraint, requested } = group[0]!;
    const nodes = group.map(r => r.node).filter(node => node !== '');
    nodes.sort();
    const asked = requested === undefined ? {} : { requested };
    return { kind: 'lack', constraint, ...asked, nodes: nodes.slice(0, NAMED), count: nodes.length };
  });
  const left = groups.slice(limit).reduce((sum, group) => sum + group.length, 0);
  return left === 0 ? lacks : [...lacks, { kind: 'other_lacks', count: left }];
}

/** Rejections and lacks that are about the same thing have the same. */
export function lackKey({ constraint, requested }: Pick<Rejection, 'constraint' | 'requested'>): string {
  return `${constraint} ${requested ?? ''}`;
}

const NAMED = 3;
