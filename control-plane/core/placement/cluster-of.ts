import type { Desired } from '../desired.ts';
import type { Observed } from '../observed.ts';
import { heldPlacement } from '../replica.ts';
import { Cluster } from './cluster.ts';

/** The cluster as it is observed, with everything that replicas hold, from the stored intent to the observed exit. */
export function clusterOf(
  state: Pick<Desired, 'replicas' | 'nodes' | 'specOf'>,
  observed: Pick<Observed, 'nodes' | 'images'>,
): Cluster {
  const cluster = new Cluster(observed.nodes.values(), state.nodes, observed.images);
  for (const replica of state.replicas.values()) {
    const placement = heldPlacement(replica);
    const spec = placement && state.specOf(replica.service, replica.generation);
    if (spec) cluster.hold({ replicaId: replica.id, service: replica.service }, spec, placement);
  }
  return cluster;
}
