import type { NodeRecord } from '../node.ts';
import type { Desired } from '../reconcile.ts';
import type { Replica } from '../replica.ts';

/**
 * What is stored of nodes, under the names that they have now: where replicas are, and what was decided about the nodes.
 * Names may be swapped.
 * @param renamed from the name before to the name now
 */
export function renameNodes(
  { replicas, nodes }: Pick<Desired, 'replicas' | 'nodes'>,
  renamed: ReadonlyMap<string, string>,
): Pick<Desired, 'replicas' | 'nodes'> {
  // What is stored under a name that another node takes over is of a node that is not there any more.
  const taken = new Set(renamed.values());
  const kept = [...nodes.values()].filter(({ name }) => renamed.has(name) || !taken.has(name));
  return {
    replicas: new Map([...replicas].map(([id, replica]) => [id, moved(replica, renamed)])),
    nodes: new Map(
      kept.map(record => {
        const name = renamed.get(record.name);
        const now: NodeRecord = name === undefined ? record : { ...record, name };
        return [now.name, now];
      }),
    ),
  };
}

function moved(replica: Replica, renamed: ReadonlyMap<string, string>): Replica {
  const { phase } = replica;
  if (!('placement' in phase)) return replica;
  const node = renamed.get(phase.placement.node);
  return node === undefined ? replica : { ...replica, phase: { ...phase, placement: { ...phase.placement, node } } };
}
