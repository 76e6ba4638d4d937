import type { Cluster } from '../placement/cluster.ts';
import type { ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';
import { requestOf } from './cluster-in.ts';
import { nextIn, type Successors } from './successors.ts';

/**
 * Books what those that wait for a place are going to take, of all services, in the order in which they are placed: what is
 * free is theirs before anybody gives up a place for it. Returns the ids of those that fit.
 * @param alsoIn another account of the same nodes, in which they take the same
 */
export function bookWaiting(
  world: World,
  cluster: Cluster,
  { waiting, owed }: Successors,
  alsoIn?: Cluster,
): Set<string> {
  const isNext = nextIn(world);
  const inherits = new Set(waiting.map(r => r.id));
  const others = world
    .lookedAfter()
    .filter(r => !inherits.has(r.id) && isNext(r))
    .map(r => requestOf(world, r))
    .sort(
      (a, b) => b.spec.priority - a.spec.priority || a.createdAt - b.createdAt || (a.replicaId < b.replicaId ? -1 : 1),
    );
  const booked = new Set<string>();
  /** A spec that found no room finds none later. */
  const full = new Set<ServiceSpec>();
  for (const request of [...[...waiting, ...owed].map(r => requestOf(world, r)), ...others]) {
    const placement = full.has(request.spec) ? null : cluster.find(request);
    if (placement) {
      for (const c of [cluster, alsoIn]) c?.hold(request, request.spec, placement);
      booked.add(request.replicaId);
    } else full.add(request.spec);
  }
  return booked;
}
