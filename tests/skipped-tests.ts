import { stripVTControlCharacters } from 'node:util';

/**
 * How many tests were left out, by why, by what AVA or pytest (with `-rs`) wrote to standard output. AVA is told no reason:
 * a title that ends in `(needs ...)` has one, any other test stands for itself. Pure.
 */
export function skippedTests(written: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of written) {
    const line = stripVTControlCharacters(text).trimEnd();
    const [, title] = /^\s*- \[(?:skip|todo)\] (.+)$/.exec(line) ?? [];
    const [, count = '0', why] = /^SKIPPED \[(\d+)\] (.+)$/.exec(line) ?? [];
    const reason = title === undefined ? why : (/\((needs [^()]+)\)$/.exec(title)?.[1] ?? title);
    if (reason === undefined) continue;
    counts.set(reason, (counts.get(reason) ?? 0) + (title === undefined ? Number(count) : 1));
  }
  return counts;
}
