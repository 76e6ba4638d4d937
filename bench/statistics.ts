/** A median with the bounds between which the true one lies at `confidence`. */
export interface Interval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** What the bounds really cover, 0..1: at least what was asked for, or less where there are too few values for it. */
  readonly confidence: number;
  readonly count: number;
}

/**
 * The median and the interval of the sign test (Thompson 1936; Conover, Practical Nonparametric Statistics, 3.2): the
 * k-th smallest and k-th largest value, with the largest k that still covers `confidence`. It supposes nothing of the
 * values' distribution but that they are independent, so neither outliers nor skew move it. Below six values no such
 * interval reaches 95 %: then it is the smallest and the largest, and `confidence` says what that is worth.
 */
export function medianInterval(values: readonly number[], confidence = 0.95): Interval {
  if (values.length === 0) throw new RangeError('expected at least one value, found none');
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  let rank = 1;
  while (2 * (rank + 1) <= count && coverage(count, rank + 1) >= confidence) rank += 1;
  return {
    median: quantile(sorted, 0.5),
    low: sorted[rank - 1]!,
    high: sorted[count - rank]!,
    confidence: coverage(count, rank),
    count,
  };
}

/** The ratio of each pair's value to its base, as one interval: what disturbs both sides of a pair alike drops out. */
export function ratioInterval(pairs: readonly { readonly value: number; readonly base: number }[]): Interval {
  return medianInterval(pairs.map(({ value, base }) => value / base));
}

/** Between the two nearest values where q falls between them. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (above - below) * (at - Math.floor(at));
}

/** How likely the median lies between the rank-th smallest and the rank-th largest of so many values. */
function coverage(count: number, rank: number): number {
  let term = 0.5 ** count; // of no value below the median
  let below = 0;
  for (let k = 0; k < rank; k += 1) {
    below += term;
    term *= (count - k) / (k + 1);
  }
  return Math.max(0, 1 - 2 * below);
}
