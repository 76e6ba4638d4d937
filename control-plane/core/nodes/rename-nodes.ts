import type { Desired } from '../desired.ts';
import type { NodeRecord } from '../node.ts';
import { placementOf, type Replica } from '../replica.ts';
import { formerName } from './former-name.ts';

/**
 * What is stored of nodes, under the names that they have now: where replicas are, and what was decided about the nodes.
 * Names may be swapped. What is stored under a name that another node takes over is of a machine that has no name any more:
 * it goes to one that no node has, so that its replicas are never taken for replicas of the other.
 * @param renamed from the name before to the name now
 */
export function renameNodes(
  { replicas, nodes }: Pick<Desired, 'replicas' | 'nodes'>,
  renamed: ReadonlyMap<string, string>,
): Pick<Desired, 'replicas' | 'nodes'> {
  const all = new Map([...renamed, ...deprived({ replicas, nodes }, renamed)]);
  return {
    replicas: new Map([...replicas].map(([id, replica]) => [id, moved(replica, all)])),
    nodes: new Map(
      [...nodes.values()].map(record => {
        const name = all.get(record.name);
        const now: NodeRecord = name === undefined ? record : { ...record, name };
        return [now.name, now];
      }),
    ),
  };
}

/** Nodes that lose their name to another one without having a new one: the names that they go on under. */
function deprived(
  { replicas, nodes }: Pick<Desired, 'replicas' | 'nodes'>,
  renamed: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const known = new Set([...nodes.keys(), ...[...replicas.values()].flatMap(r => placementOf(r)?.node ?? [])]);
  const names = [...new Set(renamed.values())].filter(name => known.has(name) && !renamed.has(name));
  return new Map(names.map(name => [name, formerName(name, nodes.get(name)?.connection ?? 'former')]));
}

function moved(replica: Replica, renamed: ReadonlyMap<string, string>): Replica {
  const { phase } = replica;
  if (!('placement' in phase)) return replica;
  const node = renamed.get(phase.placement.node);
  return node === undefined ? replica : { ...replica, phase: { ...phase, placement: { ...phase.placement, node } } };
}
