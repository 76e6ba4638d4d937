import type { Placement } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import type { Cluster, PlacementRequest } from './cluster.ts';
import type { NodeLedger } from './cluster-node.ts';
import type { Budget } from './exact-search.ts';

/** A replica that may be asked to leave. */
export interface Leaver {
  readonly replicaId: string;
  readonly spec: ServiceSpec;
  readonly placement: Placement;
  /** Where equally few would leave, those with less of it do. It is compared with that of other leavers alone. */
  readonly cost: number;
}

/** Sets of replicas that one pass looks at before it gives up on the very fewest: some milliseconds of work. */
export const ROOM_TRIES = 2_000;

/**
 * The fewest leavers whose going makes room for the request, all of one node; of equally few those whose dearest costs
 * least. Once the budget is used up some that suffice are taken, of which none could stay. Empty where there is room
 * already, null where not even all of them do. The cluster is left as it was.
 */
export function makeRoom(
  cluster: Cluster,
  request: PlacementRequest,
  leavers: readonly Leaver[],
  budget: Budget = { left: ROOM_TRIES },
): readonly string[] | null {
  if (cluster.find(request)) return [];
  const rooms = roomsFor(cluster, request, leavers);
  const most = Math.max(0, ...rooms.map(r => r.leavers.length));
  for (let count = 1; count <= most && budget.left > 0; count += 1) {
    let best: readonly Leaver[] | null = null;
    for (const room of rooms) best = room.fewest(count, budget, best) ?? best;
    if (best) return idsOf(best);
  }
  let best: readonly Leaver[] | null = null;
  for (const room of rooms.slice(0, LAST_ROOMS)) {
    const leaving = room.withoutSpare();
    if (best === null || isLess(leaving, best)) best = leaving;
  }
  return best && idsOf(best);
}

/** Nodes that are looked at once the budget is used up. */
const LAST_ROOMS = 8;

/** The nodes that would do if all leavers there were gone. */
function roomsFor(cluster: Cluster, request: PlacementRequest, leavers: readonly Leaver[]): Room[] {
  const byNode = Map.groupBy(leavers, r => r.placement.node);
  if (byNode.size === 0) return [];
  const eligible = new Set(cluster.eligibleFor(request.spec));
  const rooms: Room[] = [];
  for (const [node, some] of byNode) {
    const ledger = cluster.ledgerOf(node);
    if (!ledger || !eligible.has(ledger)) continue;
    const room = new Room(ledger, request, { siblings: cluster.siblingsOn(ledger, request.service), leavers: some });
    if (room.suffices(room.leavers)) rooms.push(room);
  }
  return rooms;
}

/** One node: only there does anything change, so nobody else is asked. */
class Room {
  /** Those whose going costs least come first, so that they are tried first. */
  readonly leavers: readonly Leaver[];
  readonly #ledger: NodeLedger;
  readonly #request: PlacementRequest;
  readonly #siblings: number;

  constructor(
    ledger: NodeLedger,
    request: PlacementRequest,
    { siblings, leavers }: { readonly siblings: number; readonly leavers: readonly Leaver[] },
  ) {
    this.#ledger = ledger;
    this.#request = request;
    this.#siblings = siblings;
    this.leavers = leavers.toSorted((a, b) => a.cost - b.cost || (a.replicaId < b.replicaId ? -1 : 1));
  }

  suffices(gone: readonly Leaver[]): boolean {
    const { spec, service } = this.#request;
    const held = gone.flatMap(r => this.#ledger.held.get(r.replicaId) ?? []);
    for (const holder of held) this.#ledger.release(holder);
    const siblings = this.#siblings - held.filter(h => h.service === service).length;
    const isEnough = this.#ledger.fit(spec, siblings) !== null;
    for (const holder of held) this.#ledger.hold(holder);
    return isEnough;
  }

  /** So many that suffice and cost less than the best so far; null: there are none, or nobody may look further. */
  fewest(count: number, budget: Budget, best: readonly Leaver[] | null): readonly Leaver[] | null {
    const limit = best ? dearestOf(best) : Number.POSITIVE_INFINITY;
    for (const some of subsetsOf(
      this.leavers.filter(r => r.cost < limit),
      count,
    )) {
      budget.left -= 1;
      if (budget.left < 0) return null;
      if (this.suffices(some)) return some;
    }
    return null;
  }

  /** All but those without whose going it is enough too, the dearest spared first. */
  withoutSpare(): readonly Leaver[] {
    let gone = this.leavers;
    for (const replica of this.leavers.toReversed()) {
      const fewer = gone.filter(r => r !== replica);
      if (this.suffices(fewer)) gone = fewer;
    }
    return gone;
  }
}

function idsOf(some: readonly Leaver[]): readonly string[] {
  return some.map(r => r.replicaId).sort();
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

function isLess(a: readonly Leaver[], b: readonly Leaver[]): boolean {
  return a.length === b.length ? dearestOf(a) < dearestOf(b) : a.length < b.length;
}

function dearestOf(some: readonly Leaver[]): number {
  return Math.max(...some.map(r => r.cost));
}
