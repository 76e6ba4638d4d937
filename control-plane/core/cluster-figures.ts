import { packingOf } from './cluster-cost.ts';
import type { NodeLedger } from './cluster-node.ts';

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

/** Columns of figures: of a node each, or of several nodes the most that any of them has. */
export class Figures {
  readonly #microCpus: Float64Array;
  readonly #memoryBytes: Float64Array;
  /** Devices of the whole node that nobody holds. */
  readonly free: Uint16Array;
  /** Those of them that the requests of the shortlist may be given. */
  readonly #whole: Uint16Array;
  /** The memory of the smallest of those, in GiB; NO_DEVICE without one. */
  readonly #smallestGib: Uint16Array;

  constructor(length: number) {
    this.#microCpus = new Float64Array(length).fill(NOTHING);
    this.#memoryBytes = new Float64Array(length).fill(NOTHING);
    this.free = new Uint16Array(length);
    this.#whole = new Uint16Array(length);
    this.#smallestGib = new Uint16Array(length).fill(NO_DEVICE);
  }

  set(at: number, ledger: NodeLedger, devices: { readonly whole: number; readonly smallestGib: number }): void {
    this.#microCpus[at] = ledger.freeMicroCpus;
    this.#memoryBytes[at] = ledger.freeMemoryBytes;
    this.free[at] = ledger.freeDevices;
    this.#whole[at] = devices.whole;
    this.#smallestGib[at] = Math.min(devices.smallestGib, NO_DEVICE);
  }

  clear(from: number, to: number): void {
    this.#microCpus.fill(NOTHING, from, to);
    this.#memoryBytes.fill(NOTHING, from, to);
    this.#whole.fill(0, from, to);
    this.#smallestGib.fill(NO_DEVICE, from, to);
  }

  /** Takes up what stands at `other[from]` where it is more. All that are summed up at `at` have about as many free devices. */
  raise(at: number, other: Figures, from: number, free: number): void {
    if (other.#microCpus[from]! > this.#microCpus[at]!) this.#microCpus[at] = other.#microCpus[from]!;
    if (other.#memoryBytes[from]! > this.#memoryBytes[at]!) this.#memoryBytes[at] = other.#memoryBytes[from]!;
    if (other.#whole[from]! > this.#whole[at]!) this.#whole[at] = other.#whole[from]!;
    if (other.#smallestGib[from]! < this.#smallestGib[at]!) this.#smallestGib[at] = other.#smallestGib[from]!;
    this.free[at] = free;
  }

  /**
   * What the need packs like at best (cluster-cost.ts) on any of the nodes from..to-1; infinite where none has room.
   * `roomGib`: what is free on the fullest of their shared devices that has room for it; -1: none has.
   */
  bound(from: number, to: number, { microCpus, memoryBytes, devices }: Need, roomGib: number): number {
    let best = Number.POSITIVE_INFINITY;
    for (let at = from; at < to; at += 1) {
      if (this.#microCpus[at]! < microCpus || this.#memoryBytes[at]! < memoryBytes) continue;
      const packing = this.#boundAt(at, devices, roomGib);
      if (packing < best) best = packing;
    }
    return best;
  }

  #boundAt(at: number, devices: Need['devices'], roomGib: number): number {
    const free = this.free[at]!;
    switch (devices.kind) {
      case 'none':
        return packingOf(0, 0, 0, free);
      case 'whole': {
        const { count } = devices;
        if (this.#whole[at]! < count) return Number.POSITIVE_INFINITY;
        return packingOf(count, count * this.#smallestGib[at]!, 0, free - count);
      }
      case 'share':
        if (roomGib >= 0) return packingOf(0, 0, roomGib, free);
        return this.#whole[at]! === 0 ? Number.POSITIVE_INFINITY : packingOf(1, this.#smallestGib[at]!, 0, free - 1);
      case 'some':
        return 0;
      default:
        return devices satisfies never;
    }
  }
}

/** Less than any node has, also than one that is over-committed. */
const NOTHING = Number.NEGATIVE_INFINITY;
const NO_DEVICE = 0xffff;
