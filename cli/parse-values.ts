import { usageError } from './usage-error.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration as Compose takes it where it says seconds: `90`, or with units `1m30s`. Milliseconds; what no timer can count is cut. */
export function parseTimeoutMs(text: string): number {
  const parsed = /^\d+$/.test(text) ? Number(text) * 1_000 : durationMs(text);
  if (parsed === null) throw usageError(`"${text}" is not a time.`, 'Give seconds (90), or a duration (1m30s).');
  return Math.min(parsed, MOST_TIMER_MS);
}

const MOST_TIMER_MS = 2_147_483_647;

/** A moment: an RFC 3339 time, or how long ago (`10m`), as `docker logs --since` takes it. Milliseconds since 1970. */
export function parseSinceMs(text: string, nowMs: number): number {
  const ago = durationMs(text);
  if (ago !== null) return nowMs - ago;
  if (/^\d{9,}(\.\d+)?$/.test(text)) return Math.floor(Number(text) * 1_000);
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) {
    throw usageError(`"${text}" is not a time.`, 'Give how long ago (10m), or a time (2026-01-31T10:00:00Z).');
  }
  return at;
}

/** `all`, or how many lines. undefined: all of them. */
export function parseTail(text: string): number | undefined {
  if (text === 'all') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw usageError(`"${text}" is not a number of lines.`, 'Give a number, or "all".');
  return Number(text);
}

function durationMs(text: string): number | null {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return null;
  let total = 0;
  for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d)/g))
    total += Number(amount) * UNIT_MS[unit!]!;
  return Math.round(total);
}
