import { Blocks, type Group } from './blocks.ts';
import { type Bounds, BoundsByNeed } from './bounds.ts';
import type { NodeLedger } from './cluster-node.ts';
import { gibOf } from './cost.ts';
import { Figures, MOST_CLASSES } from './figures.ts';
import type { Need } from './need.ts';
import type { MeantTypes, NodeRows } from './node-rows.ts';
import { Rooms } from './rooms.ts';

/** Some of the members, by position, in order; those of block b from `starts[b]` to `starts[b + 1]` - 1. */
export interface Places {
  readonly positions: Int32Array;
  readonly starts: Int32Array;
  /** What is known of these members alone. */
  readonly bounds: BoundsByNeed;
}

/** The nodes that changed, by index, in order. An epoch ends when it became long: then all may have changed. */
export interface ChangeLog {
  readonly epoch: number;
  readonly entries: readonly number[];
}

/**
 * The nodes that can ever take the requests of one shape, in blocks, with the most that any node of a block has free. From
 * that follows what a node of the block costs at least, so that a search passes over the blocks that cannot have the best
 * one. A block's figures are raised as soon as a node has more, and brought down only where they promise too much.
 */
export class Shortlist {
  readonly blocks: Blocks;
  /** The devices that the requests may be given. */
  readonly meant: MeantTypes;
  /** A figure for each block, the searcher's own. */
  readonly scratch: Float64Array;
  readonly #rows: NodeRows;
  readonly #hasDevices: boolean;
  /** Of each block, by how many free devices a node has: the most of anything that any of these nodes has. */
  readonly #figures: Figures;
  /** Null where the requests do not share devices. */
  readonly #rooms: Rooms | null;
  /** Of each block, counts the changes of its figures. */
  readonly #versions: Int32Array;
  /** Of each block, a bit for each class whose nodes may have become less than its figures say; one more for the rooms. */
  readonly #loose: Int32Array;
  readonly #bounds: BoundsByNeed;
  readonly #placesByName: Map<string, Places> = new Map();
  /** As far as this the log of changes was read. */
  #epoch = -1;
  #seen = 0;
  #idle = 0;

  /** `nodes` in the order of their names; `pathOf` says which of them are one group. */
  constructor(
    nodes: readonly NodeLedger[],
    options: {
      readonly rows: NodeRows;
      /** Of the whole cluster. */
      readonly nodeCount: number;
      /** Null: the requests need no devices. */
      readonly devices: { readonly meant: MeantTypes; readonly areShared: boolean } | null;
      readonly pathOf: (ledger: NodeLedger) => readonly string[];
    },
  ) {
    const { rows, devices } = options;
    this.blocks = new Blocks(nodes, options);
    const { count } = this.blocks;
    this.meant = devices?.meant ?? [];
    this.#rows = rows;
    this.#hasDevices = devices !== null;
    let [mostDevices, largestBytes] = [0, 0];
    for (const ledger of nodes) {
      mostDevices = Math.max(mostDevices, ledger.devices.length);
      for (const { device } of ledger.devices) largestBytes = Math.max(largestBytes, device.memoryBytes ?? 0);
    }
    this.#figures = new Figures(count, mostDevices);
    this.#rooms = devices?.areShared ? new Rooms(count, largestBytes) : null;
    this.#bounds = new BoundsByNeed(count);
    this.#versions = new Int32Array(count);
    this.#loose = new Int32Array(count);
    this.scratch = new Float64Array(count);
  }

  get groups(): readonly Group[] {
    return this.blocks.groups;
  }

  /** How many changes there were since it was last asked for. */
  get idleChanges(): number {
    return this.#idle;
  }

  /** Another number whenever a figure of the block has changed. */
  versionOf(block: number): number {
    return this.#versions[block]!;
  }

  /** The fewest that any node of the block has by this count, which is by the index of a node. */
  floorOf(block: number, counts: ReadonlyMap<number, number>): number {
    const { members, starts } = this.blocks;
    let least = Number.POSITIVE_INFINITY;
    for (let at = starts[block]!; at < starts[block + 1]! && least > 0; at += 1) {
      least = Math.min(least, counts.get(members[at]!) ?? 0);
    }
    return least;
  }

