import type { NodeLedger } from './cluster-node.ts';
import { packingOf } from './cost.ts';

/** What a request takes of a node, as far as figures tell. */
export interface Need {
  /** Equal needs have the same. */
  readonly text: string;
  readonly microCpus: number;
  readonly memoryBytes: number;
  readonly devices:
    | { readonly kind: 'none' }
    | { readonly kind: 'whole'; readonly count: number }
    | { readonly kind: 'share'; readonly bytes: number }
    /** Devices, but which of them is not a question of figures. */
    | { readonly kind: 'some' };
}

/**
 * Rows of figures: of a node each, or of several nodes the most that any of them has. A row lies in one stretch of memory,
 * because searches in large clusters wait for memory and for little else.
 */
export class Figures {
  readonly #rows: Float64Array;

  constructor(length: number) {
    this.#rows = new Float64Array(length * WIDTH);
    this.clear(0, length);
  }

  /** Devices of the whole node that nobody holds. */
  freeAt(at: number): number {
    return this.#rows[at * WIDTH + FREE]!;
  }

  /** `whole`: those of its free devices that the requests of the shortlist may be given; `smallestGib`: of those. */
  set(at: number, ledger: NodeLedger, devices: { readonly whole: number; readonly smallestGib: number }): void {
    const row = at * WIDTH;
    this.#rows[row + CPUS] = ledger.freeMicroCpus;
    this.#rows[row + MEMORY] = ledger.freeMemoryBytes;
    this.#rows[row + FREE] = ledger.freeDevices;
    this.#rows[row + WHOLE] = devices.whole;
    this.#rows[row + SMALLEST] = devices.smallestGib;
  }

  clear(from: number, to: number): void {
    for (let row = from * WIDTH; row < to * WIDTH; row += WIDTH) {
      this.#rows[row + CPUS] = NOTHING;
      this.#rows[row + MEMORY] = NOTHING;
      this.#rows[row + FREE] = 0;
      this.#rows[row + WHOLE] = 0;
      this.#rows[row + SMALLEST] = Number.POSITIVE_INFINITY;
    }
  }

  /** Takes up what stands at `other[from]` where it is more. All that are summed up at `at` have about as many free devices. */
  raise(at: number, other: Figures, from: number, free: number): void {
    const [rows, others] = [this.#rows, other.#rows];
    const [row, source] = [at * WIDTH, from * WIDTH];
    if (others[source + CPUS]! > rows[row + CPUS]!) rows[row + CPUS] = others[source + CPUS]!;
    if (others[source + MEMORY]! > rows[row + MEMORY]!) rows[row + MEMORY] = others[source + MEMORY]!;
    if (others[source + WHOLE]! > rows[row + WHOLE]!) rows[row + WHOLE] = others[source + WHOLE]!;
    if (others[source + SMALLEST]! < rows[row + SMALLEST]!) rows[row + SMALLEST] = others[source + SMALLEST]!;
    rows[row + FREE] = free;
  }

  /**
   * What the need packs like at best (cost.ts) on any of the nodes from..to-1; infinite where none has room.
   * `roomGib`: what is free on the fullest of their shared devices that has room for it; -1: none has.
   */
  bound(from: number, to: number, { microCpus, memoryBytes, devices }: Need, roomGib: number): number {
    const rows = this.#rows;
    let best = Number.POSITIVE_INFINITY;
    for (let row = from * WIDTH; row < to * WIDTH; row += WIDTH) {
      if (rows[row + CPUS]! < microCpus || rows[row + MEMORY]! < memoryBytes) continue;
      const packing = this.#boundAt(row, devices, roomGib);
      if (packing < best) best = packing;
    }
    return best;
  }

  #boundAt(row: number, devices: Need['devices'], roomGib: number): number {
    const free = this.#rows[row + FREE]!;
    switch (devices.kind) {
      case 'none':
        return packingOf(0, 0, 0, free);
      case 'whole': {
        const { count } = devices;
        if (this.#rows[row + WHOLE]! < count) return Number.POSITIVE_INFINITY;
        return packingOf(count, count * this.#rows[row + SMALLEST]!, 0, free - count);
      }
      case 'share':
        if (roomGib >= 0) return packingOf(0, 0, roomGib, 0);
        if (this.#rows[row + WHOLE] === 0) return Number.POSITIVE_INFINITY;
        return packingOf(1, this.#rows[row + SMALLEST]!, 0, free - 1);
      case 'some':
        return 0;
      default:
        return devices satisfies never;
    }
  }
}

/** What stands where in a row; eight fill a line of a processor's cache. */
const [CPUS, MEMORY, FREE, WHOLE, SMALLEST, WIDTH] = [0, 1, 2, 3, 4, 8] as const;
/** Less than any node has, also than one that is over-committed. */
const NOTHING = Number.NEGATIVE_INFINITY;
