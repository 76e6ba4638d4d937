import type { RegistryStanding } from '../core/observed.ts';
import type { Clock } from '../ports.ts';

/**
 * Which replicas a remote registry may still hand out. A registration counts from before it is sent. One whose answer
 * never came may yet be carried out, so it counts until two listings that were asked for later do not show it. One that
 * was not renewed for its time to live is handed out no more, whether or not the registry can be asked.
 */
export class Holdings {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #onChange: () => void;
  /** An earlier life of ours may have renewed anything until then. */
  readonly #since: number;
  readonly #listed = new Set<string>();
  readonly #attempted = new Set<string>();
  /** Listings still to come before a registration without an answer is believed not to have happened. */
  readonly #doubtful = new Map<string, number>();
  /** When a renewal was last under way. */
  readonly #renewedAt = new Map<string, number>();
  /** When it was let go, of the newest ones that were. */
  readonly #letGoAt = new Map<string, number>();
  /** Held as wanted, by its own word, or never to be held. */
  #announced: ReadonlySet<string> = new Set();
  #ids: ReadonlySet<string> = new Set();
  /** Before the first listing an earlier life of ours may have left anything there. */
  #wasListed = false;
  #isAnswering = false;
  #lapsed = '';

  constructor(options: { readonly clock: Clock; readonly ttlMs: number; readonly onChange: () => void }) {
    this.#clock = options.clock;
    this.#ttlMs = options.ttlMs;
    this.#onChange = options.onChange;
    this.#since = options.clock.now();
  }

  /** The same set until something changes. */
  ids(): ReadonlySet<string> {
    return this.#ids;
  }

  standing(id: string): RegistryStanding {
    const letGoAt = this.#whenLetGo(id);
    return {
      announced: this.#announced.has(id),
      withdrawable: letGoAt !== null || this.#isAnswering,
      letGoAt,
    };
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
    const isNews = !this.#wasListed || !this.#isAnswering;
    this.#wasListed = true;
    this.#isAnswering = true;
    this.#update();
    if (isNews) this.#onChange();
  }

  /** The last question had no answer. Called again with each that has none, as time alone may change what is known. */
  away(): void {
    const lapsed = [...this.#ids].filter(id => this.#whenLetGo(id) !== null).join();
    const isNews = this.#isAnswering || lapsed !== this.#lapsed || !this.#wasListed;
    this.#isAnswering = false;
    this.#lapsed = lapsed;
    if (isNews) this.#onChange();
  }

  /** All that the registry holds as wanted, or will never hold. */
  announced(ids: ReadonlySet<string>): void {
    const before = this.#announced;
    this.#announced = ids;
    if (before.size !== ids.size || [...before].some(id => !ids.has(id))) this.#onChange();
  }

  attempted(id: string): void {
    this.#attempted.add(id);
    this.#renewedAt.set(id, this.#clock.now());
    this.#update();
  }

  unanswered(id: string): void {
    this.#doubtful.set(id, LISTINGS_TO_BELIEVE);
    this.#renewedAt.set(id, this.#clock.now());
    this.#update();
  }

  /** The registry said no; what it listed before, it still has. */
  refused(id: string): void {
    this.#attempted.delete(id);
    this.#update();
  }

  /** Also one without an answer, which may yet have been heard. */
  renewed(id: string): void {
    this.#renewedAt.set(id, this.#clock.now());
  }

  withdrawn(id: string): void {
    this.#listed.delete(id);
    this.#attempted.delete(id);
    this.#update();
  }

  #whenLetGo(id: string): number | null {
    if (this.#wasListed && !this.#ids.has(id)) return this.#letGoAt.get(id) ?? Number.NEGATIVE_INFINITY;
    // While it answers, it is its word that counts.
    if (this.#isAnswering) return null;
    const lapsesAt = (this.#renewedAt.get(id) ?? this.#since) + this.#ttlMs;
    return this.#clock.now() >= lapsesAt ? lapsesAt : null;
  }

  #update(): void {
    const next = new Set([...this.#listed, ...this.#attempted, ...this.#doubtful.keys()]);
    if (next.size === this.#ids.size && [...next].every(id => this.#ids.has(id))) return;
    for (const id of this.#ids) if (!next.has(id)) this.#forget(id);
    for (const id of next) this.#letGoAt.delete(id);
    this.#ids = next;
    this.#onChange();
  }

  #forget(id: string): void {
    this.#renewedAt.delete(id);
    this.#letGoAt.set(id, this.#clock.now());
    const [oldest] = this.#letGoAt.keys();
    if (this.#letGoAt.size > MOST_REMEMBERED && oldest !== undefined) this.#letGoAt.delete(oldest);
  }
}

const LISTINGS_TO_BELIEVE = 2;
/** What was let go is asked for while it drains, so far fewer than these. */
const MOST_REMEMBERED = 10_000;
