import { removeKey } from './actions.ts';
import type { Observed } from './observed.ts';

/** A listing may be older than the removal; what we removed by its immutable id is gone for good. */
export function isRemoved(containerId: string, { effects }: Pick<Observed, 'effects'>): boolean {
  return effects.get(removeKey(containerId))?.kind === 'settled';
}
