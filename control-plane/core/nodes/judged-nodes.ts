import {
  currentId,
  deviceOf,
  type GivenDevice,
  isEmptyRecord,
  type NodePolicy,
  type NodeRecord,
  type Quarantine,
  quarantinedDevice,
} from '../node.ts';
import type { Observed, ObservedNode } from '../observed.ts';
import { type ContainerRef, givenDevices, isLive, type Placement, type Replica } from '../replica.ts';

/**
 * The nodes of one pass as they are judged: what follows from the state of each for what is placed there, and what is
 * decided about itself, the records with quarantines that begin and end.
 */
export class JudgedNodes {
  readonly #observed: Observed;
  readonly #policy: NodePolicy;
  readonly #now: number;
  readonly #records: Map<string, NodeRecord>;
  /** Made when it is asked for. */
  #listedOn: ReadonlyMap<string, readonly string[]> | null = null;

  constructor(given: {
    readonly observed: Observed;
    readonly records: ReadonlyMap<string, NodeRecord>;
    readonly policy: NodePolicy;
    readonly now: number;
  }) {
    this.#observed = given.observed;
    this.#policy = given.policy;
    this.#now = given.now;
    this.#records = new Map(given.records);
  }

  /**
   * What is on no node may be on one that has not been looked at yet, under another name: before each has been, or was
   * silent for long, no node counts as unknown.
   */
  get areKnown(): boolean {
    const nodes = [...this.#observed.nodes.values()];
    const isSettled = (n: ObservedNode) => n.listedFrom > 0 || silentForMs(n, this.#now) >= this.#policy.lostAfterMs;
    return nodes.length > 0 && nodes.every(isSettled);
  }

  get records(): ReadonlyMap<string, NodeRecord> {
    return this.#records;
  }

  node(name: string): ObservedNode | undefined {
    return this.#observed.nodes.get(name);
  }

  /** It has been silent for so long that nothing is known of what runs there; so is one that nobody configures. */
  isLost(name: string): boolean {
    const node = this.node(name);
    return node === undefined ? this.areKnown : silentForMs(node, this.#now) >= this.#policy.lostAfterMs;
  }

  /** It is not configured any more and cannot be reached: nobody waits for what is there. */
  isGone(name: string): boolean {
    return this.isLost(name) && (this.node(name)?.leaving ?? true);
  }

  /**
   * Where the container is, if another node lists it now and its own does not: engines that were given other names while
   * nobody looked. Null: it is not so.
   */
  renamed(placement: Placement, container: ContainerRef): string | null {
    this.#listedOn ??= listedOn(this.#observed.nodes.values());
    const names = this.#listedOn.get(container.id) ?? [];
    return names.includes(placement.node) ? null : (names[0] ?? null);
  }

  /** It gives its replicas away and takes no new ones. */
  isEmptying(name: string): boolean {
    const isDraining = (this.#records.get(name)?.drainingSince ?? null) !== null;
    return isDraining || (this.node(name)?.leaving ?? this.areKnown);
  }

  /** It is lost while others could take what is on it: with one node there is nothing to be gained. */
  isOutOfSight(name: string): boolean {
    return this.isLost(name) && this.#othersTake(name);
  }

  /** It is silent, and was not for so long yet that what runs there is given up: what it has free may be had again soon. */
  isAwaited(name: string): boolean {
    const node = this.node(name);
    if (!node || node.answering || node.silentSince === null || this.isEmptying(name)) return false;
    return this.#now < this.#lostSince(name) + this.#policy.replaceAfterMs;
  }

  /**
   * The replica is not waited for any more: neither runs it for sure nor does it free its place. What was to run is given
   * up after `replaceAfterMs`; what is on its way out ends when its node is back, and something else may begin before.
   */
  isGivenUp(replica: Replica): boolean {
    const { phase } = replica;
    if (phase.kind !== 'lost' && phase.kind !== 'draining' && phase.kind !== 'stopping') return false;
    const { node } = phase.placement;
    // What was lost before we began stays lost until its node answers, however short a silence we know of.
    const isAway = phase.kind === 'lost' ? !(this.node(node)?.answering ?? !this.areKnown) : this.isLost(node);
    if (!isAway || !this.#othersTake(node)) return false;
    if (this.isGone(node) || !isLive(replica)) return true;
    const lostSince = phase.kind === 'lost' ? phase.since : this.#lostSince(node);
    return this.#now >= lostSince + this.#policy.replaceAfterMs;
  }

  /** Whether a container may still be begun there: else what has none is placed anew. */
  isGood(placement: Placement): boolean {
    const { node } = placement;
    if (this.isEmptying(node)) return false;
    return this.hasDevices(placement) ?? !this.isOutOfSight(node);
  }

  /**
   * Whether a container that is started there now is given the devices of the placement, and may be: engines look up at the
   * start what an id stands for. Null: the node does not answer, and nobody can tell.
   */
  hasDevices(placement: Placement): boolean | null {
    const { node: name } = placement;
    const node = this.node(name);
    const devices = givenDevices(placement);
    const quarantined = this.#records.get(name)?.quarantined ?? [];
    if (devices.some(d => this.#isAmong(quarantined, name, d))) return false;
    if (!node?.answering) return null;
    // One that has another id now is good, but its engine may not know it by the one that was given.
    return devices.every(d => deviceOf(node, d)?.id === d.id);
  }

  /** Gives the devices to nobody from now on. */
  quarantine(placement: Placement, reason: string): void {
    const { node } = placement;
    const record = this.#records.get(node) ?? { name: node, drainingSince: null, quarantined: [] };
    const added = givenDevices(placement)
      .filter(d => !this.#isAmong(record.quarantined, node, d))
      .map(({ id: device, uuid }) => ({ device, ...(uuid === undefined ? {} : { uuid }), since: this.#now, reason }));
    if (added.length > 0) this.#records.set(node, { ...record, quarantined: [...record.quarantined, ...added] });
  }

  /**
   * Trusts devices again whose time is over, and drops the records that say nothing or are of no node. A node that is taken
   * out and named again has the same devices: those that are known by their UUIDs stay in quarantine for its time.
   */
  tidy(): void {
    for (const [name, record] of this.#records) {
      const node = this.node(name);
      const isListed = (q: Quarantine) => node !== undefined && deviceOf(node, quarantinedDevice(q)) !== undefined;
      const quarantined = record.quarantined.filter(q => this.#now < this.#releaseAt(q) || !isListed(q));
      const isOfNone = this.areKnown && node === undefined;
      const kept = record.quarantined.filter(q => q.uuid !== undefined && this.#now < this.#releaseAt(q));
      if (isOfNone && kept.length > 0) {
        const isNews =
          record.drainingSince !== null || 'connection' in record || kept.length < record.quarantined.length;
        if (isNews) this.#records.set(name, { name, drainingSince: null, quarantined: kept });
      } else if (isOfNone || isEmptyRecord({ ...record, quarantined })) {
        this.#records.delete(name);
      } else if (quarantined.length < record.quarantined.length) this.#records.set(name, { ...record, quarantined });
    }
  }

  /** When something that depends on the nodes changes by the passing of time alone. */
  wakeTimes(replicas: Iterable<Replica>): number[] {
    const times = [...this.#records.values()].flatMap(r => r.quarantined.map(q => this.#releaseAt(q)));
    for (const { silentSince } of this.#observed.nodes.values()) {
      if (silentSince === null) continue;
      const lostSince = silentSince + this.#policy.lostAfterMs;
      times.push(lostSince, lostSince + this.#policy.replaceAfterMs);
    }
    for (const { phase } of replicas) {
      if (phase.kind === 'lost') times.push(phase.since + this.#policy.replaceAfterMs);
    }
    return times;
  }

  #isAmong(quarantined: readonly Quarantine[], name: string, device: GivenDevice): boolean {
    const node = this.node(name);
    const id = currentId(node, device);
    return quarantined.some(q => currentId(node, quarantinedDevice(q)) === id);
  }

  #lostSince(name: string): number {
    return (this.node(name)?.silentSince ?? 0) + this.#policy.lostAfterMs;
  }

  #releaseAt({ since }: { since: number }): number {
    return since + this.#policy.quarantineMs;
  }

  #othersTake(name: string): boolean {
    return [...this.#observed.nodes.values()].some(n => n.name !== name && n.answering && !this.isEmptying(n.name));
  }
}

/** The nodes that answer and list a container, by its id. */
function listedOn(nodes: Iterable<ObservedNode>): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const { name, answering, containers } of nodes) {
    if (!answering) continue;
    for (const { id } of containers) names.set(id, [...(names.get(id) ?? []), name]);
  }
  return names;
}

function silentForMs(node: ObservedNode, now: number): number {
  return node.silentSince === null ? -1 : now - node.silentSince;
}
