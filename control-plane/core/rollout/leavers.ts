import type { Leaver } from '../placement/make-room.ts';
import { heldPlacement, type Replica } from '../replica.ts';
import type { World } from '../world.ts';

/**
 * Old replicas as those that may leave for one of their service: of equally few, those go that are least worth keeping.
 * @param old the least worthy first
 */
export function leaversOf(world: World, old: readonly Replica[]): Leaver[] {
  return old.flatMap((replica, nth): Leaver[] => {
    const placement = heldPlacement(replica);
    return placement ? [{ replicaId: replica.id, spec: world.specOf(replica), placement, cost: nth }] : [];
  });
}
