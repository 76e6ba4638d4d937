import type { ServiceSpec } from '../spec.ts';
import type { Group } from './blocks.ts';
import type { Bounds } from './bounds.ts';
import type { Fit, NodeLedger } from './cluster-node.ts';
import { costOf } from './cost.ts';
import type { NodeRows } from './node-rows.ts';
import type { ServiceLoad } from './service-load.ts';
import type { Candidates } from './shapes.ts';
import type { Places } from './shortlist.ts';

/**
 * The best way to place a replica of the spec, whose service has this load: it goes where its spread preferences have the
 * fewest of its siblings, there at the least cost, of equal cost on the node whose name comes first; null: nowhere.
 */
export function search(
  nodes: Nodes,
  { need, leastPacking, list, image }: Candidates,
  spec: ServiceSpec,
  load: ServiceLoad | undefined,
): Fit | null {
  const seek: Seek = { ...nodes, list, need, leastPacking, image, spec, load };
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

/** Of the whole cluster. */
interface Nodes {
  /** By index. */
  readonly ledgers: readonly NodeLedger[];
  readonly rows: NodeRows;
}

interface Seek extends Nodes, Candidates {
  readonly spec: ServiceSpec;
  readonly load: ServiceLoad | undefined;
}

function bestOf(groups: readonly Group[], seek: Seek): Fit | null {
  const { list, need, leastPacking, image, spec, load } = seek;
  const floors = load?.floorsOf(list, spec) ?? null;
  const siblings = floors?.siblings ?? null;
  const leastSiblings = floors?.least ?? 0;
  let best: Fit | null = null;
  if (image.kind === 'some') {
    const { places } = image;
    const field: Field = {
      imageAbsent: false,
      places,
      starts: places.starts,
      bounds: list.boundsFor(need, places),
      siblings,
      costs: floors?.ofPlaces ?? null,
      leastCost: costOf(leastSiblings, false, leastPacking),
    };
    best = searchGroups(groups, field, seek, best);
    if (image.isMust) return best;
  }
  const imageAbsent = image.kind !== 'everywhere';
  const leastCost = costOf(leastSiblings, imageAbsent, leastPacking);
  if (best && best.cost < leastCost) return best;
  const field: Field = {
    imageAbsent,
    places: null,
    starts: list.blocks.starts,
    bounds: list.boundsFor(need, null),
    siblings,
    costs: floors?.ofAll ?? null,
    leastCost,
  };
  return searchGroups(groups, field, seek, best);
}

function searchGroups(groups: readonly Group[], field: Field, seek: Seek, before: Fit | null): Fit | null {
  let best = before;
  for (const group of groups) best = searchField(group, field, seek, best);
  return best;
}

/** What is searched of the blocks of a list: all members, or only some. */
interface Field {
  /** None of the nodes has the image, but for those of the field that was searched before. */
  readonly imageAbsent: boolean;
  /** Null: all members. */
  readonly places: Places | null;
  /** Those of block b from `starts[b]` to `starts[b + 1]` - 1, by position: of the members, or among the places. */
  readonly starts: Int32Array;
  readonly bounds: Bounds;
  /** Of each block, the fewest replicas of the service that a node has; null: none. */
  readonly siblings: Uint16Array | null;
  /** What was the least cost in the block when it was looked at for this service; null: as `siblings`. */
  readonly costs: Bounds | null;
  /** No place can cost less. */
  readonly leastCost: number;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [i, count] of a.entries()) if (count !== b[i]) return count - b[i]!;
  return 0;
}

/**
 * The best of the field's nodes in the group and `before`. Blocks come in the order of their first names: once there is a place
 * that costs the least that any could, those behind it have nothing better. A large cluster mostly has one, near the front.
 */
function searchField(group: Group, field: Field, seek: Seek, before: Fit | null): Fit | null {
  const { list, need } = seek;
  const { places, leastCost } = field;
  let best = before;
  const { to } = group;
  // Of a few blocks the bounds are compared as quickly.
  if (to - group.from <= MOST_TRIES) return searchByBounds(group, field, seek, before);
  for (let from = group.from; from < to; ) {
    const block = list.nextLikely({ from, to }, need, places);
    if (block === to) break;
    if (!isWorth(list.blocks.firsts[block]!, leastCost, best)) return best;
    if (!isKnownToCostMore(block, field, seek)) best = searchLikely(block, field, seek, best);
    from = block + 1;
  }
  return best?.cost === leastCost ? best : searchByBounds(group, field, seek, best);
}

/** Whether it is known already that no place in the block costs as little as any could. */
function isKnownToCostMore(block: number, field: Field, { list, leastPacking }: Seek): boolean {
  const { imageAbsent, bounds, siblings, costs, leastCost } = field;
  const version = list.versions[block]!;
  if (costs && costs.versions[block] === version) return costs.packings[block]! > leastCost;
  const packing = bounds.versions[block] === version ? bounds.packings[block]! : leastPacking;
  return costOf(siblings ? siblings[block]! : 0, imageAbsent, packing) > leastCost;
}

/** The first of the likely members that costs as little as any could; where none does, the best of the whole block. */
function searchLikely(block: number, field: Field, seek: Seek, best: Fit | null): Fit | null {
  const { list, rows, need, load } = seek;
  const { members, starts } = list.blocks;
  for (let member = list.likely.next(); member >= 0; member = list.likely.next()) {
    const node = members[starts[block]! + member]!;
    if (!isWorth(node, field.leastCost, best)) return best;
    const packing = rows.packingAtLeast(node, need, list.meant);
    if (costOf(load?.on(node) ?? 0, field.imageAbsent, packing) > field.leastCost) continue;
    const fit = fitOn(node, field, seek);
    if (fit?.cost === field.leastCost) return fit;
  }
  return searchBlock(block, field, seek, best);
}

