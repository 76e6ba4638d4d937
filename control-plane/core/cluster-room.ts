import type { Cluster, PlacementRequest } from './cluster.ts';
import type { Placement } from './replica.ts';
import type { ServiceSpec } from './spec.ts';

/**
 * The fewest idle replicas of lower priority whose going makes room for the request, all of one node; null where not even
 * all of them do. The cluster is left as it was.
 */
export function makeRoom(
  cluster: Cluster,
  request: PlacementRequest,
  idle: readonly {
    readonly replicaId: string;
    readonly priority: number;
    readonly spec: ServiceSpec;
    readonly placement: Placement;
  }[],
): readonly string[] | null {
  const lower = idle.filter(r => r.priority < request.spec.priority);
  if (cluster.place(request).kind === 'placed') return [];
  let best: readonly string[] | null = null;
  for (const victims of Map.groupBy(lower, r => r.placement.node).values()) {
    // Whoever can stay stays: given back one by one, the most important first, where the request still fits.
    const leaving = victims.toSorted((a, b) => b.priority - a.priority || (a.replicaId < b.replicaId ? -1 : 1));
    const fewest = fewestOf(cluster, request, leaving);
    if (fewest && (best === null || fewest.length < best.length)) best = fewest;
  }
  return best;
}

function fewestOf(
  cluster: Cluster,
  request: PlacementRequest,
  victims: readonly { readonly replicaId: string; readonly spec: ServiceSpec; readonly placement: Placement }[],
): readonly string[] | null {
  const service = (v: { spec: ServiceSpec }) => `${v.spec.namespace}/${v.spec.name}` as const;
  const book = (v: (typeof victims)[number]) =>
    cluster.hold({ replicaId: v.replicaId, service: service(v) }, v.spec, v.placement);
  const gone = new Set<(typeof victims)[number]>();
  for (const victim of victims) cluster.release(victim.replicaId);
  for (const victim of victims) gone.add(victim);
  try {
    if (cluster.place(request).kind !== 'placed') return null;
    for (const victim of victims) {
      book(victim);
      gone.delete(victim);
      if (cluster.place(request).kind === 'placed') continue;
      cluster.release(victim.replicaId);
      gone.add(victim);
    }
    return [...gone].map(v => v.replicaId).sort();
  } finally {
    for (const victim of gone) book(victim);
  }
}
