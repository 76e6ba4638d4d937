import type { Desired } from '../desired.ts';
import { type Observed, type ObservedNode, partsOf } from '../observed.ts';
import { heldPlacement } from '../replica.ts';
import { Cluster } from './cluster.ts';

/** The cluster as it is observed, with everything that replicas hold, from the stored intent to the observed exit. */
export function clusterOf(
  state: Pick<Desired, 'replicas' | 'nodes' | 'specOf'>,
  observed: Pick<Observed, 'nodes' | 'images'>,
): Cluster {
  const cluster = new Cluster(withPulled(observed), state.nodes, observed.images);
  for (const replica of state.replicas.values()) {
    const placement = heldPlacement(replica);
    const spec = placement && state.specOf(replica.service, replica.generation);
    if (spec) cluster.hold({ replicaId: replica.id, service: replica.service }, spec, placement);
  }
  return cluster;
}

/**
 * The nodes with what was pulled to them since their listings: those who were waited for go where their image is. Nothing is
 * placed on a node that is silent, whenever that was listed.
 */
function withPulled({ nodes, images }: Pick<Observed, 'nodes' | 'images'>): readonly ObservedNode[] {
  const all = [...nodes.values()];
  const listedFrom = all.reduce(
    (least, n) => (n.answering ? Math.min(least, n.listedFrom) : least),
    Number.POSITIVE_INFINITY,
  );
  const pulled = new Map<string, string[]>();
  for (const [key, state] of images) {
    // Nearly all were pulled long before: their keys are not taken apart.
    if (state.kind !== 'present' || state.at < listedFrom) continue;
    const { node: name, image } = partsOf(key);
    const node = nodes.get(name);
    if (!node?.answering || state.at < node.listedFrom || node.images.has(image)) continue;
    pulled.set(name, [...(pulled.get(name) ?? []), image]);
  }
  if (pulled.size === 0) return all;
  return all.map(node => {
    const more = pulled.get(node.name);
    return more ? { ...node, images: new Set([...node.images, ...more]) } : node;
  });
}
