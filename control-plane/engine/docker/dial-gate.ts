/**
 * Bounds how many connections over ssh are in their first moments at once, over all nodes: each is a process that reads its
 * configuration, makes keys and shakes hands, here and there. One that came through, ended, or has only waited for longer
 * than `heldMs` counts no more, so that machines that are away keep the others waiting for a moment at most; and those that
 * failed last have half of the places. What waits is bounded by the dialers, each of which lets few begin at a time.
 */
export class DialGate {
  readonly #atOnce: number;
  readonly #heldMs: number;
  readonly #waiting = { hopeful: new Set<() => void>(), failing: new Set<() => void>() };
  readonly #inside = { hopeful: 0, failing: 0 };

  constructor(options: { atOnce?: number; heldMs?: number } = {}) {
    this.#atOnce = options.atOnce ?? AT_ONCE;
    this.#heldMs = options.heldMs ?? HELD_MS;
  }

  /**
   * Calls `begin` once there is a place, at once where there is one now.
   * @param after how the last attempt to the same machine went: `failing`, or any other
   * @returns gives the place back, or the wait up; any call after the first does nothing
   */
  enter(after: 'hopeful' | 'failing', begin: () => void): () => void {
    let leave = () => {
      this.#waiting[after].delete(admit);
    };
    const admit = () => {
      this.#inside[after] += 1;
      let isInside = true;
      leave = () => {
        if (!isInside) return;
        isInside = false;
        clearTimeout(timer);
        this.#inside[after] -= 1;
        this.#admitNext();
      };
      const timer = setTimeout(() => leave(), this.#heldMs).unref();
      begin();
    };
    this.#waiting[after].add(admit);
    this.#admitNext();
    return () => leave();
  }

  #admitNext(): void {
    for (const after of ['hopeful', 'failing'] as const) {
      for (const admit of this.#waiting[after]) {
        if (!this.#hasPlace(after)) break;
        this.#waiting[after].delete(admit);
        admit();
      }
    }
  }

  #hasPlace(after: 'hopeful' | 'failing'): boolean {
    const { hopeful, failing } = this.#inside;
    return hopeful + failing < this.#atOnce && (after === 'hopeful' || failing < Math.ceil(this.#atOnce / 2));
  }
}

const AT_ONCE = 16;
/** Longer than the handshake with a machine that is there and busy usually takes. */
const HELD_MS = 2_000;
