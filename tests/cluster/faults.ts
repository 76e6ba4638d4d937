/** What the test did to nodes and containers, and when. Times are milliseconds since the epoch. */
export class Faults {
  /** Containers that it killed. */
  readonly killed = new Set<string>();
  readonly #spells: {
    readonly what: 'cut' | 'drain';
    readonly node: string;
    readonly from: number;
    to: number | null;
  }[] = [];

  begin(what: 'cut' | 'drain', node: string): void {
    if (!this.is(what, node)) this.#spells.push({ what, node, from: Date.now(), to: null });
  }

  end(what: 'cut' | 'drain', node: string): void {
    for (const spell of this.#spells) {
      if (spell.what === what && spell.node === node) spell.to ??= Date.now();
    }
  }

  is(what: 'cut' | 'drain', node: string): boolean {
    return this.#spells.some(s => s.what === what && s.node === node && s.to === null);
  }

  nodesThatAre(what: 'cut' | 'drain'): readonly string[] {
    return this.#spells.filter(s => s.what === what && s.to === null).map(s => s.node);
  }

  /** Whether the node was at any time between the two, or shortly before. */
  was(what: 'cut' | 'drain', node: string, { from, to }: { from: number; to: number }): boolean {
    return this.#spells.some(
      s => s.what === what && s.node === node && s.from <= to && (s.to ?? to) + NOTICED_WITHIN_MS >= from,
    );
  }
}

/** A node that is back is asked every second, and has five for its answer; as much again for a busy machine. */
const NOTICED_WITHIN_MS = 12_000;
