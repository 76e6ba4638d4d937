import path from 'node:path';
import type { Disk } from './disk.ts';

/** How a path is followed through its symbolic links. */
export interface Way {
  /** Each place that it comes by: the path as it is written, then after each link. */
  readonly by: readonly string[];
  /** A link on it that leads to nothing, or round in a circle; whoever makes what is missing decides where the path leads. */
  readonly dangling: string | null;
}

/**
 * Follows a path link by link. What a link inside /proc leads to depends on who follows it, so that it is not enough to know
 * where the whole path ends for us.
 */
export async function wayTo(place: string, { readlink, realpath }: Disk): Promise<Way> {
  let here = path.resolve(place);
  const by = [here];
  for (let links = 0; ; links += 1) {
    const next = await firstLink(here, readlink);
    if (next === null) return { by, dangling: null };
    if (links === MOST_LINKS || (await realpath(next.link)) === null) return { by, dangling: next.link };
    here = next.onwards;
    by.push(here);
  }
}

async function firstLink(place: string, readlink: Disk['readlink']) {
  const names = place.split(path.sep).filter(name => name !== '');
  for (let depth = 1; depth <= names.length; depth += 1) {
    const link = path.sep + names.slice(0, depth).join(path.sep);
    const target = await readlink(link);
    if (target === null) continue;
    return { link, onwards: path.resolve(path.dirname(link), target, ...names.slice(depth)) };
  }
  return null;
}

/** As many as Linux follows. */
const MOST_LINKS = 40;
