import { isInside, touch } from './inside.ts';

/** One mount of this machine. */
export interface Mount {
  /** Of the file system, as the kernel counts them: the same for each mount of it. */
  readonly device: string;
  /** Which folder or file of that file system is mounted. */
  readonly root: string;
  /** Where. */
  readonly at: string;
  /** `ext4`, `proc`. */
  readonly type: string;
}

/** Reads /proc/self/mountinfo, see proc_pid_mountinfo(5). */
export function parseMounts(mountinfo: string): readonly Mount[] {
  return mountinfo.split('\n').flatMap(line => {
    const [own = '', further = ''] = line.split(' - ');
    const [, , device, root, at] = own.split(' ');
    const [type] = further.split(' ');
    return device && root && at && type ? [{ device, root: unescaped(root), at: unescaped(at), type }] : [];
  });
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Where on its file system a place is, whatever name it is mounted under. */
export interface Spot {
  readonly device: string;
  readonly path: string;
}

/** @param place without symbolic links */
export function spotOf(place: string, mounts: readonly Mount[]): Spot | null {
  const on = mountOf(place, mounts);
  return on && { device: on.device, path: joined(on.root, place.slice(on.at === '/' ? 0 : on.at.length)) };
}

/** All that somebody who has the place sees: itself, and what is mounted below it. */
export function spotsBelow(place: string, mounts: readonly Mount[]): readonly Spot[] {
  const own = spotOf(place, mounts);
  const below = mounts.filter(mount => isInside(mount.at, place)).map(({ device, root }) => ({ device, path: root }));
  return own ? [own, ...below] : below;
}

/** One is, contains or is inside the other. */
export function spotsTouch(one: Spot, other: Spot): boolean {
  return one.device === other.device && touch(one.path, other.path);
}

/** The place is in the processes' file system, wherever that is mounted, or contains it. */
export function seesProcesses(place: string, mounts: readonly Mount[]): boolean {
  return (
    mountOf(place, mounts)?.type === 'proc' || mounts.some(({ type, at }) => type === 'proc' && isInside(at, place))
  );
}

/** The innermost; of several at one place the last covers the others. */
function mountOf(place: string, mounts: readonly Mount[]): Mount | null {
  return mounts.reduce<Mount | null>(
    (found, mount) =>
      isInside(place, mount.at) && (found === null || mount.at.length >= found.at.length) ? mount : found,
    null,
  );
}

function joined(root: string, rest: string): string {
  if (rest === '' || rest === '/') return root;
  return root === '/' ? rest : root + rest;
}
