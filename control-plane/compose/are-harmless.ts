import { readFile, stat } from 'node:fs/promises';

/**
 * Whether no parser can choke on any of these files, by what a glance at their text tells: no alias that could multiply,
 * no other file that they lead to, and nothing that could nest too deep. False only means that they have to be parsed
 * to know. The parser takes as long to load as Compose takes to read, so Compose need not wait for it then.
 */
export async function areHarmless(files: readonly string[]): Promise<boolean> {
  return (await Promise.all(files.map(isHarmless))).every(harmless => harmless);
}

async function isHarmless(file: string): Promise<boolean> {
  // Standard input, which its reader has already.
  if (file === '-') return false;
  try {
    const found = await stat(file);
    return found.isFile() && found.size <= MOST_BYTES && !mayExplode(await readFile(file, 'utf8'));
  } catch {
    return false;
  }
}

/** Aliases, files to include or extend, and what could hide them or a line from this look: escapes and exotic line breaks. */
const SUSPICIOUS = /[*\\\u0085\u2028\u2029]|include|extends/;

/**
 * A line's indentation, with the dashes that also are one, opens at most two collections a column, as the items of a list
 * may stand below its key; so does a bracket: `[a: b]` is a mapping within a list.
 */
function mayExplode(text: string): boolean {
  if (SUSPICIOUS.test(text)) return true;
  const widest = Math.max(...text.split(/[\r\n]/).map(line => /^[\s?:-]*/.exec(line)![0].length));
  const brackets = text.match(/[[{]/g)?.length ?? 0;
  return 2 * (widest + 1 + brackets) >= MOST_LEVELS;
}

const MOST_BYTES = 64 * 1024;
/** Below what parsing refuses. */
const MOST_LEVELS = 98;
