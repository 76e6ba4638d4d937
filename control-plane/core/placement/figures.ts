import { type Need, packingAtLeast } from './need.ts';

/**
 * Of each block of nodes, apart for each class of nodes with as many free devices: the most of anything that any of these
 * nodes has. From that follows what a need costs at least.
 */
export class Figures {
  readonly #rows: Float64Array;
  readonly #classes: number;
  /** Of each block, a bit for each class that has a node. */
  readonly #present: Int32Array;

  /** `mostDevices`: that any node has. */
  constructor(blocks: number, mostDevices: number) {
    this.#classes = Math.min(mostDevices + 1, MOST_CLASSES);
    this.#rows = new Float64Array(blocks * this.#classes * WIDTH);
    this.#present = new Int32Array(blocks);
  }

  /** The bit of the class of nodes with so many free devices; it is below `1 << MOST_CLASSES`. */
  classBit(freeDevices: number): number {
    return 1 << Math.min(freeDevices, this.#classes - 1);
  }

  /** Forgets the classes of these bits. */
  clear(block: number, bits: number): void {
    this.#present[block]! &= ~bits;
  }

  /** Takes up what a node of the block has. `whole`: free devices that requests may be given; `smallestGib`: of those. */
  raise(
    block: number,
    node: { freeDevices: number; microCpus: number; memoryBytes: number; whole: number; smallestGib: number },
  ): void {
    const rows = this.#rows;
    const nth = Math.min(node.freeDevices, this.#classes - 1);
    const row = (block * this.#classes + nth) * WIDTH;
    if ((this.#present[block]! & (1 << nth)) === 0) {
      this.#present[block]! |= 1 << nth;
      rows[row + CPUS] = node.microCpus;
      rows[row + MEMORY] = node.memoryBytes;
      rows[row + WHOLE] = node.whole;
      rows[row + SMALLEST] = node.smallestGib;
      return;
    }
    if (node.microCpus > rows[row + CPUS]!) rows[row + CPUS] = node.microCpus;
    if (node.memoryBytes > rows[row + MEMORY]!) rows[row + MEMORY] = node.memoryBytes;
    if (node.whole > rows[row + WHOLE]!) rows[row + WHOLE] = node.whole;
    if (node.smallestGib < rows[row + SMALLEST]!) rows[row + SMALLEST] = node.smallestGib;
  }

  /**
   * What the need packs like at best (cost.ts) on any of the block's nodes; infinite where none has room. `roomGib`: what is
   * left on the fullest of their shared devices that has room for it; -1: none has.
   */
  bound(block: number, { microCpus, memoryBytes, devices }: Need, roomGib: number): number {
    const rows = this.#rows;
    let best = Number.POSITIVE_INFINITY;
    for (let left = this.#present[block]!; left !== 0; left &= left - 1) {
      const freeDevices = 31 - Math.clz32(left & -left);
      const row = (block * this.#classes + freeDevices) * WIDTH;
      if (rows[row + CPUS]! < microCpus || rows[row + MEMORY]! < memoryBytes) continue;
      const packing = packingAtLeast(devices, freeDevices, rows[row + WHOLE]!, rows[row + SMALLEST]!, roomGib);
      if (packing < best) best = packing;
    }
    return best;
  }
}

/** Nodes with so many free devices less one, or more, are one class. */
export const MOST_CLASSES = 17;
/** What stands where in a row. */
const [CPUS, MEMORY, WHOLE, SMALLEST, WIDTH] = [0, 1, 2, 3, 4] as const;
