import { gibOf } from './cluster-cost.ts';
import { Figures, type Need } from './cluster-figures.ts';
import type { NodeLedger } from './cluster-node.ts';
import { type DeviceLedger, occupancyOf } from './devices-choice.ts';

/** A stretch of a shortlist: the nodes that share the values of the spread preferences; blocks `from` to `to` - 1. */
export interface Group {
  readonly path: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** The ledgers that changed, in order. An epoch ends when it became long: then all may have changed. */
export interface ChangeLog {
  readonly epoch: number;
  readonly entries: readonly NodeLedger[];
}

/**
 * The nodes that can ever take the requests of one shape, in blocks, with the most that any node of a block has free. From
 * that follows what a node of the block costs at least, so that a search passes over the blocks that cannot have the best
 * one.
 */
export class Shortlist {
  readonly members: readonly NodeLedger[];
  readonly groups: readonly Group[];
  /** How many members the smallest block has. */
  readonly smallestBlock: number;
  readonly #isMeant: (device: DeviceLedger) => boolean;
  /** By the index of a node: its position among the members, plus one. */
  readonly #positions: Int32Array;
  /** By position. */
  readonly #blocks: Int32Array;
  /** The position at which each block begins; one more for the end. */
  readonly #starts: Int32Array;
  readonly #own: Figures;
  /** Of each block, by how many free devices a node has: the most of anything that any of these nodes has. */
  readonly #most: Figures;
  /** Of each member, what is free on each device that is shared already; -1 behind the last. */
  readonly #shares: Float64Array;
  readonly #width: number;
  /** Of each block, by whole GiB: the most that is free on a shared device with so many GiB free; -1: there is none. */
  readonly #rooms: Float64Array;
  readonly #stale: Set<number> = new Set();
  /** As far as this the log of changes was read. */
  #epoch = -1;
  #seen = 0;

  /** `nodes` in the order of their names; `pathOf` says which of them are one group. */
  constructor(
    nodes: readonly NodeLedger[],
    options: {
      /** Of the whole cluster. */
      readonly nodeCount: number;
      readonly isMeant: (device: DeviceLedger) => boolean;
      /** The requests share devices. */
      readonly isShared: boolean;
      readonly pathOf: (ledger: NodeLedger) => readonly string[];
    },
  ) {
    const starts: number[] = [];
    const groups: Group[] = [];
    const members: NodeLedger[] = [];
    for (const some of Map.groupBy(nodes, ledger => options.pathOf(ledger).join('\n')).values()) {
      const from = starts.length;
      for (let at = 0; at < some.length; at += BLOCK) starts.push(members.length + at);
      for (const ledger of some) members.push(ledger);
      groups.push({ path: options.pathOf(some[0]!), from, to: starts.length });
    }
    this.members = members;
    this.groups = groups;
    this.#isMeant = options.isMeant;
    this.#starts = Int32Array.from([...starts, members.length]);
    this.#positions = new Int32Array(options.nodeCount);
    this.#blocks = new Int32Array(members.length);
    this.#own = new Figures(members.length);
    this.#most = new Figures(starts.length * CLASSES);
    this.#width = options.isShared ? members.reduce((most, m) => Math.max(most, m.devices.length), 0) : 0;
    this.#shares = new Float64Array(members.length * this.#width);
    this.#rooms = new Float64Array(options.isShared ? starts.length * ROOMS : 0);
    let smallest = BLOCK;
    for (let b = 0; b < starts.length; b += 1) {
      this.#blocks.fill(b, this.start(b), this.start(b + 1));
      smallest = Math.min(smallest, this.start(b + 1) - this.start(b));
    }
    this.smallestBlock = smallest;
    for (let i = 0; i < members.length; i += 1) this.#positions[members[i]!.index] = i + 1;
  }

  get blockCount(): number {
    return this.#starts.length - 1;
  }

  /** The position of a block's first member; of the block behind the last, how many members there are. */
  start(block: number): number {
    return this.#starts[block]!;
  }

  /** -1 where the node is no member. */
  blockOf(ledger: NodeLedger): number {
    const position = this.#positions[ledger.index]! - 1;
    return position < 0 ? -1 : this.#blocks[position]!;
  }

