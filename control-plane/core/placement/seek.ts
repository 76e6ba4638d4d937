import type { ServiceSpec } from '../spec.ts';
import type { Bounds } from './bounds.ts';
import type { NodeLedger } from './cluster-node.ts';
import type { NodeRows } from './node-rows.ts';
import type { ServiceLoad } from './service-load.ts';
import type { Candidates } from './shapes.ts';
import type { Places } from './shortlist.ts';

/** All that a search for one replica's place is told. */
export interface Seek extends Nodes, Candidates {
  readonly spec: ServiceSpec;
  readonly load: ServiceLoad | undefined;
}

/** What is searched of the blocks of a list: all members, or only some. */
export interface Field {
  /** None of the nodes has the image, but for those of the field that was searched before. */
  readonly imageAbsent: boolean;
  /** Null: all members. */
  readonly places: Places | null;
  /** Those of block b from `starts[b]` to `starts[b + 1]` - 1, by position: of the members, or among the places. */
  readonly starts: Int32Array;
  readonly bounds: Bounds;
  /** Of each block, the fewest replicas of the service that a node has; null: none. */
  readonly siblings: Uint16Array | null;
  /** What was the least cost in the block when it was looked at for this service; null: as `siblings`. */
  readonly costs: Bounds | null;
  /** No place can cost less. */
  readonly leastCost: number;
}

/** Of the whole cluster. */
export interface Nodes {
  /** By index. */
  readonly ledgers: readonly NodeLedger[];
  readonly rows: NodeRows;
}
