import { Leavers } from './leavers.ts';

/** What a control plane says of a service, as far as it matters here. */
export interface Given {
  /** Grows with each change; comparable within one epoch. */
  readonly version: number;
  /** Names the life of the control plane that counts the versions. */
  readonly epoch: string;
  /** A service of this name exists. */
  readonly known: boolean;
  readonly endpoints: readonly { readonly replicaId: string }[];
}

/** Each promise means: until it settles, what this one lacks of the last may still be called from here. */
type PutToUse<S extends Given> = (given: S) => readonly Promise<unknown>[];

/**
 * What one client may call of one service, and what it may confirm of that to the control plane: the protocol of a watch,
 * without connections and timers. It outlives its watches, one after the other, and lives of the control plane. A version
 * is confirmed once it is put to use, and what was still done with the replicas of earlier ones has ended. Whenever a watch
 * is opened it says what may be called, so that a replica outlives a broken watch for as long as it is called from here.
 */
export class ReplicasInUse<S extends Given> {
  readonly #putToUse: PutToUse<S>;
  readonly #leavers = new Leavers();
  #newest: S | null = null;
  #doubted: S | null = null;
  #watch: OpenWatch | null = null;

  constructor(putToUse: PutToUse<S>) {
    this.#putToUse = putToUse;
  }

  /** What was put to use last; null before the first. */
  get newest(): S | null {
    return this.#newest;
  }

  /**
   * A watch is opened, in place of one before.
   * @param confirm tells it that nobody here calls a replica any more which this version lacks
   * @returns what it has to say at once: the ids of all replicas that may be called from here
   */
  opened(confirm: (version: number) => void): string[] {
    this.#doubted = null;
    this.#watch = { confirm, isNew: true, usedVersion: null };
    return [...new Set([...idsOf(this.#newest), ...this.#leavers.replicaIds()])];
  }

  /**
   * The open watch gives this. `doubted`: another life of the control plane that does not know the service may not have
   * read its state or been told yet. Unless something newer comes, it is believed after a while: see `believe`.
   */
  given(given: S): 'used' | 'doubted' {
    const watch = this.#watch;
    if (watch?.isNew) this.#leavers.carryOver(given.version);
    if (watch) watch.isNew = false;
    const before = this.#newest;
    const isDoubted = !given.known && before?.known === true && before.epoch !== given.epoch;
    this.#doubted = isDoubted ? given : null;
    if (isDoubted) return 'doubted';
    this.#use(given);
    return 'used';
  }

  /** Nothing newer has come for long enough. */
  believe(): void {
    const given = this.#doubted;
    this.#doubted = null;
    if (given) this.#use(given);
  }

  /** The watch broke. What is in use stays so, and is told to the next. */
  lost(): void {
    this.#doubted = null;
    this.#watch = null;
  }

  /** Nothing is called from here any more, and no watch is open. What was known last is remembered. */
  ended(): void {
    this.lost();
    this.#leavers.clear();
  }

  #use(given: S): void {
    const watch = this.#watch;
    const stays = new Set(idsOf(given));
    const left = { replicaIds: idsOf(this.#newest).filter(id => !stays.has(id)), version: given.version };
    this.#newest = given;
    for (const use of this.#putToUse(given)) {
      this.#leavers.add(use, left);
      // What rejects surfaces, like what throws.
      void use.finally(() => this.#leavers.settled(use) && this.#confirm());
    }
    if (watch) watch.usedVersion = given.version;
    this.#confirm();
  }

  /** Of a watch that has given nothing yet, nothing can be confirmed: each life counts in its own way. */
  #confirm(): void {
    const { confirm, usedVersion } = this.#watch ?? { usedVersion: null };
    if (confirm && usedVersion !== null) confirm(this.#leavers.newestLetGo(usedVersion));
  }
}

interface OpenWatch {
  readonly confirm: (version: number) => void;
  /** It has given nothing yet. */
  isNew: boolean;
  usedVersion: number | null;
}

function idsOf(given: Given | null): string[] {
  return (given?.endpoints ?? []).map(e => e.replicaId);
}
