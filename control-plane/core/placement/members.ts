/** How many nodes a block has at most: a search looks at what is known of blocks, and at the nodes of a few. */
export const BLOCK = 64;

/** Some of the members of each block: a bit for each, two words for a block. */
export type Members = Int32Array;

/** The blocks `from` to `to` - 1. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Whether any member of a block is among both; each has the words of that block at its place. */
export function meet(some: Members, at: number, others: Members, othersAt: number): boolean {
  return ((some[at]! & others[othersAt]!) | (some[at + 1]! & others[othersAt + 1]!)) !== 0;
}

/** The position of the lowest bit that is set. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Who is sought: any members, or any of `some`. `likely` keeps who was found. */
export interface Sought {
  readonly some: Members | null;
  readonly blocks: Stretch;
  readonly likely: Likely;
}

/** Some of the members of one block, in one object for all: a search makes little that has to be collected. */
export class Likely {
  #low = 0;
  #high = 0;

  /**
   * Goes from block to block until there are members, of all or of `some`, and keeps those of that block; `to` where there
   * are none. The words of the blocks begin at `at`.
   */
  seek(members: Members, at: number, some: Members | null, { from, to }: Stretch): number {
    for (let block = from; block < to; block += 1) {
      let low = members[at + block * 2]!;
      let high = members[at + block * 2 + 1]!;
      if (some !== null) {
        low &= some[block * 2]!;
        high &= some[block * 2 + 1]!;
      }
      if ((low | high) === 0) continue;
      this.#low = low;
      this.#high = high;
      return block;
    }
    return to;
  }

  /** The first of them, who is taken out; -1: nobody is left. */
  next(): number {
    if (this.#low !== 0) {
      const member = lowestBit(this.#low);
      this.#low &= this.#low - 1;
      return member;
    }
    if (this.#high === 0) return -1;
    const member = 32 + lowestBit(this.#high);
    this.#high &= this.#high - 1;
    return member;
  }
}
