import { isAvailable, type Replica } from '../replica.ts';
import { surgeOf } from '../rollout/rollout.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';

/** How what a replica waits for before it is placed begins. */
export const WAITS_FOR = 'waits for';

/** The services that are not up as far as the spec wants them to be before its replicas start, in words. */
export function unmetDependencies(world: World, spec: ServiceSpec): string[] {
  return spec.dependsOn.flatMap(({ service, condition }) => {
    const key: ServiceKey = `${spec.namespace}/${service}`;
    const needed = world.services.get(key);
    // A dependency outside Outrigger's care (an application of the same Compose project) is Compose's to order.
    if (!needed || needed.removal) return [];
    const replicas = world.ofService(key);
    const met =
      condition === 'ready'
        ? replicas.some(isAvailable)
        : replicas.some(r => r.phase.kind === 'starting' || r.phase.kind === 'warming' || r.phase.kind === 'ready');
    return met || needed.replicas === 0 ? [] : [`${WAITS_FOR} service ${service} to be ${condition}`];
  });
}

/** Replicas that were given up count again once they are heard of: what was made in their place waits for what leaves. */
export function beyondSurge(world: World, replica: Replica): string[] {
  const service = world.services.get(replica.service);
  if (!service || service.removal) return [];
  const others = world
    .ofService(service.key)
    .filter(r => r.phase.kind !== 'pending' && !world.nodes.isGivenUp(r)).length;
  return others < service.replicas + surgeOf(service) ? [] : [`${WAITS_FOR} others of ${replica.service} to leave`];
}
