import { type Configured, configureNode, type NodeSurroundings } from './configure-node.ts';
import { localNode } from './local-node.ts';
import { nodeEntry } from './nodes-file.ts';
import type { NotedNode } from './nodes-note.ts';

/** The nodes that were in use and that nobody names any more, so that they can leave in order. */
export async function formerNodes(
  noted: ReadonlyMap<string, NotedNode>,
  present: ReadonlySet<string>,
  around: Omit<NodeSurroundings, 'folder'>,
): Promise<readonly Configured[]> {
  const former = [...noted].filter(([name]) => !present.has(name));
  const configured = await Promise.all(former.map(([name, node]) => configureFormer(name, node, around)));
  return configured.filter(node => node !== null);
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
