import { transition } from '../lifecycle/transition.ts';
import { type Cluster, makeRoom, type PlacementRequest } from '../placement/cluster.ts';
import { ROOM_TRIES } from '../placement/make-room.ts';
import { isLive, type Placement, type Replica } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';

/**
 * Has idle replicas of lower priority leave where that makes room for one that fits nowhere, and keeps that room for it.
 * @param cluster what the room is kept in
 * @param fresh another one, with all that is held at this point
 */
export function displaceIdle(
  world: World,
  left: readonly PlacementRequest[],
  { cluster, fresh }: { readonly cluster: Cluster; readonly fresh: () => Cluster },
): { awaited: ReadonlySet<string>; lookAgainAt: number | null } {
  const awaited = new Set<string>();
  const candidates = left.length > 0 ? displaceable(world) : [];
  const least = Math.min(...candidates.map(c => c.priority), ...leavingPriorities(world));
  const higher = left.filter(r => r.spec.priority > least);
  if (higher.length === 0) return { awaited, lookAgainAt: null };
  // The cluster as it will be, once all that is on its way out is gone.
  const future = fresh();
  for (const replica of world.replicas.values()) if (isOnItsWayOut(replica)) future.release(replica.id);
  const idle = candidates.filter(c => c.idleAt <= world.now);
  const budget = { left: ROOM_TRIES };
  for (const request of higher) {
    const going = makeRoom(
      future,
      request,
      idle.filter(c => world.replicas.get(c.replicaId)?.phase.kind === 'ready'),
      budget,
    );
    for (const id of going ?? []) {
      const other = world.replicas.get(id);
      if (other) world.put(transition(other, { kind: 'drain', reason: 'preempted' }, world.now));
      future.release(id);
    }
    const placement = going === null ? null : future.find(request);
    if (!placement) continue;
    awaited.add(request.replicaId);
    for (const c of [future, cluster]) c.hold(request, request.spec, placement);
  }
  const later = candidates.filter(c => c.idleAt > world.now && Number.isFinite(c.idleAt)).map(c => c.idleAt);
  // Load is read and not announced: look again while somebody waits for it to end.
  const times = candidates.length > 0 ? [...later, world.now + IDLE_LOOK_MS] : [];
  return { awaited, lookAgainAt: times.length > 0 ? Math.min(...times) : null };
}

const IDLE_LOOK_MS = 2_000;
/** Without requests for so long a replica is idle, where its service says nothing else (`idle_timeout`). */
const IDLE_TIMEOUT_MS = 30_000;

interface Candidate {
  readonly replicaId: string;
  readonly priority: number;
  readonly spec: ServiceSpec;
  readonly placement: Placement;
  /** From when on it counts as idle; infinite while it works, or does not say. */
  readonly idleAt: number;
}

/** Replicas that serve, of services that may have none. */
function displaceable(world: World): Candidate[] {
  return [...world.services.values()].flatMap(({ key, spec: wanted, removal, rollout }) => {
    if (wanted.replicas.min > 0 || removal || rollout.kind === 'paused' || world.isLeftAlone(key)) return [];
    return world.ofService(key).flatMap(({ id, generation, phase }) => {
      if (phase.kind !== 'ready' || !world.observed.nodes.get(phase.placement.node)?.answering) return [];
      const load = world.observed.probes.get(phase.container.id)?.load;
      const idleSince = load?.inFlight === 0 ? (load.idleSince ?? null) : null;
      const idleAt =
        idleSince === null ? Number.POSITIVE_INFINITY : idleSince + (wanted.idleTimeoutMs ?? IDLE_TIMEOUT_MS);
      const spec = world.specOf({ service: key, generation });
      return [{ replicaId: id, priority: wanted.priority, spec, placement: phase.placement, idleAt }];
    });
  });
}

function leavingPriorities(world: World): number[] {
  return world
    .lookedAfter()
    .filter(isOnItsWayOut)
    .map(r => world.specOf(r).priority);
}

/** What it holds is free before long. */
export function isOnItsWayOut(replica: Replica): boolean {
  const { kind } = replica.phase;
  return (kind === 'draining' || kind === 'stopping') && !isLive(replica);
}
