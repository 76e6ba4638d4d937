import type { JudgedNodes } from '../nodes/judged-nodes.ts';
import type { Replica } from '../replica.ts';
import { mayServe } from './may-serve.ts';
import { inOrderOfWorth } from './order-of-worth.ts';

/** Who moves away from its node; of both kinds the first leaves first. */
export interface Movers {
  /** They leave once others serve in their place. */
  readonly serving: readonly Replica[];
  /** They do not serve, and leave as soon as others have a place. */
  readonly idle: readonly Replica[];
}

/** @param some of one service, of its present generation */
export function moversOf(some: readonly Replica[], isMoving: (replica: Replica) => boolean): Movers {
  const moving = some.filter(isMoving);
  return {
    serving: moving.filter(mayServe).sort(inOrderOfWorth(isMoving)),
    idle: moving.filter(r => !mayServe(r)),
  };
}

/** Its node gives its replicas away, and it has a container there; what has none is placed anew. */
export function isMovingIn(nodes: Pick<JudgedNodes, 'isEmptying'>): (replica: Replica) => boolean {
  return ({ phase }) =>
    (phase.kind === 'starting' || phase.kind === 'warming' || phase.kind === 'ready') &&
    nodes.isEmptying(phase.placement.node);
}
