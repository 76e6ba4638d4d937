import type { Cluster } from '../placement/cluster.ts';
import { heldPlacement } from '../replica.ts';
import { clusterIn, requestOf } from '../waiting/cluster-in.ts';
import { unmetDependencies } from '../waiting/unmet.ts';
import type { World } from '../world.ts';
import type { Circumstances } from './rollout.ts';

/** What the nodes of a pass have to say to the rollouts of its services. */
export function circumstancesIn(world: World): Circumstances {
  const { nodes } = world;
  // Rarely asked for, and dear: each is made when it is.
  const known = lazily(() => clusterIn(world));
  const claimed = lazily(() => clusterIn(world));
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
      const cluster = known();
      if (unmetDependencies(world, request.spec).length > 0 || cluster.find(request)) return false;
      for (const { id } of gone) cluster.release(id);
      const fits = cluster.find(request) !== null;
      for (const replica of gone) {
        const placement = heldPlacement(replica);
        const holder = { replicaId: replica.id, service: replica.service };
        if (placement) cluster.hold(holder, world.specOf(replica), placement);
      }
      return fits;
    },
  };
}

function lazily(make: () => Cluster): () => Cluster {
  let made: Cluster | null = null;
  return () => {
    made ??= make();
    return made;
  };
}
