import type { JudgedNodes } from '../nodes/judged-nodes.ts';
import type { Observed, ObservedContainer } from '../observed.ts';
import type { ServiceSpec } from '../spec.ts';

/** What a replica's next event follows from, beside the phase that it is in. */
export interface ReplicaFacts {
  readonly spec: ServiceSpec;
  readonly observed: Observed;
  /** Containers of this replica, of all its attempts, as the last listings of its node and of answering ones showed them. */
  readonly containers: readonly ObservedContainer[];
  readonly nodes: JudgedNodes;
  readonly now: number;
  /** Since when a pull of its image will do, though it had no place yet; infinite: it is to be made since it has one. */
  readonly pulledSince: number;
  /** Somebody else holds the devices of its place. */
  readonly isContested: boolean;
  /** Its generation was ready once. */
  readonly isKnownToWork: boolean;
  /** Its generation takes the place of another one at present. */
  readonly isUpdate: boolean;
  /** Its service is being removed. */
  readonly isDeleted: boolean;
}
