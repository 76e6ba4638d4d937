import { type DeviceLedger, occupancyOf } from './choose-devices.ts';
import type { NodeLedger } from './cluster-node.ts';
import { gibOf } from './cost.ts';
import { Figures, type Need } from './figures.ts';
import { Rooms } from './rooms.ts';

/** A stretch of a shortlist: the nodes that share the values of the spread preferences; blocks `from` to `to` - 1. */
export interface Group {
  readonly path: readonly string[];
  readonly from: number;
  readonly to: number;
}

/** Of each block, what a need costs at least on any of its nodes, siblings and image apart; infinite where none has room. */
export interface Bounds {
  readonly packings: Float64Array;
  /** The version of the block that this was said of. */
  readonly versions: Int32Array;
}

/** Some of the members, by position, in order; those of block b from `starts[b]` to `starts[b + 1]` - 1. */
export interface Places {
  readonly positions: Int32Array;
  readonly starts: Int32Array;
  /** By need: what is known of these members alone. */
  readonly bounds: Map<string, Bounds>;
}

/** The ledgers that changed, in order. An epoch ends when it became long: then all may have changed. */
export interface ChangeLog {
  readonly epoch: number;
  readonly entries: readonly NodeLedger[];
}

/**
 * The nodes that can ever take the requests of one shape, in blocks, with the most that any node of a block has free. From
 * that follows what a node of the block costs at least, so that a search passes over the blocks that cannot have the best
 * one. A block's figures are raised as soon as a node has more, and brought down only where they promise too much.
 */
