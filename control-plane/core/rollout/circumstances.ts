import { heldPlacement } from '../replica.ts';
import { clusterIn, requestOf } from '../waiting/cluster-in.ts';
import { isOnItsWayOut } from '../waiting/displace-idle.ts';
import { unmetDependencies } from '../waiting/unmet.ts';
import type { World } from '../world.ts';
import type { Circumstances } from './rollout.ts';
import { bookOwed, bookWaiting } from './room-spoken-for.ts';

/** What the nodes of a pass have to say to the rollouts of its services. */
export function circumstancesIn(world: World): Circumstances {
  const { nodes } = world;
  // Rarely asked for, and dear: each is made when it is.
  const claimed = lazily(() => {
    const cluster = clusterIn(world);
    bookWaiting(world, cluster);
    bookOwed(world, cluster);
    return cluster;
  });
  // The nodes as they will be, once all that is on its way out is gone and those that wait have its place.
  const future = lazily(() => {
    const cluster = clusterIn(world);
    for (const replica of world.replicas.values()) if (isOnItsWayOut(replica)) cluster.release(replica.id);
    return { cluster, booked: bookWaiting(world, cluster) };
  });
  return {
    isGivenUp: replica => nodes.isGivenUp(replica),
    isMoving: ({ phase }) =>
      (phase.kind === 'starting' || phase.kind === 'warming' || phase.kind === 'ready') &&
      nodes.isEmptying(phase.placement.node),
    claimRoom: replica => {
      const request = requestOf(world, replica);
      const placement = claimed().find(request);
      if (!placement) return false;
      const next = { replicaId: `after ${replica.id}`, service: replica.service };
      claimed().hold(next, request.spec, placement);
      return true;
    },
    wouldFit: (pending, gone) => {
      const request = requestOf(world, pending);
      const { cluster, booked } = future();
      if (unmetDependencies(world, request.spec).length > 0 || booked.has(pending.id)) return false;
      for (const { id } of gone) cluster.release(id);
      const placement = cluster.find(request);
      for (const replica of gone) {
        const held = heldPlacement(replica);
        const holder = { replicaId: replica.id, service: replica.service };
        if (held) cluster.hold(holder, world.specOf(replica), held);
      }
      // No other service gives way for the same room.
      if (placement) cluster.hold(request, request.spec, placement);
      return placement !== null;
    },
  };
}

/**
 * The same for a first look, in which nobody gives up a place for another one: what waits for a place is not all there yet.
 * @param onAsked called for whoever would have to be looked at again
 */
export function withoutRoom(circumstances: Circumstances, onAsked: () => void): Circumstances {
  const asked = () => {
    onAsked();
    return false;
  };
  return { ...circumstances, claimRoom: asked, wouldFit: asked };
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
