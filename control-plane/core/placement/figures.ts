import { type Members, meet, type Sought } from './members.ts';
import { type Need, packingAtLeast } from './need.ts';

/** What a node has free, as far as a shortlist counts it. */
export interface Free {
  readonly devices: number;
  readonly microCpus: number;
  readonly memoryBytes: number;
  /** Free devices that the requests of the list may be given. */
  readonly whole: number;
  /** The memory of the smallest of those. */
  readonly smallestGib: number;
}

/**
 * Of each block of nodes, apart for each class of nodes with as many free devices: which they are, and the most of anything
 * that any of them has. From that follows what a need costs at least. What a class is said to have is raised as soon as a
 * node has more; it is loose, and may be brought down, once a node of the class has changed.
 */
export class Figures {
  readonly #rows: Float64Array;
  readonly #classes: number;
  readonly #blocks: number;
  /** By class and block, who is in it: two words. Who looks for nodes of one class looks through all blocks. */
  readonly #members: Int32Array;
  /** Of each block, a bit for each class: it has nodes; it is loose. */
  readonly #present: Int32Array;
  readonly #loose: Int32Array;

  /** `mostDevices`: that any node has. */
  constructor(blocks: number, mostDevices: number) {
    this.#classes = Math.min(mostDevices + 1, MOST_CLASSES);
    this.#blocks = blocks;
    this.#rows = new Float64Array(blocks * this.#classes * WIDTH);
    this.#members = new Int32Array(blocks * this.#classes * 2);
    this.#present = new Int32Array(blocks);
    this.#loose = new Int32Array(blocks);
  }

  isLoose(block: number): boolean {
    return this.#loose[block] !== 0;
  }

  /** Forgets the loose classes: all members of the block are set again next. */
  clearLoose(block: number): void {
    for (let left = this.#loose[block]!; left !== 0; left &= left - 1)
      this.#empty(block, 31 - Math.clz32(left & -left));
    this.#loose[block] = 0;
  }

  /** Whether the member is in its class already, so that nothing is to be set again. */
  isIn(block: number, member: number, freeDevices: number): boolean {
    const word = (Math.min(freeDevices, this.#classes - 1) * this.#blocks + block) * 2 + (member >> 5);
    return (this.#members[word]! & (1 << (member & 31))) !== 0;
  }

  /** `member`: its position in the block. */
  set(block: number, member: number, free: Free): void {
    this.#remove(block, member);
    const nth = Math.min(free.devices, this.#classes - 1);
    const rows = this.#rows;
    const row = (block * this.#classes + nth) * WIDTH;
    if ((this.#present[block]! & (1 << nth)) === 0) {
      this.#present[block]! |= 1 << nth;
      rows.fill(Number.NEGATIVE_INFINITY, row, row + SMALLEST);
      rows[row + SMALLEST] = Number.POSITIVE_INFINITY;
    }
    this.#members[(nth * this.#blocks + block) * 2 + (member >> 5)]! |= 1 << (member & 31);
    if (free.microCpus > rows[row + CPUS]!) rows[row + CPUS] = free.microCpus;
    if (free.memoryBytes > rows[row + MEMORY]!) rows[row + MEMORY] = free.memoryBytes;
    if (free.whole > rows[row + WHOLE]!) rows[row + WHOLE] = free.whole;
    if (free.smallestGib < rows[row + SMALLEST]!) rows[row + SMALLEST] = free.smallestGib;
  }

  /** The first of these blocks where any node, or any of `some`, has just so many free devices and may have room for the need. */
  nextLikely(need: Need, freeDevices: number, { some, blocks, likely }: Sought): number {
    const nth = Math.min(freeDevices, this.#classes - 1);
    const { to } = blocks;
    let { from } = blocks;
    for (;;) {
      const block = likely.seek(this.#members, nth * this.#blocks * 2, some, { from, to });
      if (block === to) return to;
      const row = (block * this.#classes + nth) * WIDTH;
      if (this.#rows[row + CPUS]! >= need.microCpus && this.#rows[row + MEMORY]! >= need.memoryBytes) return block;
      from = block + 1;
    }
  }

  /**
   * What the need packs like at best (cost.ts) on any of the block's nodes, or of `some` of them; infinite where none has
   * room. `roomGib`: what is left on the fullest of their shared devices that has room for it; -1: none has.
   */
  bound(block: number, need: Need, { roomGib, some }: { roomGib: number; some: Members | null }): number {
    const { microCpus, memoryBytes, devices } = need;
    const rows = this.#rows;
    let best = Number.POSITIVE_INFINITY;
    for (let left = this.#present[block]!; left !== 0; left &= left - 1) {
      const freeDevices = 31 - Math.clz32(left & -left);
      const row = (block * this.#classes + freeDevices) * WIDTH;
      if (rows[row + CPUS]! < microCpus || rows[row + MEMORY]! < memoryBytes) continue;
      const packing = packingAtLeast(devices, freeDevices, rows[row + WHOLE]!, rows[row + SMALLEST]!, roomGib);
      if (packing >= best) continue;
      if (some === null || meet(some, block * 2, this.#members, (freeDevices * this.#blocks + block) * 2))
        best = packing;
    }
    return best;
  }

  #remove(block: number, member: number): void {
    for (let left = this.#present[block]!; left !== 0; left &= left - 1) {
      const nth = 31 - Math.clz32(left & -left);
      const first = (nth * this.#blocks + block) * 2;
      const word = first + (member >> 5);
      if ((this.#members[word]! & (1 << (member & 31))) === 0) continue;
      this.#members[word]! &= ~(1 << (member & 31));
      if ((this.#members[first]! | this.#members[first + 1]!) === 0) this.#empty(block, nth);
      else this.#loose[block]! |= 1 << nth;
      return;
    }
  }

  #empty(block: number, nth: number): void {
    const first = (nth * this.#blocks + block) * 2;
    this.#members[first] = 0;
    this.#members[first + 1] = 0;
    this.#present[block]! &= ~(1 << nth);
    this.#loose[block]! &= ~(1 << nth);
  }
}

/** Nodes with so many free devices less one, or more, are one class. */
const MOST_CLASSES = 17;
/** What stands where in a row. */
const [CPUS, MEMORY, WHOLE, SMALLEST, WIDTH] = [0, 1, 2, 3, 4] as const;
