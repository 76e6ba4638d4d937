import type { Logger } from 'pino';
import { OutriggerError } from '../core/errors.ts';
import { type NameChanges, type NodeBefore, nameChanges } from '../core/nodes/name-changes.ts';
import type { ObservedNode } from '../core/observed.ts';
import type { ServiceSpec } from '../core/spec.ts';
import type { Clock, Engine, Member } from '../ports.ts';
import { within } from '../within.ts';
import { imageIdOn, subnetTroublesOn } from './ask-at-accept.ts';
import { firstLook, Observer } from './observer.ts';

/** The nodes that the control plane speaks to: their engines, and who looks at them. */
export class Members {
  /** Of the members, by name. */
  readonly engines: ReadonlyMap<string, Engine>;
  readonly #engines = new Map<string, Engine>();
  readonly #members = new Map<string, Spoken>();
  readonly #observing = new Set<Promise<void>>();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #onListing: () => void;
  /** Leaving nodes whose last networks are being removed, or have been. */
  readonly #tidied = new Map<string, { done: boolean }>();
  readonly #closing = new AbortController();
  #isObserving = false;

  constructor(options: { clock: Clock; log: Logger; onListing: () => void }) {
    this.engines = this.#engines;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onListing = options.onListing;
  }

  /**
   * One that is new joins; one that is not named any more leaves, or is renamed where its engine has another name now. Of
   * one that stays, engine and profile may be new. One whose name another node has now leaves under a name of its own.
   * @param stored the nodes of which something is stored; by how these were reached the nodes of the last life are known
   */
  set(members: readonly Member[], stored: ReadonlyMap<string, NodeBefore> = new Map()): NameChanges {
    const named = new Map(members.map(m => [m.engine.node, m.profile.connection]));
    const changes = nameChanges(this.#before(stored), named, this.#answered(members, stored));
    const { goesOn, deprived, leaving } = changes;
    const formers = this.#formers(changes);
    for (const [name, { observer }] of this.#members) {
      if (leaving.has(name)) observer.leave();
      // What runs there goes on under the other name.
      else if (goesOn.has(name) && !named.has(name)) this.#forget(name);
    }
    for (const member of members) {
      const name = member.engine.node;
      const known = this.#members.get(name);
      if (known?.member.engine === member.engine) {
        known.observer.reconfigure(member.profile);
        if (member.leaving) known.observer.leave();
        else this.#tidied.delete(name);
        this.#members.set(name, { member, observer: known.observer });
        continue;
      }
      const former = deprived.get(name);
      if (known && former !== undefined) this.#deprive(former, known);
      else if (known) this.#forget(name);
      const observer = new Observer(member, this.#clock, this.#onListing, formers.get(name));
      if (member.leaving) observer.leave();
      this.#members.set(name, { member, observer });
      this.#engines.set(name, member.engine);
      if (this.#isObserving) this.#observe(observer);
    }
    return changes;
  }

  /** The nodes up to now, as they are known by ourselves, or where we have not spoken to them, by what is stored. */
  #before(stored: ReadonlyMap<string, NodeBefore>): ReadonlyMap<string, NodeBefore> {
    if (this.#members.size === 0) return stored;
    // A way that was not taken in this life may lead elsewhere by now.
    const before = new Map([...stored].map(([name, { way }]) => [name, { way, isOwn: false }]));
    for (const observer of this.#observers()) {
      const { name, connection: way } = observer.node();
      before.set(name, { way, isOwn: !observer.meetsAnother });
    }
    return before;
  }

  /** The names now, by the names before, of members that are said to have had another one. */
  #answered(members: readonly Member[], stored: ReadonlyMap<string, NodeBefore>): ReadonlyMap<string, string> {
    const isFirst = this.#members.size === 0;
    const isReached = (name: string) => stored.get(name)?.isOwn === true;
    return new Map(
      members.flatMap(({ formerName: from, engine: { node: to } }) => {
        if (from === undefined) return [];
        // One that is there already may turn out to be one that leaves.
        const isNews = !this.#members.has(to) || this.#members.has(from);
        // What is stored knows better than what was noted on the way there.
        return isNews && !(isFirst && (isReached(from) || isReached(to))) ? [[from, to] as const] : [];
      }),
    );
  }

  /** Another node has its name: it leaves under one that nobody can give it. */
  #deprive(former: string, known: Spoken): void {
    known.observer.rename(former);
    known.observer.leave();
    this.#members.set(former, known);
    this.#engines.set(former, known.member.engine);
  }

  /** What is known of each node, in the order in which they joined. */
  nodes(): ReadonlyMap<string, ObservedNode> {
    return new Map(this.#observers().map(o => [o.node().name, o.node()]));
  }

  firstLook(): Promise<void> {
    return firstLook(this.#observers(), this.#clock);
  }

  /** Looks at all nodes from now on, until close(). */
  observe(): void {
    this.#isObserving = true;
    for (const observer of this.#observers()) this.#observe(observer);
  }

  /** Something on the node may have changed: it is listed again soon. */
  refresh(name: string): void {
    this.#members.get(name)?.observer.refresh();
  }

  /** Nodes that are left and on which nothing is any more: they are spoken to no longer, once their networks are gone. */
  release(vacated: readonly string[]): void {
    for (const name of vacated) {
      const node = this.#members.get(name)?.observer.node();
      // Meanwhile it may have been named again.
      if (!node?.leaving) continue;
      // One that does not answer keeps its networks.
      if (!node.answering || this.#tidied.get(name)?.done) this.#forget(name);
      else this.#tidy(name);
    }
  }

  /** Before a node goes: the networks that its replicas were in. Nobody would know of them afterwards. */
  #tidy(name: string): void {
    const engine = this.#engines.get(name);
    if (!engine || this.#tidied.has(name)) return;
    const tidied = { done: false };
    this.#tidied.set(name, tidied);
    const limits = { clock: this.#clock, timeoutMs: TIDY_DEADLINE_MS, signal: this.#closing.signal };
    within(limits, `removing networks on node ${name}`, inTime => engine.removeNetworks(inTime))
      // A node that cannot do it goes all the same, and nobody asks it again.
      .catch((error: unknown) => {
        if (this.#closing.signal.aborted) return;
        this.#log.warn({ node: name, err: error }, 'a node leaves, and networks of ours may stay on it');
      })
      .finally(() => {
        tidied.done = true;
        this.#onListing();
      });
  }

  /** Each replica's newest container, for its logs. */
  newestContainers(): ReadonlyMap<string, { node: string; containerId: string }> {
    const newest = new Map<string, { node: string; containerId: string; attempt: number }>();
    for (const { name: node, containers } of this.nodes().values()) {
      for (const { id: containerId, replicaId, attempt } of containers) {
        const known = newest.get(replicaId);
        if (!known || known.attempt <= attempt) newest.set(replicaId, { node, containerId, attempt });
      }
    }
    return newest;
  }

  /** As ask-at-accept.ts has it. */
  imageId(image: string, signal: AbortSignal): Promise<string | null> {
    return imageIdOn({ engines: this.#answering(), clock: this.#clock, signal }, image);
  }

  /** As ask-at-accept.ts has it. */
  subnetTroubles(spec: ServiceSpec, signal: AbortSignal): Promise<readonly string[]> {
    const isAlone = this.#members.size === 1;
    return subnetTroublesOn({ engines: this.#answering(), clock: this.#clock, signal }, spec, { isAlone });
  }

  /** Volumes that an earlier removal kept; those that a container refers to are left alone by the engine. */
  async removeVolumes(namespace: string, signal: AbortSignal): Promise<void> {
    const silent = [...this.nodes().values()].filter(n => !n.answering);
    const limits = { clock: this.#clock, timeoutMs: VOLUMES_DEADLINE_MS, signal };
    await Promise.all(
      this.#answering().map(engine =>
        within(limits, `removing volumes of ${namespace} on node ${engine.node}`, inTime =>
          engine.cleanNamespace(namespace, { volumes: true }, inTime),
        ),
      ),
    );
    if (silent.length === 0) return;
    const names = silent.map(n => n.name).join(', ');
    throw new OutriggerError('unavailable', `volumes of ${namespace} may be left on ${names}: no answer from there`, {
      next: 'ask again once outrigger nodes shows it answering',
    });
  }

  /** Stops looking; what is known stays. */
  async stop(): Promise<void> {
    this.#closing.abort(new Error('nobody speaks to the nodes any more'));
    for (const observer of this.#observers()) observer.close();
    await Promise.all(this.#observing);
  }

  close(): void {
    for (const name of [...this.#members.keys()]) this.#forget(name);
  }

  /** Engines that answered last, by name. */
  #answering(): Engine[] {
    return [...this.#members.values()]
      .filter(m => m.observer.node().answering)
      .map(m => m.member.engine)
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  /** What was known of each node under its name now, where its engine had that or another name before. */
  #formers({ goesOn, deprived }: NameChanges): ReadonlyMap<string, ObservedNode> {
    const kept = [...this.nodes()].filter(([name]) => !deprived.has(name));
    return new Map(kept.map(([name, node]) => [goesOn.get(name) ?? name, node]));
  }

  #observers(): Observer[] {
    return [...this.#members.values()].map(m => m.observer);
  }

  #observe(observer: Observer): void {
    const running = observer.run().finally(() => this.#observing.delete(running));
    this.#observing.add(running);
  }

  #forget(name: string): void {
    const known = this.#members.get(name);
    this.#members.delete(name);
    this.#engines.delete(name);
    this.#tidied.delete(name);
    known?.observer.close();
    known?.member.close?.();
  }
}

interface Spoken {
  readonly member: Member;
  readonly observer: Observer;
}

const TIDY_DEADLINE_MS = 10_000;
const VOLUMES_DEADLINE_MS = 20_000;
