import type { ServiceSpec } from '../spec.ts';
import type { Fit } from './cluster-node.ts';
import { costOf } from './cost.ts';
import type { ServiceLoad } from './service-load.ts';
import type { Candidates } from './shapes.ts';
import { type Bounds, boundsOf, type Group, type Shortlist } from './shortlist.ts';

/**
 * The best way to place a replica of the spec, whose service has this load: it goes where its spread preferences have the
 * fewest of its siblings, there at the least cost, of equal cost on the node whose name comes first; null: nowhere.
 */
export function search(candidates: Candidates, spec: ServiceSpec, load: ServiceLoad | undefined): Fit | null {
  const { need, list, image } = candidates;
  const seek: Seek = { list, need, image, spec, load };
  const { spread } = spec.placement;
  if (list.groups.length === 1 || spread.length === 0 || !load) return bestOf(list.groups, seek);
  const loaded = list.groups.map(group => ({ group, counts: load.spreadOf(spread, group.path) }));
  const alike = [...Map.groupBy(loaded, ({ counts }) => counts.join()).values()];
  for (const some of alike.sort((a, b) => compare(a[0]!.counts, b[0]!.counts))) {
    const found = bestOf(
      some.map(s => s.group),
      seek,
    );
    if (found) return found;
  }
  return null;
}

interface Seek extends Candidates {
  readonly spec: ServiceSpec;
  readonly load: ServiceLoad | undefined;
}

function bestOf(groups: readonly Group[], seek: Seek): Fit | null {
  const { list, need, image, spec, load } = seek;
  const bounds = list.boundsFor(need);
  const floors = load?.floorsOf(list, spec) ?? null;
  const siblings = floors?.siblings ?? null;
  const fields: Field[] = [];
  if (image.kind === 'some') {
    const { positions, starts } = image.places;
    const own = boundsOf(image.places, need);
    fields.push({ imageAbsent: false, positions, starts, bounds, own, siblings, costs: floors?.ofPlaces ?? null });
  }
  if (image.kind !== 'some' || !image.isMust) {
    const imageAbsent = image.kind !== 'everywhere';
    const { starts } = list;
    fields.push({ imageAbsent, positions: null, starts, bounds, own: bounds, siblings, costs: floors?.ofAll ?? null });
  }
  let best: Fit | null = null;
  for (const group of groups) for (const field of fields) best = searchField(group, field, seek, best);
  return best;
}

/** What is searched of the blocks of a list: all members, or only some. */
interface Field {
  /** None of the nodes has the image, but for those of the field that was searched before. */
  readonly imageAbsent: boolean;
  /** The members, by position; null: all. Those of block b from `starts[b]` to `starts[b + 1]` - 1. */
  readonly positions: Int32Array | null;
  readonly starts: Int32Array;
  /** Of all members. */
  readonly bounds: Bounds;
  /** Of those of this field, as far as they were looked at in the blocks' present versions. */
  readonly own: Bounds;
  /** Of each block, the fewest replicas of the service that a node has; null: none. */
  readonly siblings: Uint16Array | null;
  /** What was the least cost in the block when it was looked at for this service; null: not kept. */
  readonly costs: Bounds | null;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, count] of a.entries()) if (count !== b[i]) return count - b[i]!;
  return 0;
}

/** The best of the field's nodes in the group and `before`. The block that promises most is looked into first. */
function searchField(group: Group, field: Field, seek: Seek, before: Fit | null): Fit | null {
  const { list, need } = seek;
  const { starts, positions, bounds } = field;
  const costs = list.scratch;
  fillCosts(costs, group, field, list);
  let first = indexOfLeast(costs, group);
  // The few that have an image are sooner looked at than their blocks' figures brought down.
  const tighten = (block: number) => positions === null && list.tighten(block, need, bounds);
  while (first >= 0 && tighten(first)) {
    costs[first] = costIn(first, field, list);
    first = indexOfLeast(costs, group);
  }
  const isPassedOver = (block: number, best: Fit | null) => {
    const at = starts[block]!;
    return !isWorth(list, positions ? positions[at]! : at, costs[block]!, best);
  };
  let best = before;
  if (first < 0) return best;
  if (!isPassedOver(first, best)) best = searchBlock(first, field, seek, best);
  const limit = () => best?.cost ?? Number.MAX_VALUE;
  for (let block = group.from; block < group.to; block += 1) {
    if (costs[block]! > limit() || block === first || isPassedOver(block, best)) continue;
    if (tighten(block)) {
      costs[block] = costIn(block, field, list);
      if (isPassedOver(block, best)) continue;
    }
    best = searchBlock(block, field, seek, best);
  }
  return best;
}

