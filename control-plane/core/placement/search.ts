import type { ServiceSpec } from '../spec.ts';
import type { Group } from './blocks.ts';
import type { Fit } from './cluster-node.ts';
import { costOf } from './cost.ts';
import { fitOn, isWorth, searchBlock } from './search-block.ts';
import { MOST_TRIES, searchByBounds } from './search-by-bounds.ts';
import type { Field, Nodes, Seek } from './seek.ts';
import type { ServiceLoad } from './service-load.ts';
import type { Candidates } from './shapes.ts';

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
