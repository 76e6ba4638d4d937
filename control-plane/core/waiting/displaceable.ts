import type { ProbeReport } from '../observed.ts';
import type { Leaver } from '../placement/make-room.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';
import { unmetDependencies } from './unmet.ts';

/** Replicas that serve, of services that may have none. */
export function displaceable(world: World): Candidate[] {
  return [...world.services.values()].flatMap(({ key, spec: wanted, removal, rollout }) => {
    if (wanted.replicas.min > 0 || removal || rollout.kind === 'paused' || world.isLeftAlone(key)) return [];
    return world.ofService(key).flatMap(({ id, generation, phase }) => {
      if (phase.kind !== 'ready' || !world.observed.nodes.get(phase.placement.node)?.answering) return [];
      const load = world.observed.probes.get(phase.container.id)?.load;
      const idleSince = load?.inFlight === 0 ? (load.idleSince ?? null) : null;
      const idleAt =
        idleSince === null ? Number.POSITIVE_INFINITY : idleSince + (wanted.idleTimeoutMs ?? IDLE_TIMEOUT_MS);
      const spec = world.specOf({ service: key, generation });
      const isTold = tellsIdleness(load);
      return [{ replicaId: id, spec, placement: phase.placement, cost: wanted.priority, idleAt, isTold }];
    });
  });
}

/** What its going costs is its service's priority. */
export interface Candidate extends Leaver {
  /** From when on it counts as idle; infinite while it works, or does not say. */
  readonly idleAt: number;
  /** It says whether it works. */
  readonly isTold: boolean;
}

/** Nobody has had it leave in this pass. */
export function isStillReady(world: World, { replicaId }: Candidate): boolean {
  return world.replicas.get(replicaId)?.phase.kind === 'ready';
}

/** When to look again who is idle; null: nobody can become so. */
export function nextLookAt({ now }: World, candidates: readonly Candidate[]): number | null {
  if (candidates.length === 0) return null;
  const later = candidates.filter(c => c.idleAt > now && Number.isFinite(c.idleAt)).map(c => c.idleAt);
  // Load is read and not announced: look again while somebody waits for it to end.
  return Math.min(...later, now + IDLE_LOOK_MS);
}

/** Whether what a replica says of its load tells when it is idle, or that it is not. */
export function tellsIdleness(load: ProbeReport['load']): boolean {
  return load !== undefined && (load.inFlight > 0 || load.idleSince !== undefined);
}

/**
 * Who goes, of those that may. What it depends on has to serve before it may have any place: if that went for it, it could
 * not have the room, and would get it back, only to go again.
 */
export function roomWithoutNeeded(
  world: World,
  idle: readonly Candidate[],
  roomBy: (leavers: readonly Candidate[]) => readonly string[] | null,
  spec: ServiceSpec,
): readonly string[] | null {
  const going = roomBy(idle);
  if (going === null || spec.dependsOn.length === 0) return going;
  const { services } = world;
  const staying = (key: ServiceKey) => world.ofService(key).filter(r => !going.includes(r.id));
  if (unmetDependencies({ services, ofService: staying }, spec).length === 0) return going;
  return roomBy(idle.filter(c => !isNeeded(world, spec, c)));
}

export function isNeeded(world: World, spec: ServiceSpec, { replicaId }: Candidate): boolean {
  const of = world.replicas.get(replicaId)?.service;
  return spec.dependsOn.some(d => `${spec.namespace}/${d.service}` === of);
}

const IDLE_LOOK_MS = 2_000;
/** Without requests for so long a replica is idle, where its service says nothing else (`idle_timeout`). */
const IDLE_TIMEOUT_MS = 30_000;