export class Shortlist {
  readonly members: readonly NodeLedger[];
  readonly groups: readonly Group[];
  /** A figure for each block, the searcher's own. */
  readonly scratch: Float64Array;
  /** How many members the smallest block has. */
  readonly smallestBlock: number;
  readonly #isMeant: (device: DeviceLedger) => boolean;
  /** By the index of a node: its position among the members, plus one. */
  readonly #positions: Int32Array;
  /** By position. */
  readonly #blocks: Int32Array;
  /** The position at which each block begins; one more for the end. */
  readonly starts: Int32Array;
  readonly #own: Figures;
  /** Of each block, by how many free devices a node has: the most of anything that any of these nodes has. */
  readonly #most: Figures;
  readonly #classes: number;
  readonly #rooms: Rooms;
  /** Of each block, counts the changes of its figures. */
  readonly #versions: Int32Array;
  /** Of each block, a bit for each class whose nodes may have become less than its figures say; one more for the rooms. */
  readonly #loose: Int32Array;
  /** By need; the one that was made first is forgotten first. */
  readonly #bounds: Map<string, Bounds> = new Map();
  readonly #placesByName: Map<string, Places> = new Map();
  /** As far as this the log of changes was read. */
  #epoch = -1;
  #seen = 0;
  /** Changes since it was last asked for. */
  #idle = 0;

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
    for (const group of Map.groupBy(nodes, ledger => options.pathOf(ledger).join('\n')).values()) {
      const from = starts.length;
      for (const alike of byKind(group)) {
        for (let at = 0; at < alike.length; at += BLOCK) starts.push(members.length + at);
        for (const ledger of alike) members.push(ledger);
      }
      groups.push({ path: options.pathOf(group[0]!), from, to: starts.length });
    }
    this.members = members;
    this.groups = groups;
    this.#isMeant = options.isMeant;
    this.starts = Int32Array.from([...starts, members.length]);
    this.#positions = new Int32Array(options.nodeCount);
    this.#blocks = new Int32Array(members.length);
    let smallest = BLOCK;
    for (let b = 0; b < starts.length; b += 1) {
      this.#blocks.fill(b, this.start(b), this.start(b + 1));
      smallest = Math.min(smallest, this.start(b + 1) - this.start(b));
    }
    this.smallestBlock = smallest;
    let [width, largestBytes] = [0, 0];
    for (let i = 0; i < members.length; i += 1) {
      const { index, devices } = members[i]!;
      this.#positions[index] = i + 1;
      width = Math.max(width, devices.length);
      for (const { device } of devices) largestBytes = Math.max(largestBytes, device.memoryBytes ?? 0);
    }
    this.#classes = Math.min(width + 1, MOST_CLASSES);
    this.#own = new Figures(members.length);
    this.#most = new Figures(starts.length * this.#classes);
    const shared = { width: options.isShared ? width : 0, largestBytes };
    this.#rooms = new Rooms({ nodes: members.length, blocks: starts.length, ...shared });
    this.#versions = new Int32Array(starts.length);
    this.scratch = new Float64Array(starts.length);
    this.#loose = new Int32Array(starts.length);
  }

  get blockCount(): number {
    return this.starts.length - 1;
  }

  /** The position of a block's first member; of the block behind the last, how many members there are. */
  start(block: number): number {
    return this.starts[block]!;
  }

  /** Another number whenever a figure of the block has changed. */
  versionOf(block: number): number {
    return this.#versions[block]!;
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

  /** Where these nodes are among the members; remembered by the name. */
  placesOf(name: string, nodes: readonly NodeLedger[]): Places {
    let places = this.#placesByName.get(name);
    if (places) return places;
    const positions = Int32Array.from(nodes.map(({ index }) => this.#positions[index]! - 1).filter(p => p >= 0)).sort();
    const starts = new Int32Array(this.blockCount + 1);
    for (const position of positions) starts[this.#blocks[position]! + 1]! += 1;
    for (let block = 0; block < this.blockCount; block += 1) starts[block + 1]! += starts[block]!;
    places = { positions, starts, bounds: new Map() };
    if (this.#placesByName.size >= MOST_NAMES) this.#placesByName.clear();
    this.#placesByName.set(name, places);
    return places;
  }

  /**
   * A ledger changed, as the log says last. A list that is in use takes that up at once, while the ledger is at hand; one
   * that was not asked for long waits until it is.
   */
  touch(ledger: NodeLedger, { epoch, entries }: ChangeLog): void {
    this.#idle += 1;
    if (this.#idle > IDLE || epoch !== this.#epoch || this.#seen !== entries.length - 1) return;
    this.#seen = entries.length;
    const position = this.#positions[ledger.index]! - 1;
    if (position >= 0) this.#read(position);
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
    this.#idle = 0;
  }

  /** Brought up to date; whoever knows a block's bound better writes it there. */
  boundsFor(need: Need): Bounds {
    const bounds = remembered(this.#bounds, need, this.blockCount);
    for (let block = 0; block < this.blockCount; block += 1) {
      if (bounds.versions[block] !== this.#versions[block]) this.#setBound(block, need, bounds);
    }
    return bounds;
  }

  /** Sees to it that the block's figures, and its bound, promise no more than its nodes have; false: they did not. */
  tighten(block: number, need: Need, bounds: Bounds): boolean {
    const loose = this.#loose[block]!;
    if (loose === 0) return false;
    const first = block * this.#classes;
    for (let c = 0; c < this.#classes; c += 1) if (loose & (1 << c)) this.#most.clear(first + c, first + c + 1);
    if (loose & ROOMS) this.#rooms.clearBlock(block);
    for (let i = this.start(block); i < this.start(block + 1); i += 1) {
      const free = Math.min(this.#own.freeAt(i), this.#classes - 1);
      if (loose & (1 << free)) this.#most.raise(first + free, this.#own, i, free);
      if (loose & ROOMS) this.#rooms.raise(block, i);
    }
    this.#loose[block] = 0;
    this.#versions[block]! += 1;
    this.#setBound(block, need, bounds);
    return true;
  }

  /** What placing it on this member costs at least. */
  memberBound(position: number, need: Need): number {
    const roomGib = need.devices.kind === 'share' ? this.#rooms.ofNode(position, need.devices.bytes) : -1;
    return this.#own.bound(position, position + 1, need, roomGib);
  }

  #setBound(block: number, need: Need, { packings, versions }: Bounds): void {
    const roomGib = need.devices.kind === 'share' ? this.#rooms.ofBlock(block, need.devices.bytes) : -1;
    packings[block] = this.#most.bound(block * this.#classes, (block + 1) * this.#classes, need, roomGib);
    versions[block] = this.#versions[block]!;
  }

  /** Takes a member's figures from its ledger. */
  #read(position: number): void {
    const ledger = this.members[position]!;
    let whole = 0;
    let smallestGib = Number.POSITIVE_INFINITY;
    let shared = 0;
    const block = this.#blocks[position]!;
    this.#loose[block]! |= 1 << Math.min(this.#own.freeAt(position), this.#classes - 1);
    if (this.#rooms.clearNode(position)) this.#loose[block]! |= ROOMS;
    for (const device of ledger.devices) {
      if (!this.#isMeant(device)) continue;
      if (device.holders === 0) {
        if (occupancyOf(device, null) !== null) continue;
        whole += 1;
        smallestGib = Math.min(smallestGib, gibOf(device.device.memoryBytes));
      } else if (this.#rooms.isKept && occupancyOf(device, 0) === null) {
        this.#rooms.set(position, shared, device.device.memoryBytes! - device.declaredBytes);
        shared += 1;
      }
    }
    this.#own.set(position, ledger, { whole, smallestGib });
    const free = Math.min(ledger.freeDevices, this.#classes - 1);
    this.#most.raise(block * this.#classes + free, this.#own, position, free);
    this.#rooms.raise(block, position);
    this.#versions[block]! += 1;
  }
}

/** What is known of some members alone; to be written by whoever looks at them. */
export function boundsOf({ bounds, starts }: Places, need: Need): Bounds {
  return remembered(bounds, need, starts.length - 1);
}

export function newBounds(blocks: number): Bounds {
  return { packings: new Float64Array(blocks), versions: new Int32Array(blocks).fill(-1) };
}

function remembered(all: Map<string, Bounds>, { text }: Need, blocks: number): Bounds {
  let bounds = all.get(text);
  if (!bounds) {
    bounds = newBounds(blocks);
    if (all.size >= MOST_BOUNDS) all.delete(all.keys().next().value!);
    all.set(text, bounds);
  }
  return bounds;
}

/** How many nodes a block has: a search looks at the bounds of all blocks, and at the nodes of a few. */
const BLOCK = 64;
/** Nodes with so many free devices less one, or more, are one class. */
const MOST_CLASSES = 17;
/** The bit of what is free on shared devices, beside those of the classes. */
const ROOMS = 1 << MOST_CLASSES;
/** Where nodes are of more kinds, blocks are of mixed ones. */
const MOST_KINDS = 32;
const MOST_BOUNDS = 64;
/** After so many changes without a search a list is no longer in use. */
const IDLE = 256;
const MOST_NAMES = 256;

/** Nodes of one kind have the same devices and about the same size: of those, a block's figures say most. */
function byKind(nodes: readonly NodeLedger[]): readonly (readonly NodeLedger[])[] {
  const kinds = Map.groupBy(nodes, ({ node, devices }) => {
    const sizes = [node.cpus, node.memoryBytes].map(size => Math.round(2 * Math.log2(size + 1)));
    return [...sizes, ...devices.map(d => d.type.index)].join();
  });
  return kinds.size > MOST_KINDS ? [nodes] : [...kinds.values()];
}
