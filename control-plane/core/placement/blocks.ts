import type { NodeLedger } from './cluster-node.ts';
import { BLOCK } from './members.ts';

/**
 * A stretch of blocks: the nodes that share the values of the spread preferences; blocks `from` to `to` - 1, in the order of
 * their first names.
 */
export interface Group {
  readonly path: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** The members of a shortlist in groups, and these in blocks of nodes of one kind, in each block in the order of the names. */
export class Blocks {
  readonly groups: readonly Group[];
  /** By position, the node's index in the cluster. */
  readonly members: Int32Array;
  /** The position at which each block begins; one more for the end. */
  readonly starts: Int32Array;
  /** Of each block, the node whose name comes first. */
  readonly firsts: Int32Array;
  /** How many members the smallest block has. */
  readonly smallest: number;
  /** By the index of a node: its block and its position in the block, in one number; -1: no member. */
  readonly #places: Int32Array;

  /** `nodes` in the order of their names; `nodeCount`: of the whole cluster; `pathOf` says which of them are one group. */
  constructor(
    nodes: readonly NodeLedger[],
    { nodeCount, pathOf }: { nodeCount: number; pathOf: (ledger: NodeLedger) => readonly string[] },
  ) {
    const starts: number[] = [];
    const groups: Group[] = [];
    const members: number[] = [];
    for (const group of Map.groupBy(nodes, ledger => pathOf(ledger).join('\n')).values()) {
      const from = starts.length;
      const blocks = byKind(group).flatMap(inBlocks);
      for (const block of blocks.sort((a, b) => a[0]!.index - b[0]!.index)) {
        starts.push(members.length);
        for (const { index } of block) members.push(index);
      }
      groups.push({ path: pathOf(group[0]!), from, to: starts.length });
    }
    this.groups = groups;
    this.members = Int32Array.from(members);
    this.starts = Int32Array.from([...starts, members.length]);
    this.firsts = Int32Array.from(starts, at => members[at]!);
    this.#places = new Int32Array(nodeCount).fill(-1);
    let smallest = BLOCK;
    for (let block = 0; block < this.count; block += 1) {
      const [from, to] = [this.starts[block]!, this.starts[block + 1]!];
      smallest = Math.min(smallest, to - from);
      for (let position = from; position < to; position += 1) {
        this.#places[members[position]!] = block * BLOCK + position - from;
      }
    }
    this.smallest = smallest;
  }

  get count(): number {
    return this.starts.length - 1;
  }

  /** -1 where the node is no member. */
  blockOf(node: number): number {
    return this.#places[node]! >> 6;
  }

  /** Of a member: its position in its block. */
  memberOf(node: number): number {
    return this.#places[node]! & (BLOCK - 1);
  }
}

/** As few as may be, of about the same length. */
function inBlocks(nodes: readonly NodeLedger[]): readonly (readonly NodeLedger[])[] {
  const count = Math.ceil(nodes.length / BLOCK);
  const startOf = (block: number) => Math.floor((block * nodes.length) / count);
  return Array.from({ length: count }, (_, block) => nodes.slice(startOf(block), startOf(block + 1)));
}

/** Where nodes are of more kinds, blocks are of mixed ones. */
const MOST_KINDS = 32;

/** Nodes of one kind have the same devices and about the same size: of those, a block's figures say most. */
function byKind(nodes: readonly NodeLedger[]): readonly (readonly NodeLedger[])[] {
  const kinds = Map.groupBy(nodes, ({ node, devices }) => {
    const sizes = [node.cpus, node.memoryBytes].map(size => Math.round(2 * Math.log2(size + 1)));
    return [...sizes, ...devices.map(d => d.type.index)].join();
  });
  return kinds.size > MOST_KINDS ? [nodes] : [...kinds.values()];
}
