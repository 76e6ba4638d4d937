import type { ServiceSpec } from '../spec.ts';
import { type Bounds, newBounds } from './bounds.ts';
import type { NodeLedger } from './cluster-node.ts';
import { attributeOf } from './constraints.ts';
import type { Shortlist } from './shortlist.ts';

/** Where the replicas of one service are. Most services have few and are never spread, so what is rarely needed comes late. */
export class ServiceLoad {
  /** By the index of a node. */
  readonly counts: Map<number, number> = new Map();
  readonly #nodes: readonly NodeLedger[];
  /** By spread preferences, by the values that a stretch of nodes has for them. */
  #spreads: Map<string, { keys: readonly string[]; counts: Map<string, number> }> | null = null;
  #floors: Map<Shortlist, Floors> | null = null;

  /** `nodes`: all of the cluster, by index. */
  constructor(nodes: readonly NodeLedger[]) {
    this.#nodes = nodes;
  }

  add(ledger: NodeLedger, change: 1 | -1): void {
    const count = (this.counts.get(ledger.index) ?? 0) + change;
    if (count > 0) this.counts.set(ledger.index, count);
    else this.counts.delete(ledger.index);
    for (const [list, floors] of this.#floors ?? []) {
      const { siblings } = floors;
      const block = list.blocks.blockOf(ledger.index);
      if (block < 0) continue;
      siblings[block] = list.floorOf(block, this.counts);
      floors.least = leastOf(siblings);
    }
    if (!this.#spreads) return;
    for (const { keys, counts } of this.#spreads.values()) countAlong(counts, keys, ledger, change);
  }

  /** What is known of each block for this service alone; null for a service that is on few nodes. */
  floorsOf(list: Shortlist, spec: ServiceSpec): Floors | null {
    const { blocks } = list;
    if (this.counts.size < blocks.smallest) return null;
    this.#floors ??= new Map();
    let floors = this.#floors.get(list);
    if (floors?.spec !== spec) {
      const floorOf = (_: unknown, block: number) => list.floorOf(block, this.counts);
      const siblings = Uint16Array.from({ length: blocks.count }, floorOf);
      floors = {
        spec,
        siblings,
        least: leastOf(siblings),
        ofAll: newBounds(blocks.count),
        ofPlaces: newBounds(blocks.count),
      };
      if (this.#floors.size >= MOST_FLOORS) this.#floors.clear();
      this.#floors.set(list, floors);
    }
    return floors;
  }

  /**
   * How many replicas are on nodes that take replicas and have these values of the preferences: on those with the first
   * one, with the first two, and so on. Less is better, the first counting most.
   */
  spreadOf(keys: readonly string[], path: readonly string[]): readonly number[] {
    const name = keys.join('\n');
    this.#spreads ??= new Map();
    let spread = this.#spreads.get(name);
    if (!spread) {
      spread = { keys, counts: new Map() };
      for (const [node, count] of this.counts) countAlong(spread.counts, keys, this.#nodes[node]!, count);
      this.#spreads.set(name, spread);
    }
    const { counts } = spread;
    return path.map((_, depth) => counts.get(path.slice(0, depth + 1).join('\n')) ?? 0);
  }
}

/** Lower bounds of each block of a list. */
export interface Floors {
  readonly spec: ServiceSpec;
  /** The fewest replicas that any node has. */
  readonly siblings: Uint16Array;
  /** The least of those. */
  least: number;
  /** The whole cost, of all members and of those that have the image, when the block was last looked into. */
  readonly ofAll: Bounds;
  readonly ofPlaces: Bounds;
}

function leastOf(siblings: Uint16Array): number {
  let least = Number.MAX_SAFE_INTEGER;
  for (const count of siblings) if (count < least) least = count;
  return least;
}

const MOST_FLOORS = 8;

/** The node's values of the preferences; empty where it has none. */
export function spreadPath(keys: readonly string[], { node }: NodeLedger): readonly string[] {
  return keys.map(key => attributeOf(node, key) ?? '');
}

function countAlong(counts: Map<string, number>, keys: readonly string[], ledger: NodeLedger, change: number): void {
  if (!ledger.isOpen) return;
  const path = spreadPath(keys, ledger);
  for (let depth = 1; depth <= path.length; depth += 1) {
    const prefix = path.slice(0, depth).join('\n');
    counts.set(prefix, (counts.get(prefix) ?? 0) + change);
  }
}
