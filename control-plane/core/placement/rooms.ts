import { gibOf } from './cost.ts';

/** Of each block of nodes, what is left on devices that are shared already. */
export class Rooms {
  /** Of each block, by whole GiB: the most that a device with so many GiB left has left. */
  readonly #byGib: Float64Array;
  readonly #gibs: number;
  /** Of each block, the most of all. */
  readonly #most: Float64Array;

  /** `largestBytes`: of one device. */
  constructor(blocks: number, largestBytes: number) {
    this.#gibs = Math.min(gibOf(largestBytes), MOST_GIB) + 1;
    this.#byGib = new Float64Array(blocks * this.#gibs).fill(NONE);
    this.#most = new Float64Array(blocks).fill(NONE);
  }

  clear(block: number): void {
    this.#byGib.fill(NONE, block * this.#gibs, (block + 1) * this.#gibs);
    this.#most[block] = NONE;
  }

  /** Takes up a device of the block that has so many bytes left. */
  raise(block: number, bytes: number): void {
    const room = block * this.#gibs + Math.min(gibOf(bytes), this.#gibs - 1);
    if (bytes > this.#byGib[room]!) this.#byGib[room] = bytes;
    if (bytes > this.#most[block]!) this.#most[block] = bytes;
  }

  /** How many GiB are left on the fullest device that has so many bytes left, or fewer; -1: none has. */
  leastGib(block: number, bytes: number): number {
    if (this.#most[block]! < bytes) return NONE;
    const begin = block * this.#gibs;
    let at = begin + Math.min(gibOf(bytes), this.#gibs - 1);
    while (this.#byGib[at]! < bytes) at += 1;
    return at - begin;
  }
}

/** No device; what is left on one is 0 or more. */
const NONE = -1;
/** Devices with more left count alike. */
const MOST_GIB = 256;
