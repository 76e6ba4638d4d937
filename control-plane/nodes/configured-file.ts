import path from 'node:path';
import type { NodePolicy } from '../core/node.ts';
import { formatLocated } from '../written-files/format-located.ts';
import { locate } from '../written-files/place.ts';
import { type Configured, configureNode, type NodeSurroundings, wayOf } from './configure-node.ts';
import { type NodesNote, type NotedNode, noteOf, wayNoted } from './nodes-note.ts';
import { readNodesFile } from './read-nodes-file.ts';

/** A version of the nodes file, with what its entries name read as well. */
export type ConfiguredFile =
  | { readonly kind: 'refused'; readonly problems: readonly string[] }
  | {
      readonly kind: 'read';
      readonly text: string;
      readonly nodes: readonly Configured[];
      readonly noted: readonly (readonly [string, NotedNode])[];
      readonly policy: NodePolicy;
      readonly warnings: readonly string[];
      /** Of the nodes that cannot be spoken to as they are configured. */
      readonly failures: readonly string[];
    };

/** @param file absolute */
export async function configureFile(
  file: string,
  text: string,
  { environment, publishOn }: Omit<NodeSurroundings, 'folder'>,
): Promise<ConfiguredFile> {
  const reading = readNodesFile(file, text);
  if (reading.kind === 'refused') return { kind: 'refused', problems: reading.problems.map(p => formatLocated(p)) };
  const { content, source, warnings } = reading;
  const around = { folder: path.dirname(file), environment, ...(publishOn === undefined ? {} : { publishOn }) };
  const entries = Object.entries(content.nodes);
  const nodes = await Promise.all(entries.map(([name, entry]) => configureNode(name, entry, around)));
  return {
    kind: 'read',
    text,
    nodes,
    noted: entries.map(([name, entry]) => [name, noteOf(entry, around.folder)] as const),
    policy: {
      lostAfterMs: content.lost_after,
      replaceAfterMs: content.replace_after,
      quarantineMs: content.quarantine,
    },
    warnings: warnings.map(w => formatLocated(w)),
    failures: nodes.flatMap(n => (n.kind === 'failed' ? [formatLocated(locate(source, n.problem))] : [])),
  };
}

/** Whether a node of before is not among those of now, or is reached another way. */
export function takesAway(before: readonly Configured[], now: readonly Configured[]): boolean {
  const ways = new Map(now.map(wayOf));
  return before.some(node => {
    const [name, way] = wayOf(node);
    return node.kind === 'failed' ? !ways.has(name) : ways.get(name) !== way;
  });
}

/** The same of a text that is not looked into any further, against what was in use at the last start. A wrong one may be half of a right one. */
export function mayTakeAway(file: string, text: string | null, note: NodesNote): boolean {
  const noted = note.nodesFile();
  if (text === null) return noted?.path === file;
  if (noted?.path === file && noted.text === text) return false;
  const reading = readNodesFile(file, text);
  if (reading.kind === 'refused') return true;
  const { nodes } = reading.content;
  return [...note.nodes()].some(([name, before]) => {
    const entry = Object.hasOwn(nodes, name) ? nodes[name] : undefined;
    return entry === undefined || wayNoted(noteOf(entry, path.dirname(file))) !== wayNoted(before);
  });
}
