import type { Snapshot } from './hub.ts';

/** A client that says who it is, so that it is known again after its watch broke. */
export interface WatchingClient {
  /** Its own, and random. */
  readonly id: string;
  /** Replicas that it may still call, as it knows them from watches before. */
  readonly inUse: readonly string[];
  /** Another watch says that it is this client: nobody goes by this one any more. */
  readonly onReplaced?: () => void;
}

/** One open watch. */
export interface Caller {
  readonly listener: (snapshot: Snapshot) => void;
  readonly client: WatchingClient | null;
  acknowledged: number;
  /** The version it was last given. */
  delivered: number;
  /** The version that was newest when it came. */
  readonly since: number;
}

/** Whether anybody may still call a replica that has left. */
export type Use =
  | { readonly kind: 'none' }
  /** Somebody who is there does, or somebody who went without a word did. */
  | { readonly kind: 'known' }
  /** Somebody who went without a word may have begun to; by then they are back, or are not waited for any more. */
  | { readonly kind: 'possible'; readonly until: number };

/** Who may still call the replicas of one service that have left: its watchers, and clients whose watch broke. */
export class Callers {
  readonly watching = new Set<Caller>();
  /** Those of them that came with replicas in use, and still use these. */
  readonly #carrying = new Map<Caller, ReadonlySet<string>>();
  readonly #byClient = new Map<string, Caller>();
  readonly #away = new Map<string, Away>();
  #awayCost = 0;
  /** The version in which a replica had left, for those that somebody may still use; in order of the versions. */
  readonly #leftIn = new Map<string, number>();
  readonly #onForgotten: () => void;
  #hasForgotten = false;

  /** @param onForgotten replicas that somebody may still use were too many to remember; once until they are fewer again */
  constructor(onForgotten: () => void) {
    this.#onForgotten = onForgotten;
  }

  /** Nobody watches, and nobody who did is remembered. */
  get isEmpty(): boolean {
    return this.watching.size === 0 && this.#away.size === 0;
  }

  /** What the client says of itself takes the place of what was known of it. */
  join(caller: Caller): void {
    const { client } = caller;
    if (client) {
      const before = this.#byClient.get(client.id);
      if (before) this.leave(before);
      this.#forgetAway(client.id);
      this.#byClient.set(client.id, caller);
      if (client.inUse.length > 0) this.#carrying.set(caller, new Set(client.inUse));
      this.watching.add(caller);
      before?.client?.onReplaced?.();
    } else this.watching.add(caller);
  }

  acknowledge(caller: Caller, version: number): void {
    caller.acknowledged = version;
    if (version >= caller.since) this.#carrying.delete(caller);
  }

  /** It calls nobody any more. False: it had gone already. */
  leave(caller: Caller): boolean {
    if (!this.watching.delete(caller)) return false;
    this.#carrying.delete(caller);
    if (caller.client) this.#byClient.delete(caller.client.id);
    return true;
  }

  /** Its watch broke: it goes on with what it has, and is expected back. False: it had gone already. */
  lose(caller: Caller, times: { readonly returnsBy: number; readonly forgottenAt: number }): boolean {
    const inUse = new Set(this.#carrying.get(caller));
    if (!this.leave(caller)) return false;
    if (!caller.client) return true;
    const usedVersion = usedBy(caller);
    for (const [id, version] of this.#leftIn) if (version > usedVersion) inUse.add(id);
    this.#away.set(caller.client.id, { ...times, usedVersion, inUse });
    this.#awayCost += 1 + inUse.size;
    for (const oldest of this.#away.keys()) {
      if (this.#awayCost <= MAX_AWAY_COST) break;
      this.#forgetAway(oldest);
    }
    return true;
  }

  /** Replicas that were there up to this version. */
  left(ids: Iterable<string>, version: number): void {
    for (const id of ids) this.#leftIn.set(id, version);
  }

  /** Replicas that are there, again or still. */
  present(ids: Iterable<string>): void {
    for (const id of ids) this.#leftIn.delete(id);
  }

  /** Of a replica that is not there. */
  useOf(replicaId: string, now: number): Use {
    this.settle(now);
    const leftIn = this.#leftIn.get(replicaId);
    for (const inUse of this.#carrying.values()) if (inUse.has(replicaId)) return KNOWN;
    if (leftIn !== undefined) for (const caller of this.watching) if (leftIn > usedBy(caller)) return KNOWN;
    let until = Number.NEGATIVE_INFINITY;
    for (const away of this.#away.values()) {
      if (away.inUse.has(replicaId)) return KNOWN;
      if (leftIn !== undefined && leftIn > away.usedVersion) until = Math.max(until, away.returnsBy);
    }
    return until > now ? { kind: 'possible', until } : NONE;
  }

  /**
   * Forgets what nobody needs to know any more. Done when somebody asks or publishes, not at each acknowledgement: those of
   * 10,000 watchers come in one burst.
   */
  settle(now: number): void {
    for (const [id, away] of this.#away) {
      if (now >= away.forgottenAt || (now >= away.returnsBy && away.inUse.size === 0)) this.#forgetAway(id);
    }
    if (this.#leftIn.size === 0) return;
    let used = Number.POSITIVE_INFINITY;
    for (const caller of this.watching) used = Math.min(used, usedBy(caller));
    for (const away of this.#away.values()) if (now < away.returnsBy) used = Math.min(used, away.usedVersion);
    // In order of their versions, so that the first that is still in use ends the search.
    let isForgotten = false;
    for (const [id, version] of this.#leftIn) {
      if (version > used && this.#leftIn.size <= MAX_REMEMBERED_LEAVERS) break;
      isForgotten ||= version > used;
      this.#leftIn.delete(id);
    }
    if (isForgotten && !this.#hasForgotten) this.#onForgotten();
    this.#hasForgotten = isForgotten || (this.#hasForgotten && this.#leftIn.size >= MAX_REMEMBERED_LEAVERS);
  }

  #forgetAway(clientId: string): void {
    const away = this.#away.get(clientId);
    if (!away) return;
    this.#away.delete(clientId);
    this.#awayCost -= 1 + away.inUse.size;
  }
}

/** A client that went without a word. */
interface Away {
  /** What had left by this version it called no more. */
  readonly usedVersion: number;
  /** What had left, and it still used when it went. */
  readonly inUse: ReadonlySet<string>;
  readonly returnsBy: number;
  readonly forgottenAt: number;
}

const NONE: Use = { kind: 'none' };
const KNOWN: Use = { kind: 'known' };
/**
 * Beyond these the replica that left first is forgotten, although somebody may still use it: its end waits for them no more.
 * It takes a watcher that acknowledges nothing while so many come and go.
 */
export const MAX_REMEMBERED_LEAVERS = 10_000;
/** Clients that are away, and the replicas that each used; those that went first are forgotten first. */
const MAX_AWAY_COST = 100_000;

function usedBy({ acknowledged, since }: Caller): number {
  return Math.max(acknowledged, since);
}
