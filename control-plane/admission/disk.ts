import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { OutriggerError } from '../core/errors.ts';
import { type Mount, parseMounts } from './mounts.ts';

/** What admission reads of the machine's files. Nothing is opened, but for the list of what is mounted. */
export interface Disk {
  /** The path without symbolic links; null where there is nothing at the path. */
  readonly realpath: (place: string) => Promise<string | null>;
  /** Where a symbolic link points, as it is written; null where there is none. */
  readonly readlink: (place: string) => Promise<string | null>;
  /** What is at the path, links not followed; null where there is nothing. */
  readonly look: (place: string) => Promise<Look | null>;
  /** The names in a folder; empty where it is none. */
  readonly list: (folder: string) => Promise<readonly string[]>;
  /** What is mounted, the earlier first; empty where the system does not say. */
  readonly mounts: () => Promise<readonly Mount[]>;
}

export interface Look {
  /** The same for every name (hard link) of one file. */
  readonly identity: string;
  /** How many names it has. */
  readonly names: number;
  readonly isFolder: boolean;
}

/**
 * This machine's. What may not be looked at could be anything, so it is refused.
 * @throws OutriggerError `denied`
 */
export const LOCAL_DISK: Disk = {
  realpath: place => orNull(place, realpath(place)),
  // EINVAL: it is there, and no link.
  readlink: place => orNull(place, readlink(place), ['ENOENT', 'ENOTDIR', 'EINVAL']),
  look: async place => {
    const seen = await orNull(place, lstat(place, { bigint: true }));
    return seen && { identity: `${seen.dev}:${seen.ino}`, names: Number(seen.nlink), isFolder: seen.isDirectory() };
  },
  list: async folder => (await orNull(folder, readdir(folder))) ?? [],
  mounts: async () => parseMounts(await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')),
};

async function orNull<T>(place: string, looking: Promise<T>, nothing = ['ENOENT', 'ENOTDIR']): Promise<T | null> {
  return looking.catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== undefined && nothing.includes(cause.code)) return null;
    throw new OutriggerError('denied', `${place} cannot be looked at (${cause.code}), so it is not bound`, { cause });
  });
}