/** What a place in each block costs at least; infinite where the field has nobody. */
function fillCosts(costs: Float64Array, { from, to }: Group, field: Field, list: Shortlist): void {
  const { positions, starts, imageAbsent, bounds, siblings } = field;
  if (positions === null && siblings === null) {
    // The commonest case, and the one with the most blocks.
    const { packings } = bounds;
    const base = costOf(0, imageAbsent, 0);
    for (let block = from; block < to; block += 1) costs[block] = base + packings[block]!;
    return;
  }
  for (let block = from; block < to; block += 1) {
    costs[block] = starts[block] === starts[block + 1] ? Number.POSITIVE_INFINITY : costIn(block, field, list);
  }
}

/** -1 where all are infinite. */
function indexOfLeast(costs: Float64Array, { from, to }: Group): number {
  let first = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let block = from; block < to; block += 1) {
    if (costs[block]! >= least) continue;
    least = costs[block]!;
    first = block;
  }
  return first;
}

/** What a place in the block costs at least. */
function costIn(block: number, { imageAbsent, bounds, own, siblings, costs }: Field, list: Shortlist): number {
  const version = list.versionOf(block);
  if (costs && costs.versions[block] === version) return costs.packings[block]!;
  const packing = own.versions[block] === version ? own.packings[block]! : bounds.packings[block]!;
  return costOf(siblings ? siblings[block]! : 0, imageAbsent, packing);
}

function searchBlock(block: number, field: Field, seek: Seek, before: Fit | null): Fit | null {
  const { list, need, load } = seek;
  const { imageAbsent, positions, starts, own, costs } = field;
  let best = before;
  let leastCost = Number.POSITIVE_INFINITY;
  let leastPacking = Number.POSITIVE_INFINITY;
  for (let at = starts[block]!; at < starts[block + 1]!; at += 1) {
    const position = positions ? positions[at]! : at;
    const packing = list.memberBound(position, need);
    if (packing === Number.POSITIVE_INFINITY) continue;
    if (packing < leastPacking) leastPacking = packing;
    const siblings = load?.counts.get(list.members[position]!) ?? 0;
    const cost = costOf(siblings, imageAbsent, packing);
    if (cost < leastCost) leastCost = cost;
    if (isWorth(list, position, cost, best)) best = better(position, siblings, seek, best);
  }
  // Now the least is known, not only a bound of it, until a figure of the block changes.
  const version = list.versionOf(block);
  own.packings[block] = leastPacking;
  own.versions[block] = version;
  if (costs) {
    costs.packings[block] = leastCost;
    costs.versions[block] = version;
  }
  return best;
}

function better(position: number, siblings: number, { list, spec }: Seek, best: Fit | null): Fit | null {
  const fit = list.members[position]!.fit(spec, siblings);
  if (!fit) return best;
  const isBetter =
    best === null || fit.cost < best.cost || (fit.cost === best.cost && fit.ledger.index < best.ledger.index);
  return isBetter ? fit : best;
}

/** Whether a member from this position on with this cost or more could be better. */
function isWorth(list: Shortlist, position: number, bound: number, best: Fit | null): boolean {
  if (bound === Number.POSITIVE_INFINITY) return false;
  return (
    best === null || bound < best.cost || (bound === best.cost && list.members[position]!.index < best.ledger.index)
  );
}
