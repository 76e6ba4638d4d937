import type { Cluster, PlacementRequest, Verdict } from './cluster.ts';

/**
 * Places several replicas and books what it places: higher priority first, then what is harder to place, then older. The
 * outcome is the same in whatever order the requests are given.
 */
export function placeTogether(cluster: Cluster, requests: readonly PlacementRequest[]): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  for (const request of requests.toSorted(byTurn)) {
    const verdict = cluster.place(request);
    if (verdict.kind === 'placed') cluster.hold(request, request.spec, verdict.placement);
    verdicts.set(request.replicaId, verdict);
  }
  return verdicts;
}

function byTurn(a: PlacementRequest, b: PlacementRequest): number {
  return (
    b.spec.priority - a.spec.priority ||
    hardness(b) - hardness(a) ||
    a.createdAt - b.createdAt ||
    (a.replicaId < b.replicaId ? -1 : 1)
  );
}

/** Devices first, of them those that are wanted whole; then memory of devices, memory, CPUs. */
function hardness({ spec }: PlacementRequest): number {
  const { gpu, cpus, memoryBytes } = spec.resources;
  const devices = gpu ? (gpu.deviceIds.length > 0 ? 1_025 : gpu.count === -1 ? 1_024 : gpu.count) : 0;
  return devices * 1e9 + ((gpu?.memoryBytes ?? 0) / 2 ** 30) * 1e5 + cpus + memoryBytes / 2 ** 32;
}
