import { costOf } from './cluster-cost.ts';
import type { Floors, ServiceLoad } from './cluster-load.ts';
import type { Fit } from './cluster-node.ts';
import type { Candidates } from './cluster-shapes.ts';
import type { Bounds, Group, Places, Shortlist } from './cluster-shortlist.ts';
import type { ServiceSpec } from './spec.ts';

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
  const known: Known = { bounds: list.boundsFor(need), floors: load?.floorsOf(list, spec) ?? null };
  let best: Fit | null = null;
  for (const group of groups) {
    if (image.kind === 'some') best = searchPlaces(image.places, group, seek, known, best);
    if (image.kind !== 'some' || !image.isMust) best = searchGroup(group, seek, known, best);
  }
  return best;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, count] of a.entries()) if (count !== b[i]) return count - b[i]!;
  return 0;
}

/** The best of those of the group's nodes that have the image, and `before`. */
function searchPlaces(
  { positions, starts }: Places,
  group: Group,
  seek: Seek,
  known: Known,
  before: Fit | null,
): Fit | null {
  const { list, need } = seek;
  let best = before;
  const cost = (block: number) => costOf(known.floors?.siblings[block] ?? 0, false, known.bounds.packings[block]!);
  for (let block = group.from; block < group.to; block += 1) {
    const [from, to] = [starts[block]!, starts[block + 1]!];
    if (from === to || !isWorth(list, positions[from]!, cost(block), best)) continue;
    if (list.tighten(block, need, known.bounds) && !isWorth(list, positions[from]!, cost(block), best)) continue;
    for (let at = from; at < to; at += 1) best = visit(positions[at]!, seek, best);
  }
  return best;
}

/** The best of the group's nodes and `before`. The block that promises most is looked into first. */
function searchGroup(group: Group, seek: Seek, known: Known, before: Fit | null): Fit | null {
  const { list, need } = seek;
  let first = promising(group, seek, known);
  while (first >= 0 && list.tighten(first, need, known.bounds)) first = promising(group, seek, known);
  if (first < 0) return before;
  let best = before;
  const isPassedOver = (block: number) => !isWorth(list, list.start(block), costIn(block, seek, known), best);
  if (!isPassedOver(first)) best = searchBlock(first, seek, known, best);
  for (let block = group.from; block < group.to; block += 1) {
    if (block === first || isPassedOver(block)) continue;
    if (list.tighten(block, need, known.bounds) && isPassedOver(block)) continue;
    best = searchBlock(block, seek, known, best);
  }
  return best;
}

/** What is known of the blocks of a list. */
interface Known {
  readonly bounds: Bounds;
  readonly floors: Floors | null;
}

/** The first of the blocks with the smallest bound; -1: all are full. */
function promising({ from, to }: Group, seek: Seek, known: Known): number {
  let first = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let block = from; block < to; block += 1) {
    const cost = costIn(block, seek, known);
    if (cost >= least) continue;
    least = cost;
    first = block;
  }
  return first;
}

/** What a place in the block costs at least; nodes that have the image apart, where only some have. */
function costIn(block: number, { list, image }: Seek, { bounds, floors }: Known): number {
  if (floors && floors.versions[block] === list.versionOf(block)) return floors.costs[block]!;
  return costOf(floors ? floors.siblings[block]! : 0, image.kind !== 'everywhere', bounds.packings[block]!);
}

function searchBlock(block: number, seek: Seek, known: Known, before: Fit | null): Fit | null {
  const { list, need, load, image } = seek;
  let best = before;
  let leastCost = Number.POSITIVE_INFINITY;
  let leastPacking = Number.POSITIVE_INFINITY;
  for (let position = list.start(block); position < list.start(block + 1); position += 1) {
    const packing = list.memberBound(position, need);
    if (packing === Number.POSITIVE_INFINITY) continue;
    if (packing < leastPacking) leastPacking = packing;
    const siblings = load?.counts.get(list.members[position]!) ?? 0;
    const cost = costOf(siblings, image.kind !== 'everywhere', packing);
    if (cost < leastCost) leastCost = cost;
    if (isWorth(list, position, cost, best)) best = better(position, siblings, seek, best);
  }
  // Now the least is known, not only a bound of it, until a figure of the block changes.
  known.bounds.packings[block] = leastPacking;
  if (known.floors) {
    known.floors.costs[block] = leastCost;
    known.floors.versions[block] = list.versionOf(block);
  }
  return best;
}

/** Looks at a node that has the image. */
function visit(position: number, seek: Seek, best: Fit | null): Fit | null {
  const { list, need, load } = seek;
  const siblings = load?.counts.get(list.members[position]!) ?? 0;
  const cost = costOf(siblings, false, list.memberBound(position, need));
  return isWorth(list, position, cost, best) ? better(position, siblings, seek, best) : best;
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
