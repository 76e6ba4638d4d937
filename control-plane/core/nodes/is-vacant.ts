import type { Desired } from '../desired.ts';
import { placementOf } from '../replica.ts';

/**
 * Whether nothing is lost where another engine takes a node's place: nothing is placed there, or somebody gave up what is,
 * as the node is drained.
 */
export function isVacant({ replicas, nodes }: Pick<Desired, 'replicas' | 'nodes'>, name: string): boolean {
  if ((nodes.get(name)?.drainingSince ?? null) !== null) return true;
  return [...replicas.values()].every(r => placementOf(r)?.node !== name);
}
