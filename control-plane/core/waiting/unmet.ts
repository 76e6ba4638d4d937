import type { PendingReason, UnmetDependency } from '../pending-reason.ts';
import { isAvailable, isPending, type Newcomer, type Replica } from '../replica.ts';
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
 * Why a replica that waits may have no place yet for the number of its siblings; of several, as many may as are within the
 * surge. Counted once for each service: it holds as long as none of them begins or ends. Those that were given up count
 * again once they are heard of: what was made in their place waits for what leaves.
 */
export function beyondSurgeIn(world: World): (replica: Pick<Replica, 'id' | 'service'>) => readonly PendingReason[] {
  const known = new Map<ServiceKey, ReadonlySet<string>>();
  return ({ id, service: key }) => {
    const beyond = known.get(key) ?? new Set(beyondSurge(world, key).map(r => r.id));
    known.set(key, beyond);
    return beyond.has(id) ? [{ kind: 'surge', service: key }] : [];
  };
}

/** Of those that wait, the ones to whom a place is due last. */
function beyondSurge(world: World, key: ServiceKey): readonly Replica[] {
  const service = world.services.get(key);
  if (!service || service.removal) return [];
  const all = world.ofService(key);
  // What a paused update has failed with takes nothing, and stays for people to look at.
  const isPaused = service.rollout.kind === 'paused';
  const others = all
    .filter(({ phase }) => phase.kind !== 'pending' && phase.kind !== 'stopped')
    .filter(r => !world.nodes.isGivenUp(r) && !(isPaused && r.phase.kind === 'failed')).length;
  const within = Math.max(0, service.replicas + surgeOf(service) - others);
  return all.filter(isPending).sort(heirsFirst).slice(within);
}

/** Then the oldest first. */
function heirsFirst(a: Replica, b: Replica): number {
  return Number(isHeir(b)) - Number(isHeir(a)) || byAge(a, b);
}

/** The oldest first. */
export function byAge(a: Newcomer, b: Newcomer): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}

/** A sibling left its place for it, and has ended. */
export function isHeir({ phase }: Replica): boolean {
  return phase.kind === 'pending' && phase.isHeir === true;
}
