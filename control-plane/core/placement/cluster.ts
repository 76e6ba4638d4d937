import type { NodeRecord } from '../node.ts';
import type { ImageState, ObservedNode } from '../observed.ts';
import type { Placement } from '../replica.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';
import { AbsentImages } from './absent-images.ts';
import { type Fit, type HeldPlace, NodeLedger } from './cluster-node.ts';
import { DeviceTypes } from './device-types.ts';
import { NodeRows } from './node-rows.ts';
import type { Rejection } from './rejection.ts';
import { rejectionsOf } from './rejections.ts';
import { search } from './search.ts';
import { ServiceLoad } from './service-load.ts';
import { Shapes } from './shapes.ts';

export interface PlacementRequest {
  readonly replicaId: string;
  readonly service: ServiceKey;
  readonly spec: ServiceSpec;
  readonly createdAt: number;
}

export type Verdict =
  | { readonly kind: 'placed'; readonly placement: Placement }
  /** Of every node, why not. */
  | { readonly kind: 'unplaceable'; readonly rejections: readonly Rejection[] };

/** The nodes with everything that replicas hold of them: where the next one goes is read from this and nothing else. */
export class Cluster {
  /** In the order of their names. */
  readonly #nodes: readonly NodeLedger[];
  readonly #byName: ReadonlyMap<string, NodeLedger>;
  readonly #rows: NodeRows;
  readonly #held: Map<string, HeldPlace & { readonly ledger: NodeLedger }> = new Map();
  readonly #loads: Map<ServiceKey, ServiceLoad> = new Map();
  readonly #shapes: Shapes;
  readonly #absent: AbsentImages;
  readonly #log: { epoch: number; entries: number[] } = { epoch: 0, entries: [] };
  /** What was found last: mostly it is booked next. */
  #found: { readonly placement: Placement; readonly fit: Fit } | null = null;

  /** `images`: what is known of single images beside what the nodes list, by imageKey. */
  constructor(
    nodes: Iterable<ObservedNode>,
    records: ReadonlyMap<string, NodeRecord>,
    images: ReadonlyMap<string, ImageState> = new Map(),
  ) {
    const types = new DeviceTypes();
    const sorted = [...nodes].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    const rows = new NodeRows(sorted.map(node => node.devices.length));
    this.#rows = rows;
    this.#nodes = sorted.map((node, index) => new NodeLedger(node, records.get(node.name), index, { types, rows }));
    this.#byName = new Map(this.#nodes.map(ledger => [ledger.node.name, ledger]));
    this.#absent = new AbsentImages(images);
    this.#shapes = new Shapes(this.#nodes, { types, rows, absent: this.#absent });
  }

  /** Books a placement; of a replica that holds one already, in its stead. Whether there is room is not asked. */
  hold(holder: { replicaId: string; service: ServiceKey }, spec: ServiceSpec, placement: Placement): void {
    this.release(holder.replicaId);
    const fit = this.#found?.placement === placement ? this.#found.fit : null;
    const ledger = fit ? fit.ledger : this.#byName.get(placement.node);
    if (!ledger) return;
    const { replicaId, service } = holder;
    const held = { replicaId, service, spec, placement, ledger, devices: fit?.devices };
    this.#held.set(replicaId, held);
    ledger.hold(held);
    let load = this.#loads.get(service);
    if (!load) {
      load = new ServiceLoad(this.#nodes);
      this.#loads.set(service, load);
    }
    load.add(ledger, 1);
    this.#changed(ledger);
  }

  /** Gives back what a replica holds; one that holds nothing is no error. */
  release(replicaId: string): void {
    const held = this.#held.get(replicaId);
    if (!held) return;
    const { ledger, service } = held;
    this.#held.delete(replicaId);
    ledger.release(held);
    const load = this.#loads.get(service)!;
    load.add(ledger, -1);
    if (load.nodeCount === 0) this.#loads.delete(service);
    this.#changed(ledger);
  }

  /** From now on counts what is measured on devices beyond what is held of them as held, too. */
  countMeasured(): void {
    for (const ledger of this.#nodes) if (ledger.countMeasured()) this.#changed(ledger);
  }

  /** The best place at present; books nothing. */
  place(request: PlacementRequest): Verdict {
    const placement = this.find(request);
    return placement ? { kind: 'placed', placement } : { kind: 'unplaceable', rejections: this.rejections(request) };
  }

  /** The same without the reasons, which take longer to tell than the place to find. */
  find({ service, spec }: Pick<PlacementRequest, 'service' | 'spec'>): Placement | null {
    const nodes = { ledgers: this.#nodes, rows: this.#rows };
    const fit = search(nodes, this.#shapes.candidatesFor(spec, this.#log), spec, this.#loads.get(service));
    if (!fit) return null;
    const placement = { node: fit.ledger.node.name, devices: fit.devices.map(d => d.device.id) };
    this.#found = { placement, fit };
    return placement;
  }

  /** The nodes that could take a replica of the spec if nobody held anything of them, CPUs and memory apart. */
  eligibleFor(spec: ServiceSpec): readonly NodeLedger[] {
    return this.#shapes.eligibleFor(spec);
  }

  /** Whether any node may ever take a replica of the spec, as far as is known of nodes and images. */
  mayTake(spec: ServiceSpec): boolean {
    return this.#shapes.mayTake(spec);
  }

  ledgerOf(node: string): NodeLedger | undefined {
    return this.#byName.get(node);
  }

  /** How many replicas of the service hold something of the node. */
  siblingsOn(ledger: NodeLedger, service: ServiceKey): number {
    return this.#loads.get(service)?.on(ledger.index) ?? 0;
  }

  /** What every node lacks for the request; empty where one has all. */
  rejections({ service, spec }: Pick<PlacementRequest, 'service' | 'spec'>): readonly Rejection[] {
    if (this.#nodes.length === 0) return [{ node: '', constraint: 'no_node', message: 'no node is known yet' }];
    const imageAt = this.#imageAt(spec);
    const all: Rejection[] = [];
    for (const ledger of this.#nodes) {
      const found = this.#rejectionsOf(ledger, { service, spec }, imageAt);
      if (found.length === 0) return [];
      all.push(...found);
    }
    return all;
  }

  /** What one node lacks for the request. */
  rejectionsOn(node: string, { service, spec }: Pick<PlacementRequest, 'service' | 'spec'>): readonly Rejection[] {
    const ledger = this.#byName.get(node);
    return ledger ? this.#rejectionsOf(ledger, { service, spec }, this.#imageAt(spec)) : [];
  }

  #rejectionsOf(
    ledger: NodeLedger,
    { service, spec }: Pick<PlacementRequest, 'service' | 'spec'>,
    imageAt: readonly string[],
  ): readonly Rejection[] {
    const isImageAbsent = this.#absent.isAbsent(ledger.node, spec);
    return rejectionsOf(ledger, spec, { siblings: this.siblingsOn(ledger, service), imageAt, isImageAbsent });
  }

  #imageAt(spec: ServiceSpec): readonly string[] {
    return this.#shapes.isUnpullable(spec) ? this.#shapes.nodesWith(spec).map(l => l.node.name) : [];
  }

  #changed({ index }: NodeLedger): void {
    const log = this.#log;
    log.entries.push(index);
    this.#shapes.touch(index, log);
    if (log.entries.length > this.#nodes.length * LOG_PER_NODE + LOG_LEAST) {
      log.entries = [];
      log.epoch += 1;
    }
  }
}

const LOG_PER_NODE = 4;
const LOG_LEAST = 1_024;
