import type { Placement } from '../replica.ts';
import { type ServiceSpec, serviceKey } from '../spec.ts';
import type { Cluster, PlacementRequest } from './cluster.ts';

/** A replica that does nothing at present. */
export interface IdleReplica {
  readonly replicaId: string;
  readonly priority: number;
  readonly spec: ServiceSpec;
  readonly placement: Placement;
}

/**
 * The fewest idle replicas of lower priority whose going makes room for the request, all of one node; of equally few the
 * least important. Empty where there is room already, null where not even all of them do. The cluster is left as it was.
 */
export function makeRoom(
  cluster: Cluster,
  request: PlacementRequest,
  idle: readonly IdleReplica[],
): readonly string[] | null {
  if (cluster.find(request)) return [];
  const lower = idle.filter(r => r.priority < request.spec.priority);
  let best: readonly IdleReplica[] | null = null;
  for (const some of Map.groupBy(lower, r => r.placement.node).values()) {
    // Those whose going costs least come first, so that they are tried first.
    const sorted = some.toSorted((a, b) => a.priority - b.priority || (a.replicaId < b.replicaId ? -1 : 1));
    const leaving = fewestOf(cluster, request, sorted);
    if (leaving && (best === null || isLess(leaving, best))) best = leaving;
  }
  return best === null ? null : (best as readonly IdleReplica[]).map(r => r.replicaId).sort();
}

function fewestOf(
  cluster: Cluster,
  request: PlacementRequest,
  idle: readonly IdleReplica[],
): readonly IdleReplica[] | null {
  const suffices = (gone: readonly IdleReplica[]) => {
    for (const { replicaId } of gone) cluster.release(replicaId);
    const isEnough = cluster.find(request) !== null;
    for (const replica of gone) holdAgain(cluster, replica);
    return isEnough;
  };
  if (!suffices(idle)) return null;
  let tries = TRIES;
  for (let count = 1; count < idle.length; count += 1) {
    for (const some of subsetsOf(idle, count)) {
      tries -= 1;
      if (tries < 0) return withoutSpare(idle, suffices);
      if (suffices(some)) return some;
    }
  }
  return idle;
}

/** Sets of one node that are tried before the search gives up on the very fewest. */
const TRIES = 500;

/** All but those without whose going it is enough too, the most important spared first. */
function withoutSpare(
  idle: readonly IdleReplica[],
  suffices: (gone: readonly IdleReplica[]) => boolean,
): readonly IdleReplica[] {
  let gone = idle;
  for (const replica of idle.toReversed()) {
    const fewer = gone.filter(r => r !== replica);
    if (suffices(fewer)) gone = fewer;
  }
  return gone;
}

function holdAgain(cluster: Cluster, { replicaId, spec, placement }: IdleReplica): void {
  cluster.hold({ replicaId, service: serviceKey(spec) }, spec, placement);
}

/** Every subset of so many, in the order of the elements. */
function* subsetsOf<T>(all: readonly T[], count: number, from = 0): Generator<readonly T[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (let i = from; i <= all.length - count; i += 1) {
    for (const rest of subsetsOf(all, count - 1, i + 1)) yield [all[i]!, ...rest];
  }
}

function isLess(a: readonly IdleReplica[], b: readonly IdleReplica[]): boolean {
  if (a.length !== b.length) return a.length < b.length;
  const highest = (some: readonly IdleReplica[]) => Math.max(...some.map(r => r.priority));
  return highest(a) < highest(b);
}
