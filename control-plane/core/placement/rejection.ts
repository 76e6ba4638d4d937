import { nearestFirst } from './nearness.ts';

/** Why one node, or one device of it, cannot take a replica. Figures in the unit of the constraint: cores, bytes, devices. */
export interface Rejection {
  /** Empty where there is no node at all. */
  readonly node: string;
  /** Present where it is about one device; the node's own rejection, which sums its devices up, stands before them. */
  readonly device?: string;
  readonly constraint: RejectionConstraint;
  readonly requested?: number | string;
  readonly free?: number;
  readonly total?: number;
  /** What is there instead of what was requested: a label's value, the models of the node. */
  readonly found?: string;
  /** Keys of the services whose replicas hold what is missing. */
  readonly heldBy?: readonly string[];
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
 * A few lines for people: nodes that fail at the same thing share one. At most `limit` lines, those of the nodes that come
 * closest first.
 */
export function summarise(rejections: readonly Rejection[], limit = 4): string[] {
  const first = new Map<string, Rejection>();
  for (const rejection of rejections) {
    if (rejection.device === undefined && !first.has(rejection.node)) first.set(rejection.node, rejection);
  }
  const ordered = nearestFirst(rejections).flatMap(node => first.get(node) ?? []);
  const groups = [...Map.groupBy(ordered, r => `${r.constraint} ${r.message}`).values()];
  const lines = groups.slice(0, limit).map(group => `${nodesInWords(group.map(r => r.node))}${group[0]!.message}`);
  const left = groups.slice(limit).reduce((sum, group) => sum + group.length, 0);
  return left === 0 ? lines : [...lines, `${left} more ${left === 1 ? 'node' : 'nodes'}: other reasons`];
}

/** What `summarise` says, in one line: what the closest nodes lack, and how many others there are. */
export function briefly(reasons: readonly string[]): string {
  const closest = reasons.findIndex(r => nodesOf(r) > 0);
  if (closest === -1) return reasons.join('; ');
  const others = reasons.slice(closest + 1).reduce((sum, r) => sum + nodesOf(r), 0);
  const more = others === 0 ? [] : [`and ${others} more ${others === 1 ? 'node' : 'nodes'}`];
  return [...reasons.slice(0, closest + 1), ...more].join('; ');
}

/** How many nodes a line is about; 0: it is about what others do. */
function nodesOf(reason: string): number {
  const many = /^(\d+) (?:more )?nodes? ?(?:\([^)]*\))?: /.exec(reason);
  if (many) return Number(many[1]);
  return /^[^\s:]+: /.test(reason) ? 1 : 0;
}

function nodesInWords(names: readonly string[]): string {
  if (names.length === 1) return names[0] === '' ? '' : `${names[0]}: `;
  const some = names.slice(0, NAMED).join(', ');
  return `${names.length} nodes (${some}${names.length > NAMED ? ', …' : ''}): `;
}

const NAMED = 3;
