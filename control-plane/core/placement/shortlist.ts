import { Blocks, type Group } from './blocks.ts';
import { type Bounds, BoundsByNeed } from './bounds.ts';
import type { NodeLedger } from './cluster-node.ts';
import { gibOf } from './cost.ts';
import { Figures } from './figures.ts';
import { Likely, type Members, type Stretch } from './members.ts';
import { type Need, packingAtBest } from './need.ts';
import type { MeantTypes, NodeRows } from './node-rows.ts';
import { Rooms } from './rooms.ts';

/** Some of the members, by position, in order; those of block b from `starts[b]` to `starts[b + 1]` - 1. */
export interface Places {
  readonly positions: Int32Array;
  readonly starts: Int32Array;
  readonly members: Members;
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
  /** Who was found last by `nextLikely`. */
  readonly likely: Likely = new Likely();
  readonly #rows: NodeRows;
  readonly #hasDevices: boolean;
  /** The memory of the smallest device that the requests may be given. */
  readonly #smallestGib: number;
  /** Of each block, by how many free devices a node has: the most of anything that any of these nodes has. */
  readonly #figures: Figures;
  /** Null where the requests do not share devices. */
  readonly #rooms: Rooms | null;
  /** Of each block, counts the changes of its figures. */
  readonly versions: Int32Array;
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
    let [mostDevices, largestBytes, smallestBytes] = [0, 0, Number.MAX_VALUE];
    for (const ledger of nodes) {
      mostDevices = Math.max(mostDevices, ledger.devices.length);
      for (const { device, type } of ledger.devices) {
        const { memoryBytes = 0 } = device;
        largestBytes = Math.max(largestBytes, memoryBytes);
        if (this.meant[type.index]) smallestBytes = Math.min(smallestBytes, memoryBytes);
      }
    }
    this.#smallestGib = gibOf(smallestBytes);
    this.#figures = new Figures(count, mostDevices);
    this.#rooms = devices?.areShared ? new Rooms(count, largestBytes) : null;
    this.#bounds = new BoundsByNeed(count);
    this.versions = new Int32Array(count);
    this.scratch = new Float64Array(count);
  }

  get groups(): readonly Group[] {
    return this.blocks.groups;
  }

  /**
   * The first of these blocks where any member, or any of the places, may pack the need as well as any node could; `to` where
   * there is none. Who may, `likely` says.
   */
  nextLikely(blocks: Stretch, need: Need, places: Places | null): number {
    const { devices } = need;
    const sought = { some: places?.members ?? null, blocks, likely: this.likely };
    switch (devices.kind) {
      case 'none':
        return this.#figures.nextLikely(need, 0, sought);
      case 'whole':
        return this.#figures.nextLikely(need, devices.count, sought);
      case 'share':
        return this.#rooms?.nextLikely(devices.bytes, sought) ?? blocks.to;
      case 'some':
        return blocks.to;
      default:
        return devices satisfies never;
    }
  }

  /** On no node, whatever is held of it, does the need pack better (cost.ts). */
  leastPacking({ devices }: Need): number {
    return packingAtBest(devices, this.#smallestGib);
  }

  /** How many changes there were since it was last asked for. */
  get idleChanges(): number {
    return this.#idle;
  }

  /** Where these nodes are among the members; remembered by the name. */
  placesOf(name: string, nodes: readonly NodeLedger[]): Places {
    let places = this.#placesByName.get(name);
    if (places) return places;
    const { blocks } = this;
    const found = nodes.map(({ index }) => index).filter(node => blocks.blockOf(node) >= 0);
    const positionOf = (node: number) => blocks.starts[blocks.blockOf(node)]! + blocks.memberOf(node);
    const positions = Int32Array.from(found, positionOf).sort();
    const starts = new Int32Array(blocks.count + 1);
    const members = new Int32Array(blocks.count * 2);
    for (const node of found) {
      const [block, member] = [blocks.blockOf(node), blocks.memberOf(node)];
      starts[block + 1]! += 1;
      members[block * 2 + (member >> 5)]! |= 1 << (member & 31);
    }
    for (let block = 0; block < blocks.count; block += 1) starts[block + 1]! += starts[block]!;
    places = { positions, starts, members, bounds: new BoundsByNeed(blocks.count) };
    if (this.#placesByName.size >= MOST_NAMES) this.#placesByName.clear();
    this.#placesByName.set(name, places);
    return places;
  }

  /**
   * A node changed, as the log says last. A list that is in use takes that up at once, while the node's row is at
   * hand; one that was not asked for long waits until it is.
   */
  touch(node: number, { epoch, entries }: ChangeLog): void {
    this.#idle += 1;
    if (this.#idle > IDLE || epoch !== this.#epoch || this.#seen !== entries.length - 1) return;
    this.#seen = entries.length;
    this.#read(node);
  }

  /** Brings the figures up to date with the nodes; before a search. */
  refresh({ epoch, entries }: ChangeLog): void {
    const { members } = this.blocks;
    this.#idle = 0;
    if (epoch === this.#epoch && entries.length === this.#seen) return;
    if (epoch !== this.#epoch || entries.length - this.#seen > members.length) {
      for (const node of members) this.#read(node);
    } else {
      for (let e = this.#seen; e < entries.length; e += 1) this.#read(entries[e]!);
    }
    this.#epoch = epoch;
    this.#seen = entries.length;
  }

  /** Of all members, or of some; whoever knows a block's bound better writes it there. */
  boundsFor(need: Need, places: Places | null): Bounds {
    return (places ?? { bounds: this.#bounds }).bounds.of(need);
  }

  /** Of one block, brought up to date. */
  boundOf(block: number, need: Need, bounds: Bounds, places: Places | null): number {
    if (bounds.versions[block] !== this.versions[block]) this.#setBound(block, need, bounds, places);
    return bounds.packings[block]!;
  }

  /** Sees to it that the block's figures promise no more than its nodes have; for when they did. */
  tighten(block: number): void {
    if (!this.#figures.isLoose(block)) return;
    this.#figures.clearLoose(block);
    const { members, starts } = this.blocks;
    const first = starts[block]!;
    for (let at = first; at < starts[block + 1]!; at += 1) {
      const isThere = this.#figures.isIn(block, at - first, this.#rows.freeDevices(members[at]!));
      if (!isThere) this.#setFigures(block, members[at]!);
    }
    this.versions[block]! += 1;
  }

  #setBound(block: number, need: Need, { packings, versions }: Bounds, places: Places | null): void {
    const { devices } = need;
    const some = places?.members ?? null;
    const roomGib = devices.kind === 'share' && this.#rooms ? this.#rooms.leastGib(block, devices.bytes, some) : -1;
    packings[block] = this.#figures.bound(block, need, { roomGib, some });
    versions[block] = this.versions[block]!;
  }

  /** Takes up what the node has now. */
  #read(node: number): void {
    const block = this.blocks.blockOf(node);
    if (block < 0) return;
    this.#setFigures(block, node);
    this.#setRooms(block, node);
    this.versions[block]! += 1;
  }

  #setFigures(block: number, node: number): void {
    const rows = this.#rows;
    let [whole, smallestGib] = [0, Number.POSITIVE_INFINITY];
    const devices = rows.freeDevices(node);
    if (this.#hasDevices && devices > 0) {
      whole = rows.wholeCount(node, this.meant);
      const nth = rows.smallestWhole(node, this.meant);
      if (nth >= 0) smallestGib = gibOf(rows.deviceBytes(node, nth));
    }
    const [microCpus, memoryBytes] = [rows.freeMicroCpus(node), rows.freeMemoryBytes(node)];
    this.#figures.set(block, this.blocks.memberOf(node), { devices, microCpus, memoryBytes, whole, smallestGib });
  }

  #setRooms(block: number, node: number): void {
    if (!this.#rooms) return;
    const member = this.blocks.memberOf(node);
    this.#rooms.clear(block, member);
    for (let nth = 0; nth < this.#rows.deviceCount(node); nth += 1) {
      const bytes = this.#rows.roomOf(node, nth, this.meant);
      if (bytes >= 0) this.#rooms.add(block, member, bytes);
    }
  }
}

/** After so many changes without a search a list is no longer in use. */
const IDLE = 256;
const MOST_NAMES = 256;
