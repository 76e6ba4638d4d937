import type { Action } from '../actions.ts';
import { isNamedByUs } from '../own-containers.ts';
import { heldPlacement } from '../replica.ts';
import type { World } from '../world.ts';

/**
 * Nodes that are not configured any more and may go: nothing of ours is on them, nor is anything to be done there, or they
 * have been silent for so long that nobody can say.
 * @param actions what is to be done now
 */
export function vacatedNodes({ observed, replicas, nodes }: World, actions: readonly Action[]): string[] {
  const leaving = [...observed.nodes.values()].filter(n => n.leaving);
  if (leaving.length === 0) return [];
  const held = new Set([...replicas.values()].map(r => heldPlacement(r)?.node));
  return leaving
    .filter(({ name, answering, containers }) => {
      if (held.has(name) || (answering && actions.some(a => a.node === name))) return false;
      return nodes.isLost(name) || !containers.some(isNamedByUs);
    })
    .map(n => n.name);
}
