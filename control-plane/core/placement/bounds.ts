import type { Need } from './need.ts';

/** Of each block of a shortlist, a lower bound of what a place there costs; infinite where there is none. */
export interface Bounds {
  readonly packings: Float64Array;
  /** The version of the block that this was said of. */
  readonly versions: Int32Array;
}

export function newBounds(blocks: number): Bounds {
  return { packings: new Float64Array(blocks), versions: new Int32Array(blocks).fill(-1) };
}

/** Bounds by need; the ones that were made first are forgotten first. */
export class BoundsByNeed {
  readonly #blocks: number;
  readonly #byText: Map<string, Bounds> = new Map();

  constructor(blocks: number) {
    this.#blocks = blocks;
  }

  of({ text }: Need): Bounds {
    let bounds = this.#byText.get(text);
    if (!bounds) {
      bounds = newBounds(this.#blocks);
      if (this.#byText.size >= MOST_NEEDS) this.#byText.delete(this.#byText.keys().next().value!);
      this.#byText.set(text, bounds);
    }
    return bounds;
  }
}

const MOST_NEEDS = 64;
