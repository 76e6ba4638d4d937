import type { Fit } from './cluster-node.ts';
import { costOf } from './cost.ts';
import type { Field, Seek } from './seek.ts';

/**
 * The best of the block's nodes in the field and `best`. Looks at the figures of each member first: mostly the one of which they
 * say the best keeps that promise.
 */
export function searchBlock(block: number, field: Field, seek: Seek, best: Fit | null): Fit | null {
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
export function fitOn(node: number, { imageAbsent }: Field, { list, ledgers, spec, load }: Seek): Fit | null {
  const known = { meant: list.meant, imageAbsent };
  return ledgers[node]!.fit(spec, load?.on(node) ?? 0, known);
}

/** Whether the node, or one with a later name, at this cost or more could be better. */
export function isWorth(node: number, cost: number, best: Fit | null): boolean {
  if (cost === Number.POSITIVE_INFINITY) return false;
  return best === null || cost < best.cost || (cost === best.cost && node < best.ledger.index);
}
