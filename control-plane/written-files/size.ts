const POWERS: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** A number with a unit as Docker writes sizes: b, k, m, g, t, p, each also with "b" or "ib". */
export const SIZE_PATTERN = /^\d+(?:\.\d+)? ?(?:[kKmMgGtTpP](?:[iI]?[bB])?|[bB])?$/;

/**
 * A size such as `4g`, `10GiB`, `512mb` or `1048576` in bytes. All units are binary (1 k = 1024), as in Docker and
 * Compose. null where the text is none, or more than can be counted.
 */
export function parseSize(text: string): number | null {
  if (text.length > 64 || !SIZE_PATTERN.test(text)) return null;
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?([a-zA-Z]*)$/.exec(text)!;
  const letter = unit!.toLowerCase().replace(/i?b$/, '');
  const power = POWERS[letter];
  if (power === undefined) return null;
  const sizeBytes = Math.floor(Number(amount) * 1024 ** power);
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : null;
}