/**
 * The same by the bounds of all blocks, where no place costs as little as any could. The blocks that promise most are looked
 * into first; once a few did not keep what they promised, the others follow in their order.
 */
function searchByBounds(group: Group, field: Field, seek: Seek, before: Fit | null): Fit | null {
  const costs = seek.list.scratch;
  fillCosts(costs, group, field, seek);
  let best = before;
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const block = indexOfLeast(costs, group);
    if (block < 0 || costs[block]! > (best?.cost ?? Number.MAX_VALUE)) return best;
    const promised = costs[block]!;
    if (isWorthLooking(block, field, seek, best)) best = searchBlock(block, field, seek, best);
    costs[block] = Number.POSITIVE_INFINITY;
    if (best && best.cost <= promised) break;
  }
  let limit = best?.cost ?? Number.MAX_VALUE;
  for (let block = group.from; block < group.to; block += 1) {
    if (costs[block]! > limit || !isWorthLooking(block, field, seek, best)) continue;
    best = searchBlock(block, field, seek, best);
    limit = best?.cost ?? Number.MAX_VALUE;
  }
  return best;
}

/** To find the most promising block takes a look at the bounds of all. */
const MOST_TRIES = 4;

/** Whether any node of the block could be better than the best so far. */
function isWorthLooking(block: number, { starts, places }: Field, { list }: Seek, best: Fit | null): boolean {
  const at = starts[block]!;
  return isWorth(list.blocks.members[places ? places.positions[at]! : at]!, list.scratch[block]!, best);
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

/** What a place in each block costs at least, infinite where the field has nobody. */
function fillCosts(into: Float64Array, { from, to }: Group, field: Field, { list, need }: Seek): void {
  const { places, imageAbsent, bounds, siblings, costs } = field;
  const { versions } = list;
  for (let block = from; block < to; block += 1) {
    if (costs !== null && costs.versions[block] === versions[block]) into[block] = costs.packings[block]!;
    else {
      const packing = list.boundOf(block, need, bounds, places);
      into[block] = costOf(siblings === null ? 0 : siblings[block]!, imageAbsent, packing);
    }
  }
}

/** Looks at the figures of each member first: mostly the one of which they say the best keeps that promise. */
function searchBlock(block: number, field: Field, seek: Seek, best: Fit | null): Fit | null {
  const { list, rows, need, load } = seek;
  const { members } = list.blocks;
  const { imageAbsent, places, starts, bounds, costs } = field;
  const positions = places?.positions ?? null;
  let leastCost = Number.POSITIVE_INFINITY;
  let leastPacking = Number.POSITIVE_INFINITY;
  let promising = -1;
  for (let at = starts[block]!; at < starts[block + 1]!; at += 1) {
    const node = members[positions ? positions[at]! : at]!;
    const packing = rows.packingAtLeast(node, need, list.meant);
    if (packing === Number.POSITIVE_INFINITY) continue;
    if (packing < leastPacking) leastPacking = packing;
    const cost = costOf(load?.on(node) ?? 0, imageAbsent, packing);
    if (cost >= leastCost) continue;
    leastCost = cost;
    promising = node;
  }
  // The few that have an image are no reason to bring the figures of all down.
  if (places === null && leastPacking > list.boundOf(block, need, bounds, null)) list.tighten(block);
  // Now the least is known, not only a bound of it, until a figure of the block changes.
  const version = list.versions[block]!;
  bounds.packings[block] = leastPacking;
  bounds.versions[block] = version;
  if (costs) {
    costs.packings[block] = leastCost;
    costs.versions[block] = version;
  }
  if (!isWorth(promising, leastCost, best)) return best;
  const fit = fitOn(promising, field, seek);
  return fit?.cost === leastCost ? fit : searchEach(block, field, seek, best);
}

/** Asks every node of the block that could be better: figures do not tell of ports, slices, or devices by name. */
function searchEach(block: number, field: Field, seek: Seek, before: Fit | null): Fit | null {
  const { list, rows, need, load } = seek;
  const { imageAbsent, places, starts } = field;
  const positions = places?.positions ?? null;
  let best = before;
  for (let at = starts[block]!; at < starts[block + 1]!; at += 1) {
    const node = list.blocks.members[positions ? positions[at]! : at]!;
    const packing = rows.packingAtLeast(node, need, list.meant);
    if (!isWorth(node, costOf(load?.on(node) ?? 0, imageAbsent, packing), best)) continue;
    const fit = fitOn(node, field, seek);
    if (fit && isWorth(node, fit.cost, best)) best = fit;
  }
  return best;
}

/**
 * A node that has the image is taken for one that has not where all are searched; that does no harm, as it was searched
 * before as one of the few that have.
 */
function fitOn(node: number, { imageAbsent }: Field, { list, ledgers, spec, load }: Seek): Fit | null {
  const known = { meant: list.meant, imageAbsent };
  return ledgers[node]!.fit(spec, load?.on(node) ?? 0, known);
}

/** Whether the node, or one with a later name, at this cost or more could be better. */
function isWorth(node: number, cost: number, best: Fit | null): boolean {
  if (cost === Number.POSITIVE_INFINITY) return false;
  return best === null || cost < best.cost || (cost === best.cost && node < best.ledger.index);
}
