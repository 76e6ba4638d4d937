import { type Configured, configureNode, type NodeSurroundings } from './configure-node.ts';
import { localNode } from './local-node.ts';
import { nodeEntry } from './nodes-file.ts';
import type { NodesNote, NotedNode } from './nodes-note.ts';
import { renamedNodes } from './renamed-nodes.ts';

export interface FormerNodes {
  /** Nobody names them any more: they leave in order. */
  readonly leaving: readonly Configured[];
  /** The names before, by the names now. */
  readonly formerNames: ReadonlyMap<string, string>;
}

/**
 * The nodes that were in use before and are not named any more. One whose engine has another name now goes on under that.
 * @param present names of the nodes that there are now, and how each is reached
 */
export async function formerNodes(
  note: NodesNote,
  present: ReadonlyMap<string, string>,
  around: Omit<NodeSurroundings, 'folder'>,
): Promise<FormerNodes> {
  const noted = await Promise.all([...note.nodes()].map(([name, node]) => configureFormer(name, node, around)));
  const before = noted.flatMap(one => (one?.kind === 'configured' ? [one.node] : []));
  // A way by which a node's engine never answered may be a slip, and lead to another machine.
  const reached = before.filter(n => note.nodes().get(n.name)?.engineBy === undefined);
  const renamed = renamedNodes(new Map(reached.map(n => [n.name, n.profile.connection])), present);
  for (const name of renamed.keys()) if (!present.has(name)) note.remove(name);
  return {
    leaving: noted
      .filter(one => one !== null)
      .filter(one => {
        const name = one.kind === 'configured' ? one.node.name : one.name;
        return !present.has(name) && !renamed.has(name);
      }),
    formerNames: new Map([...renamed].map(([from, to]) => [to, from])),
  };
}

async function configureFormer(
  name: string,
  noted: NotedNode,
  around: Omit<NodeSurroundings, 'folder'>,
): Promise<Configured | null> {
  if (noted.kind === 'local') {
    return localNode(around).then(
      node => ({ kind: 'configured' as const, node }),
      () => null,
    );
  }
  const parsed = nodeEntry.safeParse(noted.entry);
  return parsed.success ? configureNode(name, parsed.data, { ...around, folder: noted.folder }) : null;
}
