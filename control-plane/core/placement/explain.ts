import type { ServiceKey, ServiceSpec } from '../spec.ts';
import { type Help, helpFor } from './help.ts';
import { nearestFirst, severityOf } from './nearness.ts';
import type { Rejection, RejectionConstraint } from './rejection.ts';

/** Nodes that fail at the same constraint, with what would help. */
export interface Explanation {
  readonly constraint: RejectionConstraint;
  /** The nearest to a place first. */
  readonly nodes: readonly string[];
  /** The rejections of these nodes' devices. */
  readonly devices: readonly Rejection[];
  /** Of the node that comes closest. */
  readonly requested?: number | string;
  readonly free?: number;
  readonly total?: number;
  readonly heldBy: readonly ServiceKey[];
  /** In words, of the node that comes closest; which one that is stands in it where the nodes differ. */
  readonly message: string;
  /** What a person can do, the simplest first. */
  readonly help: readonly Help[];
}

/** Whose replica it is that found no place. */
export interface Asking {
  readonly service: ServiceKey;
  readonly spec: ServiceSpec;
  /** The specs of the services whose replicas hold something; undefined: not known any more. */
  readonly specOf: (service: ServiceKey) => ServiceSpec | undefined;
  /** How many replicas of the service wait for a place. */
  readonly waiting?: number;
}

/** Groups rejections by what the nodes lack, the nodes that come closest to a place before the rest. */
export function explain(rejections: readonly Rejection[], asking?: Asking): readonly Explanation[] {
  const devices = Map.groupBy(
    rejections.filter(r => r.device !== undefined),
    r => r.node,
  );
  const own = rejections.filter(r => r.device === undefined);
  const order = new Map(nearestFirst(rejections).map((node, i) => [node, i]));
  const rank = (r: Rejection) => order.get(r.node) ?? 0;
  return [...Map.groupBy(own, kindOf).values()]
    .map(some => some.toSorted((a, b) => rank(a) - rank(b)))
    .sort(([a], [b]) => rank(a!) - rank(b!) || severityOf(a!) - severityOf(b!))
    .map((group): Explanation => {
      const closest = group[0]!;
      const { constraint, requested, free, total, message } = closest;
      const nodes = [...new Set(group.map(r => r.node))];
      const ofDevices = constraint.startsWith('gpu_') ? nodes.flatMap(node => devices.get(node) ?? []) : [];
      const differ = group.some(r => r.message !== message);
      return {
        constraint,
        nodes,
        devices: ofDevices,
        ...(requested === undefined ? {} : { requested }),
        ...(free === undefined ? {} : { free }),
        ...(total === undefined ? {} : { total }),
        heldBy: [...new Set(group.flatMap(r => r.heldBy ?? []))].sort(),
        message: differ ? `${message} (on ${closest.node})` : message,
        help: helpFor({ closest, group, devices: ofDevices, all: own, asking }),
      };
    });
}

/**
 * Two labels that a node lacks are two matters, and so are two constraints that nobody can judge, and GPUs that are known to be
 * others and such of which nothing is known.
 */
function kindOf({ constraint, requested, isUnknown }: Rejection): string {
  if (constraint === 'label' || constraint === 'unknown_constraint') return `${constraint} ${requested}`;
  return isUnknown && constraint.startsWith('gpu_') ? `${constraint} unknown` : constraint;
}
