import type { Action } from '../actions.ts';
import type { Troubles } from '../contain-trouble.ts';
import type { Endpoint } from '../endpoint.ts';
import type { NodeRecord } from '../node.ts';
import { nodesToList } from '../nodes/nodes-to-list.ts';
import { turnsOf } from '../nodes/turns-of.ts';
import { vacatedNodes } from '../nodes/vacated-nodes.ts';
import type { Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { ServiceKey } from '../spec.ts';
import type { World } from '../world.ts';
import { actionsIn, dueOf } from './actions-in.ts';
import { endpointsIn } from './endpoints-in.ts';
import { type Probed, probedIn } from './probed-in.ts';
import { wakeAt } from './wake-at.ts';

/** All that follows from one look at the world. The controller stores the states, then carries out the actions. */
export interface Plan {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly replicas: ReadonlyMap<string, Replica>;
  readonly nodes: ReadonlyMap<string, NodeRecord>;
  readonly actions: readonly Action[];
  /** Everything that should be published now, complete. */
  readonly endpoints: readonly Endpoint[];
  /** The running containers that the sidecar should look after, complete. */
  readonly probed: readonly Probed[];
  /** Nodes to list anew soon, as something waits for a newer listing of them. */
  readonly relisted: readonly string[];
  /** Nodes that left and may be spoken to no more: see vacatedNodes. */
  readonly vacated: readonly string[];
  /** Services that are left as they are because no pass can be made with them, and why. */
  readonly troubles: Troubles;
  /** When to look again though nothing changes; null: no need. */
  readonly wakeAt: number | null;
}

/**
 * What a pass comes to, once all is decided: it changes nothing any more.
 * @param placeAgainAt when to look for places again though nothing changes; null: no need
 */
export function planOf(world: World, placeAgainAt: number | null): Omit<Plan, 'troubles'> {
  const { services, replicas, nodes } = world;
  const turns = turnsOf(world);
  const actions = actionsIn(world, turns);
  const due = dueOf(world, actions);
  return {
    services,
    replicas,
    nodes: nodes.records,
    actions: due,
    endpoints: endpointsIn(world),
    probed: probedIn(world),
    relisted: nodesToList(world),
    vacated: vacatedNodes(world, due),
    wakeAt: wakeAt(world, actions, [
      placeAgainAt,
      turns.lookAgainAt,
      ...[...world.imageWaits.values()].map(w => w.notBefore),
    ]),
  };
}
