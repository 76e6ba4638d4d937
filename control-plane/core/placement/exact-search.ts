import type { Placement } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import { deviceChoices, stateOf } from './choose-devices.ts';
import type { Cluster, PlacementRequest } from './cluster.ts';
import { hasImage, type NodeLedger } from './cluster-node.ts';
import { sharedMemoryOf } from './device-fit.ts';

/** How many ways to go on a search may still look at; shared by the searches of one pass. */
export interface Budget {
  left: number;
}

/** What counts for and against the places of several replicas, together. Less is better, spread before devices. */
export interface Bill {
  /** Pairs of replicas of one service that share a node. */
  readonly siblings: number;
  readonly imagesAbsent: number;
  /** Devices that nobody held any part of before. */
  readonly opened: number;
}

/**
 * A place for every one of the requests at once, or null where there is none, or where the budget ended before one was
 * found. With `better` only one that opens fewer devices than that, and is no worse otherwise; then the one that opens the
 * fewest. Books nothing. It tries all ways that differ in more than which of two equal nodes or devices they take, the
 * request with the fewest ways first, so that a dead end shows early.
 */
export function placeAll(
  cluster: Cluster,
  requests: readonly PlacementRequest[],
  { budget, better }: { readonly budget: Budget; readonly better?: Bill },
): ReadonlyMap<string, Placement> | null {
  return new ExactSearch(cluster, requests, budget, better).run();
}

interface Way {
  readonly placement: Placement;
  readonly bill: Bill;
}

class ExactSearch {
  readonly #cluster: Cluster;
  readonly #requests: readonly PlacementRequest[];
  readonly #budget: Budget;
  readonly #eligible: ReadonlyMap<ServiceSpec, readonly NodeLedger[]>;
  readonly #specNumbers: ReadonlyMap<ServiceSpec, number>;
  /** What tells a node from another for good, as far as any of the requests can see. */
  readonly #kinds: Map<NodeLedger, string> = new Map();
  readonly #placed: Map<string, Placement> = new Map();
  /** The part solutions that led to none, or to none that is better. */
  readonly #deadEnds: Set<string> = new Set();
  /** What a solution has to beat; null: any will do. */
  #better: Bill | null;
  #best: ReadonlyMap<string, Placement> | null = null;

  constructor(cluster: Cluster, requests: readonly PlacementRequest[], budget: Budget, better: Bill | undefined) {
    this.#cluster = cluster;
    this.#requests = requests;
    this.#budget = budget;
    this.#better = better ?? null;
    const specs = [...new Set(requests.map(r => r.spec))];
    this.#eligible = new Map(specs.map(spec => [spec, cluster.eligibleFor(spec)]));
    this.#specNumbers = new Map(specs.map((spec, i) => [spec, i]));
    const isOneOfAKind = specs.some(
      ({ resources: { gpu }, placement, ports }) =>
        (gpu?.deviceIds.length ?? 0) > 0 || placement.maxPerNode !== undefined || ports.length > 0,
    );
    for (const [spec, nodes] of this.#eligible) {
      for (const ledger of nodes) {
        const seenBy = `${this.#kinds.get(ledger) ?? ''} ${this.#specNumbers.get(spec)}`;
        this.#kinds.set(ledger, isOneOfAKind ? ledger.node.name : seenBy);
      }
    }
  }

