import { type Action, actionKey } from './actions.ts';
import type { Removal } from './service.ts';
import type { World } from './world.ts';

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
    .filter(name => !isLetOff(world, name, removal))
    .map((node): Action => ({ kind: 'clean_namespace', node, namespace, volumes, askedAt }))
    .filter(action => world.observed.effects.get(actionKey(action))?.kind !== 'settled');
}

/** What leaves takes its networks along; one that is lost beside others is waited for only where volumes are to go. */
function isLetOff({ nodes }: World, name: string, { volumes }: Removal): boolean {
  return nodes.isGone(name) || (!volumes && nodes.isOutOfSight(name));
}
