import { type NodeBefore, nameChanges } from '../core/nodes/name-changes.ts';
import { type Configured, configureNode, type NodeSurroundings, nameOf, wayOf } from './configure-node.ts';
import { localNode } from './local-node.ts';
import { nodeEntry } from './nodes-file.ts';
import type { NodesNote, NotedNode } from './nodes-note.ts';

/** What becomes of the nodes that were in use. */
export interface FormerNodes {
  /** Nobody names them any more: they leave in order. */
  readonly leaving: readonly Configured[];
  /** They leave because another node has their name. */
  readonly deprived: readonly Deprived[];
  /** Those that go on under another name: that name, by the name before. */
  readonly goesOn: ReadonlyMap<string, string>;
}

/** A node that leaves under a name of its own. */
export interface Deprived {
  readonly node: Configured;
  /** Its name before. */
  readonly from: string;
  /** Its name now. */
  readonly to: string;
  /** How it is reached, to be noted under the name that it has now. */
  readonly noted: NotedNode;
}

/**
 * The nodes that were in use before, as far as they are others now.
 * @param present names of the nodes that there are now, and how each is reached
 */
export async function formerNodes(
  note: NodesNote,
  present: ReadonlyMap<string, string>,
  around: Omit<NodeSurroundings, 'folder'>,
): Promise<FormerNodes> {
  const noted = await Promise.all([...note.nodes()].map(([name, node]) => configureFormer(name, node, around)));
  const changed = noted.filter(one => one !== null).filter(one => present.get(nameOf(one)) !== wayOf(one)[1]);
  const before = new Map(changed.map(one => [nameOf(one), nodeBefore(one, note)]));
  const { goesOn, deprived, leaving } = nameChanges(before, present);
  const lost = [...deprived].flatMap(([from, to]) => {
    const node = note.nodes().get(from);
    // A way that led elsewhere is no way to what has lost its name.
    return node?.kind === 'entry' && before.get(from)?.isOwn ? [{ from, to, noted: node }] : [];
  });
  return {
    goesOn,
    leaving: changed.filter(one => leaving.has(nameOf(one))),
    deprived: await Promise.all(lost.map(one => deprive(one, around))),
  };
}

/** Only a way by which its engine answered is its own: another may be a slip, and lead to another machine. */
function nodeBefore(configured: Configured, note: NodesNote): NodeBefore {
  const [name, way] = wayOf(configured);
  return { way, isOwn: configured.kind === 'configured' && note.nodes().get(name)?.engineBy === undefined };
}

async function deprive(
  { from, to, noted }: { from: string; to: string; noted: Extract<NotedNode, { kind: 'entry' }> },
  around: Omit<NodeSurroundings, 'folder'>,
): Promise<Deprived> {
  const entry = nodeEntry.parse(noted.entry);
  return { from, to, node: await configureNode(to, entry, { ...around, folder: noted.folder }), noted };
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
