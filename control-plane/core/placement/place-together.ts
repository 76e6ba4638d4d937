import type { Placement } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import type { Cluster, PlacementRequest, Verdict } from './cluster.ts';
import { sharedMemoryOf } from './device-fit.ts';
import { type Bill, type Budget, billOf, NO_BILL, placeAll, plus } from './exact-search.ts';

/**
 * Places several replicas and books what it places. Where there is room for all, all are placed: the hardest first, and
 * where that leaves one out although it fits by itself, a small batch by an exact search. Where there is not, they have
 * their turn by priority and age, each placed if those before it can be placed beside it. The outcome does not depend on
 * the order of the requests.
 */
export function placeTogether(cluster: Cluster, requests: readonly PlacementRequest[]): ReadonlyMap<string, Verdict> {
  const batch = new Batch(cluster, requests);
  if (!batch.placeAll()) batch.placeInTurn();
  return batch.verdicts();
}

class Batch {
  readonly #cluster: Cluster;
  readonly #requests: readonly PlacementRequest[];
  /** Booked. */
  readonly #placed: Map<string, { readonly request: PlacementRequest; readonly placement: Placement }> = new Map();
  readonly #budget: Budget;

  constructor(cluster: Cluster, requests: readonly PlacementRequest[]) {
    this.#cluster = cluster;
    this.#requests = requests;
    this.#budget = { left: requests.length <= FEW ? STEPS : 0 };
  }

  /** All of the requests, or none. */
  placeAll(): boolean {
    return this.#arrange(this.#requests);
  }

  placeInTurn(): void {
    /** A spec that found no room finds none later: what is placed only takes more. */
    const full = new Set<ServiceSpec>();
    for (const request of this.#requests.toSorted(byAge)) {
      if (full.has(request.spec)) continue;
      const placement = this.#cluster.find(request);
      if (placement) this.#book(request, placement);
      else if (!this.#rearrangeWith(request)) full.add(request.spec);
    }
    // Where others were moved meanwhile, there may be room now.
    for (const request of this.#requests.toSorted(byAge)) {
      if (this.#placed.has(request.replicaId)) continue;
      const placement = this.#cluster.find(request);
      if (placement) this.#book(request, placement);
    }
  }

  verdicts(): ReadonlyMap<string, Verdict> {
    const verdicts = new Map<string, Verdict>();
    const reasons = new Map<ServiceSpec, Verdict>();
    for (const request of this.#requests) {
      const placed = this.#placed.get(request.replicaId);
      let verdict: Verdict | undefined = placed && { kind: 'placed', placement: placed.placement };
      verdict ??= reasons.get(request.spec);
      if (!verdict) {
        verdict = { kind: 'unplaceable', rejections: this.#cluster.rejections(request) };
        reasons.set(request.spec, verdict);
      }
      verdicts.set(request.replicaId, verdict);
    }
    return verdicts;
  }

  /** The one that found no room, and all that were placed before it, in other places; false: as it was. */
  #rearrangeWith(request: PlacementRequest): boolean {
    const before = [...this.#placed.values()];
    if (this.#budget.left <= 0 || before.length === 0) return false;
    for (const { request: r } of before) this.#unbook(r);
    if (this.#arrange([...before.map(b => b.request), request])) return true;
    for (const { request: r, placement } of before) this.#book(r, placement);
    return false;
  }

  /** Books a place for each, beside everything that is booked; false: none is booked. */
  #arrange(requests: readonly PlacementRequest[]): boolean {
    const ordered = requests.toSorted(byHardness);
    const isDone = this.#bookOneByOne(ordered);
    if (this.#budget.left <= 0) return isDone;
    if (!isDone) {
      const places = ordered.every(r => this.#cluster.find(r)) && this.#search(ordered);
      if (!places) return false;
      this.#bookAll(ordered, places);
    }
    const sharing = ordered.filter(r => sharedMemoryOf(r.spec) !== null);
    // One by one, those who share do not know who else comes. Where spreading is asked for, it goes before packing.
    if (sharing.length > 1 && ordered.every(r => r.spec.placement.spread.length === 0)) this.#pack(ordered);
    return true;
  }

  #bookOneByOne(requests: readonly PlacementRequest[]): boolean {
    for (const request of requests) {
      const placement = this.#cluster.find(request);
      if (placement) this.#book(request, placement);
      else {
        for (const r of requests) this.#unbook(r);
        return false;
      }
    }
    return true;
  }

  /** Moves them to fewer devices, where there is such a way for all. */
  #pack(requests: readonly PlacementRequest[]): void {
    const before = new Map(requests.map(r => [r.replicaId, this.#placed.get(r.replicaId)!.placement]));
    for (const request of requests) this.#unbook(request);
    let better = NO_BILL;
    for (const request of requests) {
      const placement = before.get(request.replicaId)!;
      better = plus(better, billOf(this.#cluster, request, placement));
      this.#book(request, placement);
    }
    for (const request of requests) this.#unbook(request);
    this.#bookAll(requests, this.#search(requests, better) ?? before);
  }

  #search(requests: readonly PlacementRequest[], better?: Bill): ReadonlyMap<string, Placement> | null {
    return placeAll(this.#cluster, requests, { budget: this.#budget, ...(better && { better }) });
  }

  #bookAll(requests: readonly PlacementRequest[], places: ReadonlyMap<string, Placement>): void {
    for (const request of requests) this.#book(request, places.get(request.replicaId)!);
  }

  #book(request: PlacementRequest, placement: Placement): void {
    this.#cluster.hold(request, request.spec, placement);
    this.#placed.set(request.replicaId, { request, placement });
  }

  #unbook({ replicaId }: PlacementRequest): void {
    if (this.#placed.delete(replicaId)) this.#cluster.release(replicaId);
  }
}

/** Larger batches are not searched exactly. */
const FEW = 12;
/** Ways to go on that an exact search looks at: some milliseconds of work. */
const STEPS = 3_000;

function byHardness(a: PlacementRequest, b: PlacementRequest): number {
  return (
    b.spec.priority - a.spec.priority ||
    hardness(b.spec) - hardness(a.spec) ||
    a.createdAt - b.createdAt ||
    (a.replicaId < b.replicaId ? -1 : 1)
  );
}

function byAge(a: PlacementRequest, b: PlacementRequest): number {
  return b.spec.priority - a.spec.priority || a.createdAt - b.createdAt || byHardness(a, b);
}

/** Devices count first, those that are asked for by name most; then their memory; then memory and CPUs. */
function hardness({ resources: { gpu, cpus, memoryBytes } }: ServiceSpec): number {
  const devices = gpu ? (gpu.deviceIds.length > 0 ? 4_096 : gpu.count === -1 ? 2_048 : gpu.count) : 0;
  const gib = Math.min((gpu?.memoryBytes ?? 0) / 2 ** 30, 4_095);
  return (devices * 4_096 + gib) * 4_096 + cpus + memoryBytes / 2 ** 32;
}
