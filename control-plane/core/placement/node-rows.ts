import { gibOf } from './cost.ts';
import { type Need, packingAtLeast } from './need.ts';

/** What can be given of a device at present. */
export const DEVICE_TAKEN = 0;
/** Others share it; what is left can be given to more of them. */
export const DEVICE_SHARED = 1;
/** Nobody holds any part of it. */
export const DEVICE_FREE = 2;
export type DeviceState = typeof DEVICE_TAKEN | typeof DEVICE_SHARED | typeof DEVICE_FREE;

/** By the index of a device's type, whether a request may be given such devices. */
export type MeantTypes = readonly boolean[];

/**
 * What every node of a cluster has free, node by node in one stretch of memory: searches in large clusters wait for memory
 * and for little else, and what they look at of a node lies in two lines of a processor's cache.
 */
export class NodeRows {
  /** A row for each node: CPUs, memory, free devices, then bytes for each device, in the order of the listing. */
  readonly #rows: Float64Array;
  readonly #width: number;
  /** For each device its state and the index of its type; each node has as many as the node with the most devices. */
  readonly #states: Uint8Array;
  readonly #types: Uint16Array;
  readonly #most: number;
  /** How many devices each node has. */
  readonly #counts: Uint16Array;

  /** `deviceCounts`: of each node. */
  constructor(deviceCounts: readonly number[]) {
    const nodes = deviceCounts.length;
    this.#most = deviceCounts.reduce((most, count) => Math.max(most, count), 0);
    this.#width = Math.ceil((DEVICES + this.#most) / LINE) * LINE;
    this.#rows = new Float64Array(nodes * this.#width);
    this.#states = new Uint8Array(nodes * this.#most);
    this.#types = new Uint16Array(nodes * this.#most);
    this.#counts = Uint16Array.from(deviceCounts);
  }

  freeMicroCpus(node: number): number {
    return this.#rows[node * this.#width + CPUS]!;
  }

  freeMemoryBytes(node: number): number {
    return this.#rows[node * this.#width + MEMORY]!;
  }

  /** How many devices nobody holds any part of, whoever may be given them. */
  freeDevices(node: number): number {
    return this.#rows[node * this.#width + FREE]!;
  }

  /** Adds to what is free. */
  add(node: number, more: { microCpus: number; memoryBytes: number; devices: number }): void {
    const row = node * this.#width;
    this.#rows[row + CPUS]! += more.microCpus;
    this.#rows[row + MEMORY]! += more.memoryBytes;
    this.#rows[row + FREE]! += more.devices;
  }

  setType(node: number, nth: number, type: number): void {
    this.#types[node * this.#most + nth] = type;
  }

  /** `bytes`: of a shared device what is left, of a free one its whole memory. */
  setDevice(node: number, nth: number, state: DeviceState, bytes: number): void {
    this.#states[node * this.#most + nth] = state;
    this.#rows[node * this.#width + DEVICES + nth] = bytes;
  }

  /** How many free devices such a request may be given. */
  wholeCount(node: number, meant: MeantTypes): number {
    const [states, types] = [this.#states, this.#types];
    const first = node * this.#most;
    const end = first + this.#counts[node]!;
    let count = 0;
    for (let at = first; at < end; at += 1) if (states[at] === DEVICE_FREE && meant[types[at]!]) count += 1;
    return count;
  }

  /** The position of the smallest of them; -1: there is none. Of equal ones the first. */
  smallestWhole(node: number, meant: MeantTypes): number {
    return this.#leastOf(node, meant, DEVICE_FREE, 0);
  }

  /** The position of the fullest shared device that has so many bytes left; -1: none has. Of equal ones the first. */
  fullestShared(node: number, meant: MeantTypes, bytes: number): number {
    return this.#leastOf(node, meant, DEVICE_SHARED, bytes);
  }

  /** What `setDevice` was told. */
  deviceBytes(node: number, nth: number): number {
    return this.#rows[node * this.#width + DEVICES + nth]!;
  }

  /** The nth device can be shared by such a request: what is left on it, in bytes; -1: it cannot. */
  roomOf(node: number, nth: number, meant: MeantTypes): number {
    const at = node * this.#most + nth;
    if (this.#states[at] !== DEVICE_SHARED || !meant[this.#types[at]!]) return -1;
    return this.deviceBytes(node, nth);
  }

  deviceCount(node: number): number {
    return this.#counts[node]!;
  }

  /** What the need packs like at best (cost.ts) on the node; infinite where it has no room. */
  packingAtLeast(node: number, need: Need, meant: MeantTypes): number {
    const row = node * this.#width;
    if (this.#rows[row + CPUS]! < need.microCpus || this.#rows[row + MEMORY]! < need.memoryBytes) {
      return Number.POSITIVE_INFINITY;
    }
    const { devices } = need;
    const freeDevices = this.#rows[row + FREE]!;
    if (devices.kind === 'none') return packingAtLeast(devices, freeDevices, 0, 0, -1);
    if (devices.kind === 'share') {
      const nth = this.fullestShared(node, meant, devices.bytes);
      if (nth >= 0) return packingAtLeast(devices, freeDevices, 0, 0, gibOf(this.deviceBytes(node, nth)));
    }
    // Most nodes of a busy cluster have no device that nobody holds.
    if (freeDevices === 0 && devices.kind !== 'some') return Number.POSITIVE_INFINITY;
    const nth = this.smallestWhole(node, meant);
    const smallestGib = nth < 0 ? Number.POSITIVE_INFINITY : gibOf(this.deviceBytes(node, nth));
    return packingAtLeast(devices, freeDevices, this.wholeCount(node, meant), smallestGib, -1);
  }

  #leastOf(node: number, meant: MeantTypes, state: DeviceState, bytes: number): number {
    const [rows, states, types] = [this.#rows, this.#states, this.#types];
    const first = node * this.#most;
    const row = node * this.#width + DEVICES;
    const count = this.#counts[node]!;
    let found = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let nth = 0; nth < count; nth += 1) {
      if (states[first + nth] !== state) continue;
      const has = rows[row + nth]!;
      if (has < bytes || has >= least || !meant[types[first + nth]!]) continue;
      least = has;
      found = nth;
    }
    return found;
  }
}

/** What stands where in a row. */
const [CPUS, MEMORY, FREE, DEVICES] = [0, 1, 2, 3] as const;
/** So many numbers fill a line of a processor's cache. */
const LINE = 8;
