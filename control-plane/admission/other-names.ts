import path from 'node:path';
import type { Disk } from './disk.ts';

/** What a file that has several names (hard links) shares with protected places. */
export type Shared =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'file'; readonly place: string }
  /** There is too much in the protected places to compare it with all. */
  | { readonly kind: 'unknown' };

/**
 * Whether a file is another name of one that is protected, or lies in a protected folder. In an engine's own folders only the
 * engine's user could make such a name, and there is too much to compare: of `single` only the places themselves count. Links made inside a folder that is
 * bound as a whole are not searched for: to make one takes the right to write the file itself.
 */
export async function sharedWith(
  file: string,
  { single, whole }: { readonly single: readonly string[]; readonly whole: readonly string[] },
  disk: Disk,
): Promise<Shared> {
  const own = await disk.look(file);
  if (own === null || own.isFolder || own.names < 2) return { kind: 'nothing' };
  const queue = [...single, ...whole];
  for (let looked = 0; looked < queue.length; looked += 1) {
    if (looked === MOST_LOOKED_AT) return { kind: 'unknown' };
    const place = queue[looked]!;
    const other = await disk.look(place).catch(() => null);
    if (other?.identity === own.identity) return { kind: 'file', place };
    if (!other?.isFolder || looked < single.length) continue;
    const names = await disk.list(place).catch(() => []);
    for (const name of names.slice(0, MOST_LOOKED_AT)) queue.push(path.join(place, name));
  }
  return { kind: 'nothing' };
}

const MOST_LOOKED_AT = 20_000;
