/**
 * Which replicas a remote registry may still hand out. A registration counts from before it is sent. One whose answer
 * never came may yet be carried out, so it counts until two listings that were asked for later do not show it.
 */
export class Holdings {
  readonly #onChange: () => void;
  readonly #listed = new Set<string>();
  readonly #attempted = new Set<string>();
  /** Listings still to come before a registration without an answer is believed not to have happened. */
  readonly #doubtful = new Map<string, number>();
  #ids: ReadonlySet<string> = new Set();
  /** Before the first listing an earlier life of ours may have left anything there. */
  #wasListed = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** The same set until something changes. */
  ids(): ReadonlySet<string> {
    return this.#ids;
  }

  mayHold(id: string): boolean {
    return !this.#wasListed || this.#ids.has(id);
  }

  /** What a complete listing shows; it was asked for after everything that was reported here. */
  listed(ids: Iterable<string>): void {
    this.#listed.clear();
    this.#attempted.clear();
    for (const id of ids) this.#listed.add(id);
    for (const [id, left] of this.#doubtful) {
      if (left <= 1) this.#doubtful.delete(id);
      else this.#doubtful.set(id, left - 1);
    }
    const isFirst = !this.#wasListed;
    this.#wasListed = true;
    this.#update();
    if (isFirst) this.#onChange();
  }

  attempted(id: string): void {
    this.#attempted.add(id);
    this.#update();
  }

  unanswered(id: string): void {
    this.#doubtful.set(id, LISTINGS_TO_BELIEVE);
    this.#update();
  }

  /** The registry said no; what it listed before, it still has. */
  refused(id: string): void {
    this.#attempted.delete(id);
    this.#update();
  }

  withdrawn(id: string): void {
    this.#listed.delete(id);
    this.#attempted.delete(id);
    this.#update();
  }

  #update(): void {
    const next = new Set([...this.#listed, ...this.#attempted, ...this.#doubtful.keys()]);
    if (next.size === this.#ids.size && [...next].every(id => this.#ids.has(id))) return;
    this.#ids = next;
    this.#onChange();
  }
}

const LISTINGS_TO_BELIEVE = 2;
