/** How many nodes a block has at most: a search looks at the bounds of all blocks, and at the nodes of a few. */
export const BLOCK = 64;

/** Some of the members of each block: a bit for each, two words for a block. */
export type Members = Int32Array;

/** Whether any member of the block is among both; `at`: where the other set has the words of this block, in twos. */
export function meet(some: Members, block: number, others: Int32Array, at: number): boolean {
  return ((some[block * 2]! & others[at * 2]!) | (some[block * 2 + 1]! & others[at * 2 + 1]!)) !== 0;
}
