import { type Fit, NodeLedger } from './cluster-node.ts';
import { rejectionsOf } from './cluster-rejections.ts';
import type { NodeRecord } from './node.ts';
import type { ObservedNode } from './observed.ts';
import type { Rejection } from './rejection.ts';
import type { Placement } from './replica.ts';
import type { ServiceKey, ServiceSpec } from './spec.ts';

export { clusterOf } from './cluster-of.ts';
export { makeRoom } from './cluster-room.ts';
export { placeTogether } from './cluster-together.ts';

export interface PlacementRequest {
  readonly replicaId: string;
  readonly service: ServiceKey;
  readonly spec: ServiceSpec;
  readonly createdAt: number;
}

export type Verdict =
  | { readonly kind: 'placed'; readonly placement: Placement }
  | { readonly kind: 'unplaceable'; readonly rejections: readonly Rejection[] };

/** The nodes with everything that replicas hold of them: where the next one goes is read from this and nothing else. */
export class Cluster {
  /** By name, in the order of their names. */
  readonly #nodes: ReadonlyMap<string, NodeLedger>;
  readonly #nodeOf: Map<string, NodeLedger> = new Map();
  readonly #siblings: Map<ServiceKey, Map<NodeLedger, number>> = new Map();

  constructor(nodes: Iterable<ObservedNode>, records: ReadonlyMap<string, NodeRecord>) {
    const sorted = [...nodes].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    this.#nodes = new Map(sorted.map(node => [node.name, new NodeLedger(node, records.get(node.name))]));
  }

  /** Books a placement; of a replica that holds one already, in its stead. Whether there is room is not asked. */
  hold(holder: { replicaId: string; service: ServiceKey }, spec: ServiceSpec, placement: Placement): void {
    this.release(holder.replicaId);
    const ledger = this.#nodes.get(placement.node);
    if (!ledger) return;
    ledger.hold({ replicaId: holder.replicaId, service: holder.service, spec, placement });
    this.#nodeOf.set(holder.replicaId, ledger);
    const counts = this.#siblings.get(holder.service) ?? new Map<NodeLedger, number>();
    this.#siblings.set(holder.service, counts.set(ledger, (counts.get(ledger) ?? 0) + 1));
  }

  /** Gives back what a replica holds; one that holds nothing is no error. */
  release(replicaId: string): void {
    const ledger = this.#nodeOf.get(replicaId);
    if (!ledger) return;
    const holder = ledger.holders.get(replicaId)!;
    ledger.release(replicaId);
    this.#nodeOf.delete(replicaId);
    const counts = this.#siblings.get(holder.service)!;
    const left = counts.get(ledger)! - 1;
    if (left > 0) counts.set(ledger, left);
    else counts.delete(ledger);
  }

  /** The best place at present; books nothing. */
  place(request: PlacementRequest): Verdict {
    const counts = this.#siblings.get(request.service);
    let best: Fit | null = null;
    for (const ledger of this.#nodes.values()) {
      const fit = ledger.fit(request.spec, counts?.get(ledger) ?? 0);
      if (fit && (best === null || fit.cost < best.cost)) best = fit;
    }
    if (best) return { kind: 'placed', placement: best.placement };
    return { kind: 'unplaceable', rejections: this.rejections(request) };
  }

  /** What every node lacks for the request; empty where one has all. */
  rejections({ service, spec }: PlacementRequest): readonly Rejection[] {
    const counts = this.#siblings.get(service);
    if (this.#nodes.size === 0) return [{ node: '', constraint: 'no_node', message: 'no node is known yet' }];
    const all: Rejection[] = [];
    for (const ledger of this.#nodes.values()) {
      const found = rejectionsOf(ledger, spec, counts?.get(ledger) ?? 0);
      if (found.length === 0) return [];
      all.push(...found);
    }
    return all;
  }
}
