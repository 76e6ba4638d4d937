import { chmod, chown } from 'node:fs/promises';
import net from 'node:net';
import type { ExecutionContext } from 'ava';
import { isRoot } from './as-root.ts';

/** A socket at this path that somebody listens on and that nobody here may open who is run with AS_ANYBODY. */
export async function closedSocket(t: ExecutionContext, path: string): Promise<void> {
  const server = net.createServer(connection => connection.destroy());
  await new Promise<void>(resolve => server.listen(path, resolve));
  t.teardown(() => new Promise<void>(resolve => server.close(() => resolve())));
  // What is its own root may open also without the right to open all.
  if (isRoot) await chown(path, 65_534, 65_534);
  await chmod(path, isRoot ? 0o600 : 0);
}

/** The words before a program that has it do without the right of root to open everything; none are needed for others. */
export const AS_ANYBODY: readonly string[] = isRoot
  ? ['setpriv', '--inh-caps=-all', '--bounding-set=-dac_override,-dac_read_search']
  : [];
