import { startKey } from './actions.ts';
import type { Observed } from './observed.ts';
import type { Replica } from './replica.ts';

/**
 * Whether it has a place, and no container of its present attempt was started there as far as anybody can tell. What its ids
 * stand for is looked up by the engine when one is, so until then it has none of its devices.
 */
export function isUnstarted(replica: Replica, { nodes, effects }: Pick<Observed, 'nodes' | 'effects'>): boolean {
  const { phase } = replica;
  if (phase.kind === 'pulling' || phase.kind === 'creating') return true;
  if (phase.kind !== 'starting' || replica.hasServed) return false;
  const node = nodes.get(phase.placement.node);
  if (!node?.answering) return false;
  const seen = node.containers.find(c => c.id === phase.container.id);
  if (seen?.state !== 'created') return false;
  const start = effects.get(startKey(phase.container.id));
  if (!start || start.kind === 'queued') return true;
  // A start that failed for us may have been carried out: only a listing that began later can tell.
  return start.kind !== 'under_way' && node.listedFrom > start.at;
}
