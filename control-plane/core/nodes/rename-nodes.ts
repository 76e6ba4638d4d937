import type { Desired } from '../desired.ts';
import type { NodeRecord } from '../node.ts';
import { placementOf, type Replica } from '../replica.ts';
import type { NameChanges, NodeBefore } from './name-changes.ts';

/**
 * What is stored of nodes, under the names that they have now: where replicas are, and what was decided about the nodes.
 * Names may be swapped. What is stored under a name that another node takes over is of a machine that has no name any more:
 * it goes to one that no node has, so that its replicas are never taken for replicas of the other.
 */
export function renameNodes(
  { replicas, nodes }: Pick<Desired, 'replicas' | 'nodes'>,
  { goesOn, deprived }: Pick<NameChanges, 'goesOn' | 'deprived'>,
): Pick<Desired, 'replicas' | 'nodes'> {
  const renamed = new Map([...goesOn, ...deprived]);
  return {
    replicas: new Map([...replicas].map(([id, replica]) => [id, moved(replica, renamed)])),
    nodes: new Map(
      [...nodes.values()].map(record => {
        const name = renamed.get(record.name);
        const now: NodeRecord = name === undefined ? record : { ...record, name };
        return [now.name, now];
      }),
    ),
  };
}

/** Every node of which something is stored, by its name. */
export function storedNodes({ replicas, nodes }: Pick<Desired, 'replicas' | 'nodes'>): ReadonlyMap<string, NodeBefore> {
  const names = new Set([...nodes.keys(), ...[...replicas.values()].flatMap(r => placementOf(r)?.node ?? [])]);
  return new Map(
    [...names].map(name => {
      const way = nodes.get(name)?.connection;
      return [name, { way: way ?? 'former', isOwn: way !== undefined }];
    }),
  );
}

function moved(replica: Replica, renamed: ReadonlyMap<string, string>): Replica {
  const { phase } = replica;
  if (!('placement' in phase)) return replica;
  const node = renamed.get(phase.placement.node);
  return node === undefined ? replica : { ...replica, phase: { ...phase, placement: { ...phase.placement, node } } };
}
