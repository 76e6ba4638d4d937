import { costOf } from './cluster-cost.ts';
import type { Need } from './cluster-figures.ts';
import type { Floors, ServiceLoad } from './cluster-load.ts';
import type { Fit } from './cluster-node.ts';
import type { Candidates } from './cluster-shapes.ts';
import type { Bounds, Group, Shortlist } from './cluster-shortlist.ts';
import type { ServiceSpec } from './spec.ts';

/**
 * The best way to place a replica of the spec, whose service has this load: it goes where its spread preferences have the
 * fewest of its siblings, there at the least cost, of equal cost on the node whose name comes first; null: nowhere.
 */
export function search({ need, lists }: Candidates, spec: ServiceSpec, load: ServiceLoad | undefined): Fit | null {
  const stretches = lists.flatMap(({ list, imageAbsent }) =>
    list.groups.map(group => ({ list, group, seek: { spec, need, load, imageAbsent } })),
  );
  const { spread } = spec.placement;
  if (spread.length === 0 || !load) return bestOf(stretches);
  const loaded = stretches.map(s => ({ ...s, counts: load.spreadOf(spread, s.group.path) }));
  const alike = [...Map.groupBy(loaded, s => s.counts.join()).values()];
  for (const some of alike.sort((a, b) => compare(a[0]!.counts, b[0]!.counts))) {
    const found = bestOf(some);
    if (found) return found;
  }
  return null;
}

interface Stretch {
  readonly list: Shortlist;
  readonly group: Group;
  readonly seek: Seek;
}

interface Seek {
  readonly spec: ServiceSpec;
  readonly need: Need;
  readonly load: ServiceLoad | undefined;
  readonly imageAbsent: boolean;
}

function bestOf(stretches: readonly Stretch[]): Fit | null {
  let best: Fit | null = null;
  for (const { list, group, seek } of stretches) best = searchGroup(list, group, seek, best);
  return best;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, count] of a.entries()) if (count !== b[i]) return count - b[i]!;
  return 0;
}

/** The best of the group's nodes and `before`. The block that promises most is looked into first. */
function searchGroup(list: Shortlist, group: Group, seek: Seek, before: Fit | null): Fit | null {
  const known: Known = {
    bounds: list.boundsFor(seek.need),
    floors: seek.load?.floorsOf(list, seek.spec) ?? null,
  };
  let first = promising(list, group, seek, known);
  while (first >= 0 && list.tighten(first, seek.need, known.bounds)) first = promising(list, group, seek, known);
  if (first < 0) return before;
  let best = before;
  const isPassedOver = (block: number) => !isWorth(list, list.start(block), costIn(list, block, seek, known), best);
  if (!isPassedOver(first)) best = searchBlock(list, first, { seek, known, before });
  for (let block = group.from; block < group.to; block += 1) {
    if (block === first || isPassedOver(block)) continue;
    if (list.tighten(block, seek.need, known.bounds) && isPassedOver(block)) continue;
    best = searchBlock(list, block, { seek, known, before: best });
  }
  return best;
}

/** What is known of the blocks of a list. */
interface Known {
  readonly bounds: Bounds;
  readonly floors: Floors | null;
}

/** The first of the blocks with the smallest bound; -1: all are full. */
function promising(list: Shortlist, { from, to }: Group, seek: Seek, known: Known): number {
  let first = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let block = from; block < to; block += 1) {
    const cost = costIn(list, block, seek, known);
    if (cost >= least) continue;
    least = cost;
    first = block;
  }
  return first;
}

/** What a place in the block costs at least. */
function costIn(list: Shortlist, block: number, { imageAbsent }: Seek, { bounds, floors }: Known): number {
  if (floors && floors.versions[block] === list.versionOf(block)) return floors.costs[block]!;
  const packing = bounds.packings[block]!;
  if (packing === Number.POSITIVE_INFINITY) return packing;
  return costOf(floors ? floors.siblings[block]! : 0, imageAbsent, packing);
}

function searchBlock(
  list: Shortlist,
  block: number,
  { seek, known, before }: { readonly seek: Seek; readonly known: Known; readonly before: Fit | null },
): Fit | null {
  const { spec, need, load, imageAbsent } = seek;
  let best = before;
  let leastCost = Number.POSITIVE_INFINITY;
  let leastPacking = Number.POSITIVE_INFINITY;
  for (let position = list.start(block); position < list.start(block + 1); position += 1) {
    const packing = list.memberBound(position, need);
    if (packing === Number.POSITIVE_INFINITY) continue;
    const ledger = list.members[position]!;
    const siblings = load?.counts.get(ledger) ?? 0;
    const cost = costOf(siblings, imageAbsent, packing);
    if (cost < leastCost) leastCost = cost;
    if (packing < leastPacking) leastPacking = packing;
    if (!isWorth(list, position, cost, best)) continue;
    const fit = ledger.fit(spec, siblings);
    if (fit && isBetter(fit, best)) best = fit;
  }
  // Now the least is known, not only a bound of it, until a figure of the block changes.
  known.bounds.packings[block] = leastPacking;
  if (known.floors) {
    known.floors.costs[block] = leastCost;
    known.floors.versions[block] = list.versionOf(block);
  }
  return best;
}

function isBetter(fit: Fit, best: Fit | null): boolean {
  return best === null || fit.cost < best.cost || (fit.cost === best.cost && fit.ledger.index < best.ledger.index);
}

/** Whether a member from this position on with this cost or more could be better. */
function isWorth(list: Shortlist, position: number, bound: number, best: Fit | null): boolean {
  if (bound === Number.POSITIVE_INFINITY) return false;
  return (
    best === null || bound < best.cost || (bound === best.cost && list.members[position]!.index < best.ledger.index)
  );
}
