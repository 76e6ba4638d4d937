import { statfs } from 'node:fs/promises';
import { formatBytes } from '../render/units.ts';
import type { Finding } from './check.ts';

/** Free space, for this user, of the disk that holds `folder`. */
export async function diskFinding(
  name: string,
  folder: string,
  limits: { warnBytes: number; failBytes: number },
): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const message = `${formatBytes(free)} free for ${folder}`;
  if (free >= limits.warnBytes) return { name, status: 'ok', message };
  const next = `Free some space on that disk; unused images go with "docker image prune".`;
  return { name, status: free < limits.failBytes ? 'fail' : 'warn', message, next };
}
