import type { HeldByLower } from '../pending-reason.ts';
import type { Cluster, PlacementRequest } from '../placement/cluster.ts';
import { type Leaver, makeRoom } from '../placement/make-room.ts';
import { heldPlacement, isLive } from '../replica.ts';
import { isCurrent } from '../service.ts';
import type { World } from '../world.ts';
import { futureIn, measuredFuture } from './cluster-in.ts';
import { type Candidate, displaceable, isNeeded, isStillReady, nextLookAt, roomWithoutNeeded } from './displaceable.ts';

/**
 * Whose going would make room, and why they do not go; nobody where nobody's would. Old ones of its own service would go with
 * them.
 * @param candidates of lower priority
 */
export function whyTheyStay(
  world: World,
  request: PlacementRequest,
  { future, candidates }: { readonly future: Cluster; readonly candidates: readonly Candidate[] },
): HeldByLower[] {
  if (candidates.length === 0) return [];
  const named = (ids: readonly string[], because: HeldByLower['because']): HeldByLower[] => {
    const services = new Set(ids.flatMap(id => world.replicas.get(id)?.service ?? []));
    services.delete(request.service);
    return services.size === 0 ? [] : [{ kind: 'held_by_lower', services: [...services].sort(), because }];
  };
  const budget = { left: TELLING_TRIES };
  const own = oldOnes(world, request);
  const roomBy = (lower: readonly Candidate[]) => makeRoom(future, request, [...own, ...lower], budget);
  const without = roomWithoutNeeded(world, candidates, roomBy, request.spec);
  const going = without ?? roomBy(candidates);
  if (going !== null) {
    const enough = candidates.filter(c => going.includes(c.replicaId));
    // Those that nobody could go without stay, idle or not.
    const needed = without === null ? enough.filter(c => isNeeded(world, request.spec, c)) : [];
    const staying = enough.filter(c => c.idleAt > world.now && !needed.includes(c));
    const [unknown, busy] = [staying.filter(c => !c.isTold), staying.filter(c => c.isTold)];
    const idsOf = (some: readonly Candidate[]) => some.map(c => c.replicaId);
    return [...named(idsOf(needed), 'needed'), ...named(idsOf(unknown), 'load_unknown'), ...named(idsOf(busy), 'busy')];
  }
  return named(makeRoom(futureIn(world), request, [...own, ...candidates], budget) ?? [], 'measured_use');
}

/** The same for one that is told of only: others leave for what it stands for once there is room. */
export function heldBeside(world: World): (request: PlacementRequest) => HeldBeside {
  let known: { readonly future: Cluster; readonly candidates: readonly Candidate[] } | null = null;
  return request => {
    known ??= { future: measuredFuture(world), candidates: displaceable(world) };
    const candidates = known.candidates.filter(c => c.cost < request.spec.priority && isStillReady(world, c));
    const held = whyTheyStay(world, request, { future: known.future, candidates });
    return { held, lookAgainAt: nextLookAt(world, candidates) };
  };
}

interface HeldBeside {
  readonly held: readonly HeldByLower[];
  readonly lookAgainAt: number | null;
}

/** They leave for it, once that makes its room. */
function oldOnes(world: World, { service: key, spec }: PlacementRequest): Leaver[] {
  const service = world.services.get(key);
  if (!service || service.rollout.kind === 'paused') return [];
  return world.ofService(key).flatMap((replica): Leaver[] => {
    const placement = isLive(replica) && !isCurrent(service, replica) ? heldPlacement(replica) : null;
    return placement ? [{ replicaId: replica.id, spec: world.specOf(replica), placement, cost: spec.priority }] : [];
  });
}

/** For words alone. */
const TELLING_TRIES = 200;
