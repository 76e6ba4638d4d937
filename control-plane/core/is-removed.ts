import { removeKey } from './actions.ts';
import type { Observed } from './observed.ts';

/**
 * We removed it by its immutable id, and no listing that began later shows it. An older one may; a newer one means that its
 * engine denied it at that moment only, as dockerd does which lists a container before it answers questions about it.
 */
export function isRemoved(containerId: string, { effects, nodes }: Pick<Observed, 'effects' | 'nodes'>): boolean {
  const removal = effects.get(removeKey(containerId));
  if (removal?.kind !== 'settled') return false;
  return ![...nodes.values()].some(n => n.listedFrom > removal.at && n.containers.some(c => c.id === containerId));
}
