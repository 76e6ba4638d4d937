import type { World } from '../world.ts';

/**
 * Nodes on which a replica waits for a listing that is newer than something: one that ends without a container for its
 * absence, one whose probe failed for its node to be heard. Nothing else would ask for one soon.
 */
export function nodesToList({ observed, replicas }: World): string[] {
  const names = new Set<string>();
  for (const { phase } of replicas.values()) {
    if (!('container' in phase)) continue;
    const { placement, container } = phase;
    const since = container === null ? phase.since : observed.probes.get(container.id)?.doubtedSince;
    const node = observed.nodes.get(placement.node);
    if (since !== undefined && node?.answering && node.listedFrom <= since) names.add(node.name);
  }
  return [...names];
}
