import { type Configured, configureNode, type NodeSurroundings } from './configure-node.ts';
import { localNode } from './local-node.ts';
import { nodeEntry } from './nodes-file.ts';
import type { NodesNote, NotedNode } from './nodes-note.ts';

/**
 * The nodes that were in use and that nobody names any more, so that they can leave in order. One whose engine has another
 * name now is forgotten: what runs there is found again under that.
 * @param present names of the nodes that there are now, and how each is reached
 */
export async function formerNodes(
  note: NodesNote,
  present: ReadonlyMap<string, string>,
  around: Omit<NodeSurroundings, 'folder'>,
): Promise<readonly Configured[]> {
  const noted = [...note.nodes()].filter(([name]) => !present.has(name));
  const former = await Promise.all(noted.map(([name, node]) => configureFormer(name, node, around)));
  const ways = new Set(present.values());
  return former.filter(one => {
    if (one === null) return false;
    const isRenamed = one.kind === 'configured' && ways.has(one.node.profile.connection);
    if (isRenamed) note.remove(one.node.name);
    return !isRenamed;
  }) as Configured[];
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
