import type { Holding } from './holdings.ts';
import { nodesWithRoom } from './invariants.ts';
import { CRASHING, NAMESPACES, NODES, REQUESTS, requestOf } from './operations.ts';
import type { RandomWorld } from './random-world.ts';
import { inWords } from './test-cluster.ts';

/** In words what is not yet as it was acknowledged; empty at rest. */
export async function unrest(world: RandomWorld): Promise<readonly string[]> {
  const services = (await world.services()).filter(isAtRest);
  const { endpoints } = await world.published.look(world.cluster.controlPlane, NAMESPACES);
  const all = (await world.cluster.holdings.all()).filter(isAtRest);
  const replicasNow = services.flatMap(s => s.replicas.map(replica => ({ ...replica, namespace: s.namespace })));
  const owned = new Set(replicasNow.filter(r => r.phase === 'ready').map(r => r.containerId));
  const public_ = new Set(endpoints.filter(isAtRest).map(e => e.containerId));
  return [
    ...NAMESPACES.map(namespace => ({ namespace }))
      .filter(isAtRest)
      .flatMap(({ namespace }) => {
        const wish = world.acknowledged.wish(namespace);
        const own = replicasNow.filter(r => r.namespace === namespace);
        const revisions = all.filter(h => h.namespace === namespace).map(revisionOf);
        return own.length === (wish?.replicas ?? 0) && revisions.every(r => r === wish?.revision)
          ? []
          : [
              `${namespace} was acknowledged as ${JSON.stringify(wish)}; it has ${own.length} replicas of revisions ${revisions}`,
            ];
      }),
    ...services.filter(s => s.deleting || s.replicas.length !== s.wantedReplicas).map(inWords),
    ...replicasNow
      .filter(r => r.phase !== 'ready' && r.phase !== 'pending')
      .map(r => `${r.namespace}/${r.id} is ${r.phase}: ${r.message}`),
    ...replicasNow
      .filter(r => r.phase === 'pending')
      .map(r => ({ ...r, room: nodesWithRoom(all, requestOf, NODES, REQUESTS[r.namespace] ?? null) }))
      .filter(({ room }) => room.length > 0)
      .map(r => `${r.namespace}/${r.id} waits (${r.message}), and there is room on ${r.room}`),
    ...all
      .filter(h => !owned.has(h.containerId))
      .map(h => `${h.node} has ${h.namespace}/${h.replicaId} (${h.state}), which is no ready replica`),
    ...all
      .filter(h => !public_.has(h.containerId))
      .map(h => `${h.node} has ${h.namespace}/${h.replicaId}, which is not published`),
    ...(all.length === owned.size && public_.size === owned.size
      ? []
      : [`${owned.size} replicas are ready; ${all.length} containers are there, and ${public_.size} endpoints`]),
  ];
}

/** All but what ends by itself for ever. */
export function isAtRest({ namespace }: { readonly namespace: string }): boolean {
  return namespace !== CRASHING;
}

function revisionOf({ environment }: Holding): number {
  return Number(environment.find(e => e.startsWith('REVISION='))?.slice('REVISION='.length));
}
