import type { Cluster } from '../placement/cluster.ts';
import type { Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { ServiceSpec } from '../spec.ts';
import { requestOf } from '../waiting/cluster-in.ts';
import { beyondSurge, unmetDependencies } from '../waiting/unmet.ts';
import type { World } from '../world.ts';
import { surgeOf } from './rollout.ts';

/**
 * Books what those that wait for a place are going to take, of all services: what is free is theirs before anybody gives
 * up a place for it. Returns the ids of those that fit.
 */
export function bookWaiting(world: World, cluster: Cluster): Set<string> {
  const waiting = world
    .lookedAfter()
    .filter(r => r.phase.kind === 'pending' && isNext(world, r))
    .map(r => requestOf(world, r))
    .sort(
      (a, b) => b.spec.priority - a.spec.priority || a.createdAt - b.createdAt || (a.replicaId < b.replicaId ? -1 : 1),
    );
  const booked = new Set<string>();
  /** A spec that found no room finds none later. */
  const full = new Set<ServiceSpec>();
  for (const request of waiting) {
    const placement = full.has(request.spec) ? null : cluster.find(request);
    if (placement) {
      cluster.hold(request, request.spec, placement);
      booked.add(request.replicaId);
    } else full.add(request.spec);
  }
  return booked;
}

/**
 * Books a place for each replica that left before its successor is made: that is made once its end was observed.
 * @param hasPlace it is there, or leaves a place for its successor
 */
export function bookOwed(world: World, cluster: Cluster, hasPlace: (replica: Replica) => boolean): void {
  for (const service of world.services.values()) {
    for (let i = 0; i < owedTo(world, service, hasPlace); i += 1) {
      const placement = cluster.find({ service: service.key, spec: service.spec });
      if (!placement) break;
      const replicaId = `next ${i} of ${service.key}`;
      cluster.hold({ replicaId, service: service.key }, service.spec, placement);
    }
  }
}

function owedTo(world: World, service: Service, hasPlace: (replica: Replica) => boolean): number {
  const { key, removal, rollout, replicas: wanted } = service;
  if (removal || rollout.kind === 'paused' || surgeOf(service) > 0 || world.isLeftAlone(key)) return 0;
  const there = world.ofService(key).filter(r => !world.nodes.isGivenUp(r) && hasPlace(r));
  return Math.max(0, wanted - there.length);
}

function isNext(world: World, replica: Replica): boolean {
  return unmetDependencies(world, world.specOf(replica)).length === 0 && beyondSurge(world, replica).length === 0;
}
