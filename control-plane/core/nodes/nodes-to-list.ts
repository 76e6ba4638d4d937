import { createKey } from '../actions.ts';
import type { Replica } from '../replica.ts';
import type { World } from '../world.ts';

/**
 * Nodes on which a replica waits for a listing that is newer than something: one that ends without a container for its
 * absence, also after a create that was under way; one whose probe failed for its node to be heard. Nothing else would ask
 * for one soon.
 */
export function nodesToList({ observed, replicas }: World): string[] {
  const names = new Set<string>();
  const settledAt = (replica: Replica) => {
    const create = observed.effects.get(createKey(replica));
    return create?.kind === 'settled' || create?.kind === 'failed' ? create.at : Number.NEGATIVE_INFINITY;
  };
  for (const replica of replicas.values()) {
    const { phase } = replica;
    if (!('container' in phase)) continue;
    const { placement, container } = phase;
    const since =
      container === null ? Math.max(phase.since, settledAt(replica)) : observed.probes.get(container.id)?.doubtedSince;
    const node = observed.nodes.get(placement.node);
    if (since !== undefined && node?.answering && node.listedFrom <= since) names.add(node.name);
  }
  return [...names];
}
