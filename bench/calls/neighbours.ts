import type { Progress } from '../progress.ts';

/** What a side measured, and the base just before or just after it. */
export interface Neighbours<Side extends string, T> {
  readonly side: Side;
  readonly value: T;
  readonly base: T;
}

/**
 * Measures pairs of neighbours: a side of `turns` and the base, one right after the other; all turns once a round. Every
 * second pair of a side has the base last, so that what a measurement leaves behind for the next one falls on both alike.
 * Rejects with the signal's reason, or with what a measurement rejected with.
 */
export async function neighbours<Side extends string, T>(
  base: Side,
  turns: readonly Side[],
  options: {
    readonly rounds: number;
    readonly measure: (side: Side) => Promise<T>;
    readonly progress: Progress;
    readonly what: string;
    readonly signal: AbortSignal;
  },
): Promise<Neighbours<Side, T>[]> {
  const { rounds, measure, progress, what, signal } = options;
  const pairs: Neighbours<Side, T>[] = [];
  const isBaseFirst = new Map<Side, boolean>();
  for (let round = 0; round < rounds; round += 1) {
    for (const side of turns) {
      const baseFirst = isBaseFirst.get(side) ?? true;
      isBaseFirst.set(side, !baseFirst);
      const measured = {} as Record<Side, T>;
      for (const each of baseFirst ? [base, side] : [side, base]) {
        signal.throwIfAborted();
        progress.step(`${what}: round ${round + 1} of ${rounds}, ${each}`);
        measured[each] = await measure(each);
      }
      pairs.push({ side, value: measured[side], base: measured[base] });
    }
  }
  return pairs;
}
