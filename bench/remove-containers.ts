import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';

/**
 * Removes every container whose name begins so. Where a `docker run` was just interrupted the engine may still be making
 * one, so that only a second look that finds nothing ends it. Rejects when some are left after 30 s.
 */
export async function removeContainers(docker: Docker, prefix: string, { interrupted = false } = {}): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (let looks = 0; ; looks += 1) {
    const all = await docker.listContainers({ all: true, filters: { name: [prefix] } });
    const found = all.filter(({ Names }) => Names.some(name => name.startsWith(`/${prefix}`)));
    if (found.length === 0 && (looks > 0 || !interrupted)) return;
    if (performance.now() > deadline)
      throw new Error(`${found.length} containers named ${prefix}… are left after 30 s`);
    // One that is going already says so; the next look tells.
    await Promise.allSettled(found.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
    if (found.length === 0) await sleep(1_000);
  }
}
