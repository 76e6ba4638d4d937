const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 24 * 3_600_000,
  w: 7 * 24 * 3_600_000,
};

/** Numbers with units, one after the other: Compose's format, and Go's. */
export const DURATION_PATTERN = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h|d|w))+$/;

/**
 * A duration such as `30s`, `10m`, `1h30m`, `1.5s` or `0s` in milliseconds, rounded up to whole ones so that a short wait
 * does not become none. null where the text is none.
 */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  if (text.length > 64 || !DURATION_PATTERN.test(text)) return null;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)/g)) {
    totalMs += Number(amount) * UNITS_MS[unit!]!;
  }
  // 0.1 + 0.2 must not become a millisecond more than was written.
  return Math.ceil(Number(totalMs.toFixed(6)));
}