  /** The fewest that any node of the block has by this count. */
  floorOf(block: number, counts: ReadonlyMap<NodeLedger, number>): number {
    let least = Number.POSITIVE_INFINITY;
    for (let i = this.start(block); i < this.start(block + 1) && least > 0; i += 1) {
      least = Math.min(least, counts.get(this.members[i]!) ?? 0);
    }
    return least;
  }

  /** Brings the figures up to date with the ledgers; before a search. */
  refresh({ epoch, entries }: ChangeLog): void {
    if (epoch !== this.#epoch || entries.length - this.#seen > this.members.length) {
      for (let i = 0; i < this.members.length; i += 1) this.#read(i);
    } else {
      for (let e = this.#seen; e < entries.length; e += 1) {
        const position = this.#positions[entries[e]!.index]! - 1;
        if (position >= 0) this.#read(position);
      }
    }
    this.#epoch = epoch;
    this.#seen = entries.length;
    for (const block of this.#stale) this.#sumUp(block);
    this.#stale.clear();
  }

  /** What placing it on any node of the block costs at least, apart from siblings and image; infinite where none can. */
  blockBound(block: number, need: Need): number {
    const roomGib = need.devices.kind === 'share' ? this.#blockRoom(block, need.devices.bytes) : -1;
    return this.#most.bound(block * CLASSES, (block + 1) * CLASSES, need, roomGib);
  }

  /** The same of one member. */
  memberBound(position: number, need: Need): number {
    const roomGib = need.devices.kind === 'share' ? this.#memberRoom(position, need.devices.bytes) : -1;
    return this.#own.bound(position, position + 1, need, roomGib);
  }

  /** What is free, in GiB, on the fullest shared device that has so many bytes free; -1: there is none. */
  #blockRoom(block: number, bytes: number): number {
    const end = (block + 1) * ROOMS;
    for (let at = block * ROOMS + Math.min(gibOf(bytes), ROOMS - 1); at < end; at += 1) {
      if (this.#rooms[at]! >= bytes) return at - block * ROOMS;
    }
    return -1;
  }

  #memberRoom(position: number, bytes: number): number {
    let room = Number.POSITIVE_INFINITY;
    for (let at = position * this.#width; at < (position + 1) * this.#width; at += 1) {
      const free = this.#shares[at]!;
      if (free >= bytes && free < room) room = free;
    }
    return room === Number.POSITIVE_INFINITY ? -1 : gibOf(room);
  }

  /** Takes a member's figures from its ledger. */
  #read(position: number): void {
    const ledger = this.members[position]!;
    let whole = 0;
    let smallestGib = Number.POSITIVE_INFINITY;
    let shared = position * this.#width;
    this.#shares.fill(-1, shared, shared + this.#width);
    for (const device of ledger.devices) {
      if (!this.#isMeant(device)) continue;
      if (device.holders === 0) {
        if (occupancyOf(device, null) !== null) continue;
        whole += 1;
        smallestGib = Math.min(smallestGib, gibOf(device.device.memoryBytes));
      } else if (this.#width > 0 && occupancyOf(device, 0) === null) {
        this.#shares[shared] = device.device.memoryBytes! - device.declaredBytes;
        shared += 1;
      }
    }
    this.#own.set(position, ledger, { whole, smallestGib });
    this.#stale.add(this.#blocks[position]!);
  }

  #sumUp(block: number): void {
    this.#most.clear(block * CLASSES, (block + 1) * CLASSES);
    if (this.#width > 0) this.#rooms.fill(-1, block * ROOMS, (block + 1) * ROOMS);
    for (let i = this.start(block); i < this.start(block + 1); i += 1) {
      const free = Math.min(this.#own.free[i]!, CLASSES - 1);
      this.#most.raise(block * CLASSES + free, this.#own, i, free);
      for (let at = i * this.#width; at < (i + 1) * this.#width && this.#shares[at]! >= 0; at += 1) {
        const room = block * ROOMS + Math.min(gibOf(this.#shares[at]!), ROOMS - 1);
        this.#rooms[room] = Math.max(this.#rooms[room]!, this.#shares[at]!);
      }
    }
  }
}

/** How many nodes a block has: a search looks at the figures of all blocks, and at the nodes of a few. */
const BLOCK = 64;
/** Nodes with so many free devices less one, or more, are one class. */
const CLASSES = 17;
/** Shared devices with so many GiB free less one, or more, count alike. */
const ROOMS = 257;
