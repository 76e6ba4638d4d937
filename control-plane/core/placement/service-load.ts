import type { ServiceSpec } from '../spec.ts';
import type { Blocks } from './blocks.ts';
import { type Bounds, newBounds } from './bounds.ts';
import type { NodeLedger } from './cluster-node.ts';
import { attributeOf } from './constraints.ts';
import { BLOCK } from './members.ts';
import type { Shortlist } from './shortlist.ts';

/** Where the replicas of one service are. Most services have few and are never spread, so what is rarely needed comes late. */
export class ServiceLoad {
  readonly #nodes: readonly NodeLedger[];
  /** By the index of a node; null once there is a table of all of them. */
  #few: Map<number, number> | null = new Map();
  #table: Int32Array | null = null;
  #nodeCount = 0;
  /** By spread preferences, by the values that a stretch of nodes has for them. */
  #spreads: Map<string, { keys: readonly string[]; counts: Map<string, number> }> | null = null;
  #floors: Map<Shortlist, Floors> | null = null;

  /** `nodes`: all of the cluster, by index. */
  constructor(nodes: readonly NodeLedger[]) {
    this.#nodes = nodes;
  }

  /** How many nodes have replicas. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  /** How many replicas the node of this index has. */
  on(node: number): number {
    return this.#table ? this.#table[node]! : (this.#few!.get(node) ?? 0);
  }

  add(ledger: NodeLedger, change: 1 | -1): void {
    const { index } = ledger;
    const before = this.on(index);
    this.#set(index, before + change);
    for (const [list, floors] of this.#floors ?? []) {
      const block = list.blocks.blockOf(index);
      if (block < 0) continue;
      const { siblings } = floors;
      const floor = siblings[block]!;
      // More on another node than the one with the fewest changes nothing.
      if (change > 0 ? before > floor : before + change >= floor) continue;
      const fewest = this.#fewestIn(block, list.blocks);
      siblings[block] = fewest;
      if (fewest < floors.least) floors.least = fewest;
      else if (floor === floors.least && !siblings.includes(floor)) floors.least = leastOf(siblings);
    }
    if (!this.#spreads) return;
    for (const { keys, counts } of this.#spreads.values()) countAlong(counts, keys, ledger, change);
  }

  /** What is known of each block for this service alone; null for a service that is on few nodes. */
  floorsOf(list: Shortlist, spec: ServiceSpec): Floors | null {
    const { blocks } = list;
    if (this.#nodeCount < blocks.smallest) return null;
    this.#floors ??= new Map();
    let floors = this.#floors.get(list);
    if (floors?.spec !== spec) {
      const siblings = Uint16Array.from({ length: blocks.count }, (_, block) => this.#fewestIn(block, blocks));
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
      for (const [node, count] of this.#few ?? this.#table!.entries()) {
        if (count > 0) countAlong(spread.counts, keys, this.#nodes[node]!, count);
      }
      this.#spreads.set(name, spread);
    }
    const { counts } = spread;
    return path.map((_, depth) => counts.get(path.slice(0, depth + 1).join('\n')) ?? 0);
  }

  #set(node: number, count: number): void {
    const before = this.on(node);
    if (before === 0) this.#nodeCount += 1;
    if (count === 0) this.#nodeCount -= 1;
    if (this.#table) this.#table[node] = count;
    else if (count > 0) this.#few!.set(node, count);
    else this.#few!.delete(node);
    if (!this.#few || this.#few.size < Math.max(BLOCK, this.#nodes.length / FEW)) return;
    this.#table = new Int32Array(this.#nodes.length);
    for (const [index, had] of this.#few) this.#table[index] = had;
    this.#few = null;
  }

  #fewestIn(block: number, { members, starts }: Blocks): number {
    let fewest = Number.POSITIVE_INFINITY;
    for (let at = starts[block]!; at < starts[block + 1]! && fewest > 0; at += 1) {
      fewest = Math.min(fewest, this.on(members[at]!));
    }
    return fewest;
  }
}

/** A service that is on many nodes, and on one of so many, has a table of all. */
const FEW = 8;

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
