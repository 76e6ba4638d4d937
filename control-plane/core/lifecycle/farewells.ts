import { type Action, actionKey } from '../actions.ts';
import type { ObservedNode } from '../observed.ts';
import type { Removal, Service } from '../service.ts';
import type { World } from '../world.ts';

/** What is still to be cleaned of services that are being deleted and have no replica left, where it can be now. */
export function farewells(world: World): Action[] {
  return [...world.services.values()]
    .flatMap(service => openCleanings(world, service))
    .filter(action => world.observed.nodes.get(action.node)?.answering);
}

/** Nothing of the service is left, nor anything to be cleaned after it. */
export function isOver(world: World, service: Service): boolean {
  return hasLeft(world, service) && openCleanings(world, service).length === 0;
}

function hasLeft(world: World, { key, removal }: Service): boolean {
  return removal !== null && world.ofService(key).length === 0;
}

/**
 * The last service of its namespace takes the networks along. A node that is away keeps it in sight until its networks and
 * volumes are known to be gone.
 */
function openCleanings(world: World, service: Service): Action[] {
  const { key, removal, spec } = service;
  const { namespace } = spec;
  if (!removal || !hasLeft(world, service)) return [];
  const isLast = [...world.services.values()].every(s => s.key === key || s.spec.namespace !== namespace);
  if (!isLast) return [];
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
