import type { NestedEngine } from '../engines/nested-engine.ts';
import type { Holding } from './holdings.ts';

/** What a container's first process really has. */
export interface Inside {
  readonly deviceNodes: readonly number[];
  /** By the index that it has inside. */
  readonly uuids: Readonly<Record<number, string>>;
}

/**
 * Looks into all these running containers of one engine at once, by their processes; those that ended meanwhile are left
 * out. By container id.
 */
export async function lookInside(
  engine: NestedEngine,
  holdings: readonly Holding[],
): Promise<ReadonlyMap<string, Inside>> {
  const processes = await Promise.all(
    holdings.map(async ({ containerId }) => {
      const inspected = await engine.docker
        .getContainer(containerId)
        .inspect()
        .catch(() => null);
      return inspected?.State.Running ? [inspected.State.Pid] : [];
    }),
  );
  const output = await engine.run(LOOK.replace('PROCESSES', processes.flat().join(' ')));
  const found = new Map<string, Inside>();
  for (const block of output.split('container ').slice(1)) {
    const holding = holdings.find(h => h.containerId.startsWith(block.split('\n')[0] ?? '-'));
    if (!holding || !block.includes('\nend')) continue;
    found.set(holding.containerId, {
      deviceNodes: [...block.matchAll(/^nvidia(\d+)$/gm)].map(([, index]) => Number(index)).sort(),
      uuids: Object.fromEntries(
        [...block.matchAll(/^SIMULATED_GPU_(\d+)=(.*)$/gm)].map(([, index, uuid]) => [index, uuid]),
      ),
    });
  }
  return found;
}

/** The name inside is the container's id: a process number that somebody else has by now leads to nobody wrong. */
const LOOK = `for p in PROCESSES; do
  name=$(cat /proc/$p/root/etc/hostname 2>/dev/null) || continue
  echo "container $name"
  ls /proc/$p/root/dev
  tr '\\0' '\\n' </proc/$p/environ | grep '^SIMULATED_GPU_'
  [ ! -e /proc/$p/root/etc/hostname ] || echo end
done 2>/dev/null`;
