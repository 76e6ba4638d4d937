import { type Document, isAlias, isMap, isNode, isScalar, type Pair } from 'yaml';
import { locate, placeOf } from '../written-files/place.ts';
import type { KeyPath, Located, Problem } from '../written-files/problem.ts';
import type { SourceFile } from '../written-files/source-file.ts';
import { child } from '../written-files/yaml-step.ts';

/** A node as somebody wrote it; there may be two of one name. */
export interface WrittenNode {
  readonly name: string;
  readonly value: unknown;
  /** Where something of it stands, whose key path begins with `nodes` and the name. */
  readonly locate: (problem: Problem) => Located;
}

/**
 * The nodes of a nodes file in the order in which they stand there, also those that a later one of the same name hides.
 * Throws where an alias has no anchor.
 */
export function writtenNodes({
  document,
  input,
  source,
}: {
  document: Document;
  /** The document as a value. */
  input: unknown;
  /** The same text. */
  source: SourceFile;
}): readonly WrittenNode[] {
  const inSource = pairsOf(source.roots[0], n => (isAlias(n) ? source.targets.get(n) : n));
  const pairs = pairsOf(document.contents, n => (isAlias(n) ? n.resolve(document) : n));
  const times = Map.groupBy(pairs, nameOf);
  const located = (problem: Problem) => locate(source, problem);
  const written = pairs.flatMap((pair, i): WrittenNode[] => {
    const name = nameOf(pair);
    if (name === null || name === '__proto__') return [];
    const own = inSource[i];
    const isDouble = (times.get(name)?.length ?? 0) > 1 && own !== undefined;
    const value = isNode(pair.value) ? pair.value.toJS(document) : pair.value;
    return [{ name, value, locate: isDouble ? p => ({ ...p, ...placeIn(source, own, p.keyPath) }) : located }];
  });
  const nodes = (input as { nodes?: unknown } | null)?.nodes;
  if (typeof nodes !== 'object' || nodes === null || Array.isArray(nodes)) return [];
  const merged = Object.entries(nodes).filter(([name]) => !times.has(name));
  return [...written, ...merged.map(([name, value]) => ({ name, value, locate: located }))];
}

/** The entries of `nodes`. @param resolved what an alias stands for */
function pairsOf(root: unknown, resolved: (node: unknown) => unknown): readonly Pair[] {
  const top = resolved(root);
  if (!isMap(top)) return [];
  const nodes = resolved(top.items.findLast(pair => nameOf(pair) === 'nodes')?.value);
  return isMap(nodes) ? nodes.items : [];
}

/** Null: it is none, as that of a merge. */
function nameOf({ key }: Pair): string | null {
  if (!isScalar(key) || typeof key.value === 'symbol' || key.value === '<<') return null;
  return String(key.value);
}

/** The deepest part of a key path that stands in an entry of `nodes`. */
function placeIn(source: SourceFile, entry: Pair, [, , ...rest]: KeyPath) {
  let offset = isScalar(entry.key) ? (entry.key.range?.[0] ?? 0) : 0;
  let node: unknown = entry.value;
  for (const part of rest) {
    const found = child(source, node, part);
    if (!found) break;
    offset = found.offset;
    node = found.value;
  }
  return placeOf(source, offset);
}
