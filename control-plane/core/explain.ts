import { gibInWords } from './devices-fit.ts';
import { REJECTION_CONSTRAINTS, type Rejection, type RejectionConstraint } from './rejection.ts';

/** Nodes that fail at the same constraint, with what would help. */
export interface Explanation {
  readonly constraint: RejectionConstraint;
  readonly nodes: readonly string[];
  /** The rejections of these nodes' devices. */
  readonly devices: readonly Rejection[];
  /** Of the node that comes closest. */
  readonly requested?: number | string;
  readonly free?: number;
  readonly total?: number;
  readonly heldBy: readonly string[];
  /** In words, of the node that comes closest. */
  readonly message: string;
  /** What a person can do, the simplest first. */
  readonly help: readonly string[];
}

/** Groups rejections by what the nodes lack, what a person would name first before the rest. */
export function explain(rejections: readonly Rejection[]): readonly Explanation[] {
  const own = rejections.filter(r => r.device === undefined);
  return [...Map.groupBy(own, r => r.constraint)]
    .map(([constraint, group]): Explanation => {
      const closest = group.reduce((best, r) => ((r.free ?? -1) > (best.free ?? -1) ? r : best));
      const nodes = group.map(r => r.node);
      return {
        constraint,
        nodes,
        devices: rejections.filter(r => r.device !== undefined && nodes.includes(r.node)),
        ...(closest.requested === undefined ? {} : { requested: closest.requested }),
        ...(closest.free === undefined ? {} : { free: closest.free }),
        ...(closest.total === undefined ? {} : { total: closest.total }),
        heldBy: [...new Set(group.flatMap(r => r.heldBy ?? []))].sort(),
        message: closest.message,
        help: helpFor(closest, group),
      };
    })
    .sort((a, b) => REJECTION_CONSTRAINTS.indexOf(a.constraint) - REJECTION_CONSTRAINTS.indexOf(b.constraint));
}

function helpFor(closest: Rejection, group: readonly Rejection[]): string[] {
  switch (closest.constraint) {
    case 'draining':
      return group.map(r => `undrain node ${r.node}: outrigger nodes undrain ${r.node}`);
    case 'gpu_memory':
    case 'gpu_memory_left':
      return closest.free === undefined ? [] : [`lower x-outrigger.gpu.memory to at most ${gibInWords(closest.free)}`];
    default:
      return [];
  }
}
