import path from 'node:path';
import type { Disk } from './disk.ts';

/** What a file that has several names (hard links) shares with protected places. */
export type Shared =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'file'; readonly place: string }
  /** There is too much in the protected places to compare it with all. */
  | { readonly kind: 'unknown' };

/** What is protected, by what it is on its disk. */
interface Protected {
  /** A place of each file and folder, by identity. */
  readonly places: ReadonlyMap<string, string>;
  readonly isComplete: boolean;
}

/**
 * Whether files are other names of ones that are protected, or that lie in a protected folder. In an engine's own folders
 * only the engine's user could make such a name, and there is too much to compare: of `single` only the places themselves
 * count. Links made inside a folder that is bound as a whole are not searched for: to make one takes the right to write the
 * file itself. What is protected is looked through once, and only where a file with several names is asked about.
 */
export class OtherNames {
  readonly #places: { readonly single: readonly string[]; readonly whole: readonly string[] };
  readonly #disk: Disk;
  #found: Promise<Protected> | undefined;

  constructor(places: { readonly single: readonly string[]; readonly whole: readonly string[] }, disk: Disk) {
    this.#places = places;
    this.#disk = disk;
  }

  async of(file: string): Promise<Shared> {
    const own = await this.#disk.look(file);
    if (own === null || own.isFolder || own.names < 2) return { kind: 'nothing' };
    this.#found ??= this.#look();
    const { places, isComplete } = await this.#found;
    const place = places.get(own.identity);
    if (place !== undefined) return { kind: 'file', place };
    return { kind: isComplete ? 'nothing' : 'unknown' };
  }

  async #look(): Promise<Protected> {
    const { single, whole } = this.#places;
    const places = new Map<string, string>();
    const queue = [...single, ...whole];
    for (let looked = 0; looked < queue.length; looked += 1) {
      if (looked === MOST_LOOKED_AT) return { places, isComplete: false };
      const place = queue[looked]!;
      const found = await this.#disk.look(place).catch(() => null);
      if (found === null) continue;
      if (!places.has(found.identity)) places.set(found.identity, place);
      if (!found.isFolder || looked < single.length) continue;
      const names = await this.#disk.list(place).catch(() => []);
      for (const name of names.slice(0, MOST_LOOKED_AT)) queue.push(path.join(place, name));
    }
    return { places, isComplete: true };
  }
}

const MOST_LOOKED_AT = 20_000;
