/**
 * Things by key, from one look to the next. What was there and is missing is kept until a second look in a row misses it
 * too: CDI files are rewritten, and drivers reload, while the system runs, and no single bad answer may make all vanish.
 */
export class Steady<T> {
  #known = new Map<string, { readonly value: T; readonly missed: boolean }>();
  readonly #inDoubt: (value: T) => T;

  /** `inDoubt` gives what is listed of a thing that was missed once. */
  constructor(inDoubt: (value: T) => T = value => value) {
    this.#inDoubt = inDoubt;
  }

  /** What one look found. */
  note(found: Iterable<readonly [string, T]>): void {
    const next = new Map([...found].map(([key, value]) => [key, { value, missed: false }]));
    for (const [key, { value, missed }] of this.#known) {
      if (!missed && !next.has(key)) next.set(key, { value: this.#inDoubt(value), missed: true });
    }
    this.#known = next;
  }

  /** A look that found nothing out: everything stays, in doubt. */
  noteFailure(): void {
    for (const [key, { value, missed }] of this.#known) this.#known.set(key, { value: this.#inDoubt(value), missed });
  }

  values(): T[] {
    return [...this.#known.values()].map(({ value }) => value);
  }

  /** Something was missed by the last look, and is listed still: look again soon. */
  get doubtful(): boolean {
    return [...this.#known.values()].some(({ missed }) => missed);
  }
}
