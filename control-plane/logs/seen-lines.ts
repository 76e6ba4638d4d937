/** A line as far as it matters here: who wrote it, and when, as text that sorts by time; empty where that is not known. */
interface Line {
  readonly source: string;
  readonly timestamp: string;
}

interface Newest {
  readonly timestamp: string;
  /** How many lines had that time. */
  readonly count: number;
}

/** Several sources are stamped apart, and written in an order that need not be that of their times. */
const OVERLAP_MS = 1_000;

/** A stream that is opened again begins a little before the last line: those that were given out are left out. */
export class SeenLines {
  readonly #newest = new Map<string, Newest>();
  #before: ReadonlyMap<string, Newest> = new Map();
  #repeated = new Map<string, number>();

  reopened(): void {
    this.#before = new Map(this.#newest);
    this.#repeated = new Map();
  }

  /** From when on the stream is to be opened again; null before the first line. */
  resumeMs(): number | null {
    const newest = [...this.#newest.values()].map(({ timestamp }) => Date.parse(timestamp));
    return newest.length === 0 ? null : Math.max(...newest) - OVERLAP_MS;
  }

  isNew({ source, timestamp }: Line): boolean {
    if (timestamp === '') return true;
    const before = this.#before.get(source);
    if (before && timestamp < before.timestamp) return false;
    if (before && timestamp === before.timestamp) {
      const repeated = (this.#repeated.get(source) ?? 0) + 1;
      this.#repeated.set(source, repeated);
      if (repeated <= before.count) return false;
    }
    const newest = this.#newest.get(source);
    this.#newest.set(source, { timestamp, count: newest?.timestamp === timestamp ? newest.count + 1 : 1 });
    return true;
  }
}
