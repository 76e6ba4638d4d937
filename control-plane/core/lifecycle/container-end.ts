import type { JudgedNodes } from '../nodes/judged-nodes.ts';
import type { Observed, ObservedContainer } from '../observed.ts';
import { type Cause, type ContainerRef, placementOf, type Replica } from '../replica.ts';

/** How the container of a replica that should run has ended, in words for people; null: it is not known to have. */
export function endOfContainer(
  replica: Replica,
  container: ContainerRef,
  facts: {
    readonly containers: readonly ObservedContainer[];
    readonly observed: Observed;
    readonly nodes: JudgedNodes;
  },
): Cause | null {
  const seen = facts.containers.find(c => c.id === container.id);
  if (seen?.state === 'exited') return exitCause(seen, replica);
  if (seen) return null;
  const placement = placementOf(replica);
  const node = placement ? facts.observed.nodes.get(placement.node) : undefined;
  // Unknown is not dead: only a listing that began after we learnt of the container can deny it.
  if (!node?.answering || node.listedFrom <= container.seenAt) return null;
  // Names may have been swapped: what this engine never listed may be on a node that was not looked at yet.
  if (!node.removed?.has(container.id) && !facts.nodes.areKnown) return null;
  return { kind: 'vanished', message: 'the container was removed from outside', logTail: [] };
}

function exitCause(container: ObservedContainer, replica: Replica): Cause {
  const exit = container.exit ?? { code: -1, oomKilled: false, error: '', logTail: [] };
  const base = { exitCode: exit.code, logTail: exit.logTail };
  if (exit.oomKilled)
    return { kind: 'oom_killed', message: 'killed by the kernel: out of memory (raise its memory limit)', ...base };
  if (exit.code === 137) return { kind: 'killed', message: 'killed from outside (SIGKILL, exit code 137)', ...base };
  const before = replica.phase.kind === 'ready' ? '' : ' before it was ready';
  const words = exit.error === '' ? '' : `: ${exit.error}`;
  return { kind: 'exited', message: `exited with code ${exit.code}${before}${words}`, ...base };
}
