import type { PendingReason, UnmetDependency } from '../pending-reason.ts';
import { isAvailable, type Replica } from '../replica.ts';
import { type Service, surgeOf } from '../service.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';

/** What is known of the services that others depend on. */
export interface Needed {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly ofService: (key: ServiceKey) => readonly Replica[];
}

/** The services that are not up as far as the spec wants them to be before its replicas start. */
export function unmetDependencies(known: Needed, spec: ServiceSpec): UnmetDependency[] {
  return spec.dependsOn.flatMap(({ service, condition }): UnmetDependency[] => {
    const needed = known.services.get(`${spec.namespace}/${service}`);
    // One outside Outrigger's care (an application of the same Compose project) is Compose's to order; one of which no
    // replica is wanted is waited for by nobody.
    if (!needed || needed.removal || needed.replicas === 0) return [];
    const isMet = known
      .ofService(needed.key)
      .some(r => (condition === 'ready' ? isAvailable(r) : STARTED.has(r.phase.kind)));
    return isMet ? [] : [{ kind: 'dependency', service, condition }];
  });
}

const STARTED: ReadonlySet<Replica['phase']['kind']> = new Set(['starting', 'warming', 'ready']);

/**
 * Why a replica of a service may have no place yet for the number of its siblings. Counted once for each service: it holds
 * as long as none of them begins or ends. Those that were given up count again once they are heard of: what was made in
 * their place waits for what leaves.
 */
export function beyondSurgeIn(world: World): (replica: Pick<Replica, 'service'>) => readonly PendingReason[] {
  const told = new Map<ServiceKey, readonly PendingReason[]>();
  return ({ service: key }) => {
    const known = told.get(key);
    if (known) return known;
    const reasons = beyondSurge(world, key);
    told.set(key, reasons);
    return reasons;
  };
}

function beyondSurge(world: World, key: ServiceKey): readonly PendingReason[] {
  const service = world.services.get(key);
  if (!service || service.removal) return [];
  // What a paused update has failed with takes nothing, and stays for people to look at.
  const isPaused = service.rollout.kind === 'paused';
  const others = world
    .ofService(key)
    .filter(({ phase }) => phase.kind !== 'pending' && phase.kind !== 'stopped')
    .filter(r => !world.nodes.isGivenUp(r) && !(isPaused && r.phase.kind === 'failed')).length;
  return others < service.replicas + surgeOf(service) ? [] : [{ kind: 'surge', service: key }];
}
