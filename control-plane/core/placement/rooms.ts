import { gibOf } from './cost.ts';

/** What is free on devices that are shared already: of each node of a shortlist, and of each block of nodes. */
export class Rooms {
  /** Of each node one after the other; NONE behind the last. */
  readonly #own: Float64Array;
  readonly #width: number;
  /** Of each block, by whole GiB: the most that a device with so many GiB free has free. */
  readonly #byGib: Float64Array;
  readonly #gibs: number;
  /** Of each block, the most of all. */
  readonly #most: Float64Array;

  /** `width`: how many devices a node has at most; `largestBytes`: of one device. Without a width nothing is kept. */
  constructor(options: { nodes: number; blocks: number; width: number; largestBytes: number }) {
    this.#width = options.width;
    this.#gibs = options.width === 0 ? 0 : Math.min(gibOf(options.largestBytes), MOST_GIB) + 1;
    this.#own = new Float64Array(options.nodes * this.#width).fill(NONE);
    this.#byGib = new Float64Array(options.blocks * this.#gibs).fill(NONE);
    this.#most = new Float64Array(options.blocks).fill(NONE);
  }

  get isKept(): boolean {
    return this.#width > 0;
  }

  /** False: there was nothing. */
  clearNode(node: number): boolean {
    if (this.#width === 0 || this.#own[node * this.#width] === NONE) return false;
    this.#own.fill(NONE, node * this.#width, (node + 1) * this.#width);
    return true;
  }

  /** The nth device of the node has so much free. */
  set(node: number, nth: number, freeBytes: number): void {
    this.#own[node * this.#width + nth] = freeBytes;
  }

  clearBlock(block: number): void {
    this.#byGib.fill(NONE, block * this.#gibs, (block + 1) * this.#gibs);
    this.#most[block] = NONE;
  }

  /** Takes up in the block what the node has. */
  raise(block: number, node: number): void {
    for (let at = node * this.#width; at < (node + 1) * this.#width; at += 1) {
      const free = this.#own[at]!;
      if (free === NONE) return;
      const room = block * this.#gibs + Math.min(gibOf(free), this.#gibs - 1);
      if (free > this.#byGib[room]!) this.#byGib[room] = free;
      if (free > this.#most[block]!) this.#most[block] = free;
    }
  }

  /** How many GiB are free on the fullest device of the node that has so many bytes free; NONE: no device has. */
  ofNode(node: number, bytes: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let at = node * this.#width; at < (node + 1) * this.#width; at += 1) {
      const free = this.#own[at]!;
      if (free >= bytes && free < least) least = free;
    }
    return least === Number.POSITIVE_INFINITY ? NONE : gibOf(least);
  }

  /** The same of the block's nodes, or less. */
  ofBlock(block: number, bytes: number): number {
    if (this.#most[block]! < bytes) return NONE;
    const begin = block * this.#gibs;
    let at = begin + Math.min(gibOf(bytes), this.#gibs - 1);
    while (this.#byGib[at]! < bytes) at += 1;
    return at - begin;
  }
}

/** No device; what is free on one is 0 or more. */
const NONE = -1;
/** Devices with more free count alike. */
const MOST_GIB = 256;