  run(): ReadonlyMap<string, Placement> | null {
    try {
      this.#search(NO_BILL);
      return this.#best;
    } finally {
      for (const id of this.#placed.keys()) this.#cluster.release(id);
    }
  }

  /** Goes on from what is placed; true: nothing is left to be found. */
  #search(bill: Bill): boolean {
    const waiting = this.#requests.filter(r => !this.#placed.has(r.replicaId));
    if (waiting.length === 0) {
      this.#best = new Map(this.#placed);
      if (this.#better) this.#better = { ...this.#better, opened: bill.opened };
      return this.#better === null;
    }
    const state = this.#stateText();
    if (this.#deadEnds.has(state)) return false;
    const { request, ways } = this.#next(waiting);
    for (const way of ways) {
      const sum = plus(bill, way.bill);
      if (this.#better && !isBelow(sum, this.#better)) continue;
      if (this.#budget.left <= 0) return true;
      this.#cluster.hold(request, request.spec, way.placement);
      this.#placed.set(request.replicaId, way.placement);
      const isDone = this.#search(sum);
      if (isDone) return true;
      this.#placed.delete(request.replicaId);
      this.#cluster.release(request.replicaId);
    }
    this.#deadEnds.add(state);
    return false;
  }

  /** The request that has the fewest ways to go. */
  #next(waiting: readonly PlacementRequest[]): { request: PlacementRequest; ways: readonly Way[] } {
    let next: { request: PlacementRequest; ways: readonly Way[] } | null = null;
    const seen = new Set<ServiceSpec>();
    for (const request of waiting) {
      if (seen.has(request.spec)) continue;
      seen.add(request.spec);
      const ways = this.#waysFor(request);
      if (next === null || ways.length < next.ways.length) next = { request, ways };
      if (ways.length === 0) break;
    }
    return next!;
  }

  /** One for each kind of node in each state, and each choice of devices there; the best first. */
  #waysFor({ spec, service }: PlacementRequest): readonly Way[] {
    const ways: Way[] = [];
    const seen = new Set<string>();
    for (const ledger of this.#eligible.get(spec)!) {
      const siblings = this.#cluster.siblingsOn(ledger, service);
      if (!ledger.hasRoom(spec, siblings)) continue;
      const devices = ledger.devices.map(stateOf).sort().join();
      const image = hasImage(ledger.node, spec.image);
      const size = `${ledger.freeMicroCpus} ${ledger.freeMemoryBytes} ${siblings} ${image}`;
      const state = `${this.#kinds.get(ledger)} ${size} ${devices}`;
      if (seen.has(state)) continue;
      seen.add(state);
      this.#budget.left -= 1;
      const options = { sharedBytes: sharedMemoryOf(spec), most: MOST_CHOICES };
      for (const choice of deviceChoices(spec.resources.gpu, ledger.devices, options)) {
        const placement = { node: ledger.node.name, devices: choice.devices.map(d => d.device.id) };
        ways.push({ placement, bill: { siblings, imagesAbsent: image ? 0 : 1, opened: choice.opened } });
      }
    }
    return ways.sort((a, b) => compareBills(a.bill, b.bill));
  }

  /** Which specs have which places, whoever of equal replicas has which. */
  #stateText(): string {
    const specs = new Map(this.#requests.map(r => [r.replicaId, this.#specNumbers.get(r.spec)]));
    return [...this.#placed]
      .map(([id, { node, devices }]) => `${specs.get(id)}@${node}/${devices.join()}`)
      .sort()
      .join(' ');
  }
}

export const NO_BILL: Bill = { siblings: 0, imagesAbsent: 0, opened: 0 };

/** What one more replica at this place adds. */
export function billOf(cluster: Cluster, { service, spec }: PlacementRequest, placement: Placement): Bill {
  const ledger = cluster.ledgerOf(placement.node);
  if (!ledger) return NO_BILL;
  return {
    siblings: cluster.siblingsOn(ledger, service),
    imagesAbsent: hasImage(ledger.node, spec.image) ? 0 : 1,
    opened: ledger.devices.filter(d => d.holders === 0 && placement.devices.includes(d.device.id)).length,
  };
}

export function plus(a: Bill, b: Bill): Bill {
  return {
    siblings: a.siblings + b.siblings,
    imagesAbsent: a.imagesAbsent + b.imagesAbsent,
    opened: a.opened + b.opened,
  };
}

function isBelow(sum: Bill, limit: Bill): boolean {
  return sum.siblings <= limit.siblings && sum.imagesAbsent <= limit.imagesAbsent && sum.opened < limit.opened;
}

function compareBills(a: Bill, b: Bill): number {
  return a.siblings - b.siblings || a.imagesAbsent - b.imagesAbsent || a.opened - b.opened;
}

const MOST_CHOICES = 64;
