import { gibOf } from './cost.ts';
import { type Members, meet, type Sought } from './members.ts';

/** Of each block of nodes, by whole GiB: who has devices that are shared already with so much left. */
export class Rooms {
  readonly #blocks: number;
  readonly #gibs: number;
  /** By GiB and block, who has such devices: two words. Whoever looks for so much looks through all blocks. */
  readonly #members: Int32Array;
  /** By GiB and block, the most bytes that were left on one of them since there were any. */
  readonly #most: Float64Array;
  /** Of each block, a bit for each GiB that somebody has. */
  readonly #present: Int32Array;
  readonly #words: number;

  /** `largestBytes`: of one device. */
  constructor(blocks: number, largestBytes: number) {
    this.#blocks = blocks;
    this.#gibs = Math.min(gibOf(largestBytes), MOST_GIB) + 1;
    this.#members = new Int32Array(blocks * this.#gibs * 2);
    this.#most = new Float64Array(blocks * this.#gibs);
    this.#words = (this.#gibs + 31) >> 5;
    this.#present = new Int32Array(blocks * this.#words);
  }

  /** `member`: its position in the block; what it had is forgotten. */
  clear(block: number, member: number): void {
    for (let word = 0; word < this.#words; word += 1) {
      for (let left = this.#present[block * this.#words + word]!; left !== 0; left &= left - 1) {
        const at = (word * 32 + 31 - Math.clz32(left & -left)) * this.#blocks + block;
        this.#members[at * 2 + (member >> 5)]! &= ~(1 << (member & 31));
        if ((this.#members[at * 2]! | this.#members[at * 2 + 1]!) !== 0) continue;
        this.#present[block * this.#words + word]! &= ~(left & -left);
      }
    }
  }

  /** One of its devices has so many bytes left. */
  add(block: number, member: number, bytes: number): void {
    const gib = Math.min(gibOf(bytes), this.#gibs - 1);
    const at = gib * this.#blocks + block;
    const word = block * this.#words + (gib >> 5);
    if ((this.#present[word]! & (1 << (gib & 31))) === 0) {
      this.#present[word]! |= 1 << (gib & 31);
      this.#most[at] = bytes;
    } else if (bytes > this.#most[at]!) this.#most[at] = bytes;
    this.#members[at * 2 + (member >> 5)]! |= 1 << (member & 31);
  }

  /** The first of these blocks where any node, or any of `some`, has a device with so much left, and less than a GiB more. */
  nextLikely(bytes: number, { some, blocks, likely }: Sought): number {
    const first = Math.min(gibOf(bytes), this.#gibs - 1) * this.#blocks;
    const { to } = blocks;
    let { from } = blocks;
    for (;;) {
      const block = likely.seek(this.#members, first * 2, some, { from, to });
      if (block === to || this.#most[first + block]! >= bytes) return block;
      from = block + 1;
    }
  }

  /** How many GiB are left on the fullest device that has so many bytes left, or fewer; -1: none has. Null: of all. */
  leastGib(block: number, bytes: number, some: Members | null): number {
    const from = Math.min(gibOf(bytes), this.#gibs - 1);
    for (let word = from >> 5; word < this.#words; word += 1) {
      let left = this.#present[block * this.#words + word]!;
      if (word === from >> 5) left &= -1 << (from & 31);
      for (; left !== 0; left &= left - 1) {
        const gib = word * 32 + 31 - Math.clz32(left & -left);
        const at = gib * this.#blocks + block;
        if (this.#most[at]! < bytes) continue;
        if (some === null || meet(some, block * 2, this.#members, at * 2)) return gib;
      }
    }
    return -1;
  }
}

/** Devices with more left count alike. */
const MOST_GIB = 256;
