import type { ObservedContainer, ObservedNode } from '../observed.ts';
import { isNamedByUs } from '../own-containers.ts';
import type { Cluster, PlacementRequest } from '../placement/cluster.ts';
import { clusterOf } from '../placement/cluster-of.ts';
import { heldPlacement, isOnItsWayOut, isWithoutContainer, type Newcomer, placementOf } from '../replica.ts';
import type { ServiceKey } from '../spec.ts';
import type { World } from '../world.ts';

/**
 * The nodes with all that is held of them at this point of a pass. One where something runs that no account knows of, such
 * as on a node that was forgotten and is back, takes nothing before that has ended: it may have any device.
 * @param seenAs nodes that are taken for other than they are observed
 */
export function clusterIn(world: World, seenAs: (node: ObservedNode) => ObservedNode = node => node): Cluster {
  const { replicas, nodes, observed } = world;
  const untidy = untidyNodes(world);
  const tidy = [...observed.nodes].filter(([name]) => !untidy.has(name));
  const open = new Map(tidy.map(([name, node]) => [name, seenAs(node)]));
  const specOf = (service: ServiceKey, generation: number) => world.keptSpec(service, generation);
  return clusterOf({ replicas, nodes: nodes.records, specOf }, { nodes: open, images: observed.images });
}

/** The same as it will be, once all that is on its way out is gone. */
export function futureIn(world: World, seenAs?: (node: ObservedNode) => ObservedNode): Cluster {
  return withoutLeaving(world, clusterIn(world, seenAs));
}

/** @param cluster is changed, and returned */
export function withoutLeaving({ replicas }: World, cluster: Cluster): Cluster {
  for (const replica of replicas.values()) if (isOnItsWayOut(replica)) cluster.release(replica.id);
  return cluster;
}

/**
 * Takes for used what is measured so, where that is more than is declared. What has not been started uses nothing yet of
 * what is declared for it.
 */
export function countMeasured(world: World, cluster: Cluster): void {
  const unstarted = [...world.replicas.values()].filter(isWithoutContainer);
  for (const { id } of unstarted) cluster.release(id);
  cluster.countMeasured();
  for (const replica of unstarted) {
    const placement = placementOf(replica);
    const spec = world.keptSpec(replica.service, replica.generation);
    if (placement && spec) cluster.hold({ replicaId: replica.id, service: replica.service }, spec, placement);
  }
}

/** The nodes as they will be, once all that is on its way out is gone, by what is measured as well. */
export function measuredFuture(world: World): Cluster {
  const cluster = clusterIn(world);
  countMeasured(world, cluster);
  return withoutLeaving(world, cluster);
}

/** Where a container runs that no account says is there. */
export function untidyNodes({ observed, replicas }: Pick<World, 'observed' | 'replicas'>): ReadonlySet<string> {
  const untidy = new Set<string>();
  for (const { name, containers } of observed.nodes.values()) {
    const isStray = ({ replicaId, state }: ObservedContainer) => {
      const replica = replicas.get(replicaId);
      return state === 'running' && (!replica || heldPlacement(replica)?.node !== name);
    };
    if (containers.some(c => isStray(c) && isNamedByUs(c))) untidy.add(name);
  }
  return untidy;
}

/** The place that it needs. */
export function requestOf(world: World, newcomer: Newcomer): PlacementRequest {
  const { id: replicaId, service, createdAt } = newcomer;
  return { replicaId, service, spec: world.specOf(newcomer), createdAt };
}
