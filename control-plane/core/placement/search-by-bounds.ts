import type { Group } from './blocks.ts';
import type { Fit } from './cluster-node.ts';
import { costOf } from './cost.ts';
import { isWorth, searchBlock } from './search-block.ts';
import type { Field, Seek } from './seek.ts';

/**
 * The best of the field's nodes in the group and `before`, by the bounds of all blocks. Those that promise most are looked into
 * first; once a few did not keep what they promised, the others follow in their order.
 */
export function searchByBounds(group: Group, field: Field, seek: Seek, before: Fit | null): Fit | null {
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
export const MOST_TRIES = 4;

/** Whether any node of the block could be better than the best so far. */
function isWorthLooking(block: number, { starts, places }: Field, { list }: Seek, best: Fit | null): boolean {
  const at = starts[block]!;
  return isWorth(list.blocks.members[places ? places.positions[at]! : at]!, list.scratch[block]!, best);
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