  /** Where these nodes are among the members; remembered by the name. */
  placesOf(name: string, nodes: readonly NodeLedger[]): Places {
    let places = this.#placesByName.get(name);
    if (places) return places;
    const { blocks } = this;
    const members = nodes.filter(({ index }) => blocks.positionOf(index) >= 0);
    const positions = Int32Array.from(members, ({ index }) => blocks.positionOf(index)).sort();
    const starts = new Int32Array(blocks.count + 1);
    for (const { index } of members) starts[blocks.blockOf(index) + 1]! += 1;
    for (let block = 0; block < blocks.count; block += 1) starts[block + 1]! += starts[block]!;
    places = { positions, starts, bounds: new BoundsByNeed(blocks.count) };
    if (this.#placesByName.size >= MOST_NAMES) this.#placesByName.clear();
    this.#placesByName.set(name, places);
    return places;
  }

  /**
   * A node changed, as the log says last; before, it had so many free devices. A list that is in use takes that up at once,
   * while the node's row is at hand; one that was not asked for long waits until it is.
   */
  touch(node: number, freeBefore: number, { epoch, entries }: ChangeLog): void {
    this.#idle += 1;
    if (this.#idle > IDLE || epoch !== this.#epoch || this.#seen !== entries.length - 1) return;
    this.#seen = entries.length;
    this.#read(node, this.#figures.classBit(freeBefore) | (this.#rooms ? ROOMS : 0));
  }

  /** Brings the figures up to date with the nodes; before a search. */
  refresh({ epoch, entries }: ChangeLog): void {
    const { members } = this.blocks;
    this.#idle = 0;
    if (epoch === this.#epoch && entries.length === this.#seen) return;
    if (epoch !== this.#epoch || entries.length - this.#seen > members.length) {
      for (const node of members) this.#read(node, ALL);
    } else {
      for (let e = this.#seen; e < entries.length; e += 1) this.#read(entries[e]!, ALL);
    }
    this.#epoch = epoch;
    this.#seen = entries.length;
  }

  /** Brought up to date; whoever knows a block's bound better writes it there. */
  boundsFor(need: Need): Bounds {
    const bounds = this.#bounds.of(need);
    const { versions } = bounds;
    for (let block = 0; block < versions.length; block += 1) {
      if (versions[block] !== this.#versions[block]) this.#setBound(block, need, bounds);
    }
    return bounds;
  }

  /** Sees to it that the block's figures, and its bound, promise no more than its nodes have; false: they did not. */
  tighten(block: number, need: Need, bounds: Bounds): boolean {
    const loose = this.#loose[block]!;
    if (loose === 0) return false;
    this.#figures.clear(block, loose);
    if (loose & ROOMS) this.#rooms?.clear(block);
    const { members, starts } = this.blocks;
    for (let at = starts[block]!; at < starts[block + 1]!; at += 1) {
      const node = members[at]!;
      if (loose & this.#figures.classBit(this.#rows.freeDevices(node))) this.#raiseFigures(block, node);
      if (loose & ROOMS) this.#raiseRooms(block, node);
    }
    this.#loose[block] = 0;
    this.#versions[block]! += 1;
    this.#setBound(block, need, bounds);
    return true;
  }

  #setBound(block: number, need: Need, { packings, versions }: Bounds): void {
    const { devices } = need;
    const roomGib = devices.kind === 'share' && this.#rooms ? this.#rooms.leastGib(block, devices.bytes) : -1;
    packings[block] = this.#figures.bound(block, need, roomGib);
    versions[block] = this.#versions[block]!;
  }

  /** Takes up what the node has now; of the classes of the bits it may have been, with more than that. */
  #read(node: number, bits: number): void {
    const block = this.blocks.blockOf(node);
    if (block < 0) return;
    this.#raiseFigures(block, node);
    this.#raiseRooms(block, node);
    this.#loose[block]! |= bits;
    this.#versions[block]! += 1;
  }

  #raiseFigures(block: number, node: number): void {
    const rows = this.#rows;
    let [whole, smallestGib] = [0, Number.POSITIVE_INFINITY];
    const freeDevices = rows.freeDevices(node);
    if (this.#hasDevices && freeDevices > 0) {
      whole = rows.wholeCount(node, this.meant);
      const nth = rows.smallestWhole(node, this.meant);
      if (nth >= 0) smallestGib = gibOf(rows.deviceBytes(node, nth));
    }
    const [microCpus, memoryBytes] = [rows.freeMicroCpus(node), rows.freeMemoryBytes(node)];
    this.#figures.raise(block, { freeDevices, microCpus, memoryBytes, whole, smallestGib });
  }

  #raiseRooms(block: number, node: number): void {
    if (!this.#rooms) return;
    for (let nth = 0; nth < this.#rows.deviceCount(node); nth += 1) {
      const bytes = this.#rows.roomOf(node, nth, this.meant);
      if (bytes >= 0) this.#rooms.raise(block, bytes);
    }
  }
}

/** The bit of what is left on shared devices, beside those of the classes. */
const ROOMS = 1 << MOST_CLASSES;
const ALL = 2 * ROOMS - 1;
/** After so many changes without a search a list is no longer in use. */
const IDLE = 256;
const MOST_NAMES = 256;
