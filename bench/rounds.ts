import type { Progress } from './progress.ts';

/** What each side measured in one round. */
export type Round<Side extends string, T> = Readonly<Record<Side, T>>;

/**
 * Measures all sides once a round, one shortly after the other, so that whatever the machine does meanwhile meets all of
 * them. The order turns from round to round and every second round runs backwards: none always comes first, and none
 * always follows the same other. Rejects with the signal's reason, or with what a measurement rejected with.
 */
export async function alternate<Side extends string, T>(
  sides: readonly Side[],
  options: {
    readonly rounds: number;
    readonly measure: (side: Side, round: number) => Promise<T>;
    readonly progress: Progress;
    readonly what: string;
    readonly signal: AbortSignal;
  },
): Promise<Round<Side, T>[]> {
  const { rounds, measure, progress, what, signal } = options;
  const results: Round<Side, T>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const measured: Partial<Record<Side, T>> = {};
    for (const side of orderOf(sides, round)) {
      signal.throwIfAborted();
      progress.step(`${what}: round ${round + 1} of ${rounds}, ${side}`);
      measured[side] = await measure(side, round);
    }
    results.push(measured as Record<Side, T>);
  }
  return results;
}

/** The sides in the order of that round. */
export function orderOf<Side>(sides: readonly Side[], round: number): readonly Side[] {
  const start = Math.floor(round / 2) % sides.length;
  const turned = [...sides.slice(start), ...sides.slice(0, start)];
  return round % 2 === 0 ? turned : turned.reverse();
}
