import { costOf } from './cluster-cost.ts';
import type { Need } from './cluster-figures.ts';
import type { ServiceLoad } from './cluster-load.ts';
import type { Fit } from './cluster-node.ts';
import type { Candidates } from './cluster-shapes.ts';
import type { Group, Shortlist } from './cluster-shortlist.ts';
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
  const { need, load, imageAbsent } = seek;
  const floors = load?.floorsOf(list);
  const bounds = new Float64Array(group.to - group.from);
  let first = -1;
  for (let block = group.from; block < group.to; block += 1) {
    const packing = list.blockBound(block, need);
    const bound = packing === Number.POSITIVE_INFINITY ? packing : costOf(floors?.[block] ?? 0, imageAbsent, packing);
    bounds[block - group.from] = bound;
    if (bound < Number.POSITIVE_INFINITY && (first < 0 || bound < bounds[first - group.from]!)) first = block;
  }
  if (first < 0 || !isWorth(list, list.start(first), bounds[first - group.from]!, before)) return before;
  let best = searchBlock(list, first, seek, before);
  for (let block = group.from; block < group.to; block += 1) {
    if (block !== first && isWorth(list, list.start(block), bounds[block - group.from]!, best)) {
      best = searchBlock(list, block, seek, best);
    }
  }
  return best;
}

function searchBlock(list: Shortlist, block: number, seek: Seek, before: Fit | null): Fit | null {
  const { spec, need, load, imageAbsent } = seek;
  let best = before;
  for (let position = list.start(block); position < list.start(block + 1); position += 1) {
    const packing = list.memberBound(position, need);
    if (packing === Number.POSITIVE_INFINITY) continue;
    const ledger = list.members[position]!;
    const siblings = load?.counts.get(ledger) ?? 0;
    if (!isWorth(list, position, costOf(siblings, imageAbsent, packing), best)) continue;
    const fit = ledger.fit(spec, siblings);
    if (fit && isBetter(fit, best)) best = fit;
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
