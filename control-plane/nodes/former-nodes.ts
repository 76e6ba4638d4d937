import { formerName } from '../core/nodes/former-name.ts';
import { type Configured, configureNode, type NodeSurroundings } from './configure-node.ts';
import type { ConfiguredNode } from './configured-node.ts';
import { localNode } from './local-node.ts';
import { nodeEntry } from './nodes-file.ts';
import type { NodesNote, NotedNode } from './nodes-note.ts';
import { renamedNodes } from './renamed-nodes.ts';

export interface FormerNodes {
  /** Nobody names them any more: they leave in order. */
  readonly leaving: readonly Configured[];
  /** The names before, by the names now. */
  readonly formerNames: ReadonlyMap<string, string>;
  /** Those of them that leave because another node has their name. */
  readonly deprived: readonly Deprived[];
}

/** A node that leaves under a name of its own. */
export interface Deprived {
  readonly node: Configured;
  /** Its name before. */
  readonly from: string;
  /** How it is reached, to be noted under the name that it has now. */
  readonly noted: NotedNode;
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
  const { noted, before, renamed } = await formerly(note, present, around);
  for (const name of renamed.keys()) if (!present.has(name)) note.remove(name);
  const leaving = noted
    .filter(one => one !== null)
    .filter(one => {
      const name = one.kind === 'configured' ? one.node.name : one.name;
      return !present.has(name) && !renamed.has(name);
    });
  const formerNames = new Map([...renamed].map(([from, to]) => [to, from]));
  const deprived = await Promise.all(lostNames(note, { before, renamed }).map(lost => deprive(lost, around)));
  for (const { node, from } of deprived) {
    leaving.push(node);
    formerNames.set(nameOf(node), from);
  }
  return { leaving, formerNames, deprived };
}

/** Those alone that leave because another node has their name from now on. */
export async function deprivedNodes(
  note: NodesNote,
  present: ReadonlyMap<string, string>,
  around: Omit<NodeSurroundings, 'folder'>,
): Promise<readonly Deprived[]> {
  const { before, renamed } = await formerly(note, present, around);
  return Promise.all(lostNames(note, { before, renamed }).map(lost => deprive(lost, around)));
}

/** The nodes that were in use, with the names now by the names before. */
async function formerly(
  note: NodesNote,
  present: ReadonlyMap<string, string>,
  around: Omit<NodeSurroundings, 'folder'>,
): Promise<{
  readonly noted: readonly (Configured | null)[];
  /**
   * Those that are not what they were, and whose engine answered by the way that is noted: another may be a slip, and lead to
   * another machine.
   */
  readonly before: readonly ConfiguredNode[];
  readonly renamed: ReadonlyMap<string, string>;
}> {
  const noted = await Promise.all([...note.nodes()].map(([name, node]) => configureFormer(name, node, around)));
  const before = noted
    .flatMap(one => (one?.kind === 'configured' ? [one.node] : []))
    .filter(n => note.nodes().get(n.name)?.engineBy === undefined && present.get(n.name) !== n.profile.connection);
  return { noted, before, renamed: renamedNodes(new Map(before.map(n => [n.name, n.profile.connection])), present) };
}

interface Lost {
  readonly from: string;
  /** A name that nobody else can have. */
  readonly to: string;
  readonly noted: Extract<NotedNode, { kind: 'entry' }>;
}

function lostNames(
  note: NodesNote,
  { before, renamed }: { before: readonly ConfiguredNode[]; renamed: ReadonlyMap<string, string> },
): Lost[] {
  const taken = new Set(renamed.values());
  return before.flatMap(({ name: from, profile }) => {
    const noted = note.nodes().get(from);
    if (!taken.has(from) || renamed.has(from) || noted?.kind !== 'entry') return [];
    return [{ from, to: formerName(from, profile.connection), noted }];
  });
}

async function deprive({ from, to, noted }: Lost, around: Omit<NodeSurroundings, 'folder'>): Promise<Deprived> {
  const entry = nodeEntry.parse(noted.entry);
  return { from, node: await configureNode(to, entry, { ...around, folder: noted.folder }), noted };
}

function nameOf(configured: Configured): string {
  return configured.kind === 'configured' ? configured.node.name : configured.name;
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
