import { type Action, actionKey } from '../actions.ts';
import type { ObservedNode } from '../observed.ts';
import type { Removal } from '../service.ts';
import type { World } from '../world.ts';

/**
 * A service that is being deleted and has no replica left goes; the last of its namespace takes the networks along.
 * Returns what is still to be cleaned.
 */
export function farewells(world: World): Action[] {
  const actions: Action[] = [];
  for (const [key, { removal, spec }] of world.services) {
    if (!removal || world.ofService(key).length > 0) continue;
    const { namespace } = spec;
    const isLast = [...world.services.values()].every(s => s.key === key || s.spec.namespace !== namespace);
    const open = isLast ? openCleanings(world, namespace, removal) : [];
    if (open.length === 0) world.services.delete(key);
    else actions.push(...open.filter(a => world.observed.nodes.get(a.node)?.answering));
  }
  return actions;
}

/** A node that is away keeps the service in sight until its networks and volumes are known to be gone. */
function openCleanings(world: World, namespace: string, removal: Removal): Action[] {
  const { volumes, askedAt } = removal;
  return [...world.observed.nodes.keys()]
    .filter(name => !isLetOff(world, name, namespace, removal))
    .map((node): Action => ({ kind: 'clean_namespace', node, namespace, volumes, askedAt }))
    .filter(action => world.observed.effects.get(actionKey(action))?.kind !== 'settled');
}

/**
 * What leaves takes its networks along; one that is lost beside others is waited for only where volumes are to go. So is
 * one that was silent when the removal was asked for, without a container of the namespace as far as is known: a network
 * that may be left there is in nobody's way. And one that never answered has nothing of ours at all.
 */
export function isLetOff(
  { observed, nodes }: Pick<World, 'observed' | 'nodes'>,
  name: string,
  namespace: string,
  removal: Removal,
): boolean {
  if (nodes.isGone(name)) return true;
  if (!removal.volumes && nodes.isOutOfSight(name)) return true;
  const node = nodes.node(name);
  const others = [...observed.nodes.values()].some(n => n.answering);
  return others && node !== undefined && !mayHold(node, namespace, removal);
}

/** Whether something of a namespace that is being removed may be left on a node, networks that are in nobody's way aside. */
function mayHold(node: ObservedNode, namespace: string, { volumes, askedAt }: Removal): boolean {
  if (node.answering) return true;
  if (node.untouched) return false;
  if (volumes || (node.silentSince ?? 0) > askedAt) return true;
  return node.containers.some(c => c.service.startsWith(`${namespace}/`));
}
