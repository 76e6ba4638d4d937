/**
 * Failed probes in a row that speak of the container. Where the way to a node is cut, every probe of what runs there fails:
 * a failure counts once the node's engine has answered a question that was asked after it, and those from before or during
 * a silence of the engine never do. The next one that counts is of a probe that was begun after that answer, so that one cut
 * makes one of them at most.
 */
export class FailureStreak {
  #counted = 0;
  /** When the failure ended that waits to be counted; more of them before the engine is heard count as the one. */
  #doubtedSince: number | null = null;
  #failedAt = 0;
  #heardFrom: number | null | undefined;
  /** Silences begun and ended so far, and failures counted: a probe that began before the last of these says nothing new. */
  #turns = 0;

  constructor(heardFrom: number | null | undefined) {
    this.#heardFrom = heardFrom;
  }

  get counted(): number {
    return this.#counted;
  }

  /** Whether as many failures count as are asked for. One alone may be of a cut that was over before anybody noticed. */
  suffices(failures: number): boolean {
    return this.#counted >= (this.#heardFrom === undefined ? failures : Math.max(failures, LEAST_FAILURES));
  }

  /** A failure counts, or waits to be counted. */
  get isOpen(): boolean {
    return this.#counted > 0 || this.#doubtedSince !== null;
  }

  /** When the last failure that counts was known, by the Clock. */
  get failedAt(): number {
    return this.#failedAt;
  }

  /** Since when a failure waits for the engine to be heard; null: none does. */
  get doubtedSince(): number | null {
    return this.#doubtedSince;
  }

  /** As ProbeTarget has it. True: the streak is another one now. */
  heard(from: number | null | undefined): boolean {
    const before = [this.#counted, this.#doubtedSince];
    if ((from === null) !== (this.#heardFrom === null)) this.#turns += 1;
    this.#heardFrom = from;
    if (from === null) this.passed();
    else this.#count();
    return this.#counted !== before[0] || this.#doubtedSince !== before[1];
  }

  /** A probe begins; what is returned goes to failed(). */
  begin(): number {
    return this.#turns;
  }

  passed(): void {
    this.#counted = 0;
    this.#doubtedSince = null;
  }

  failed(begun: number, now: number): void {
    if (this.#heardFrom === null || begun !== this.#turns) return;
    this.#doubtedSince ??= now;
    this.#count();
  }

  #count(): void {
    if (this.#doubtedSince === null) return;
    if (this.#heardFrom !== undefined && (this.#heardFrom ?? 0) <= this.#doubtedSince) return;
    this.#counted += 1;
    this.#turns += 1;
    this.#failedAt = this.#doubtedSince;
    this.#doubtedSince = null;
  }
}

/** Where the way to the container can be cut. */
const LEAST_FAILURES = 2;
