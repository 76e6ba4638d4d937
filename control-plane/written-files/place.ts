import { isAlias, type Node } from 'yaml';
import type { KeyPath, Located, Problem } from './problem.ts';
import type { SourceFile } from './source-file.ts';
import { child } from './yaml-step.ts';

/** Where something stands. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** How far a key path could be followed in a file. */
export interface Hit {
  readonly source: SourceFile;
  readonly offset: number;
  /** How many parts of the key path were found. */
  readonly depth: number;
  readonly node: unknown;
}

export function placeOf(source: SourceFile, offset: number): Place {
  const { line, col } = source.lines.linePos(offset);
  return { file: source.file, line: Math.max(1, line), column: Math.max(1, col) };
}

/** Follows a key path from a node of the file, aliases included. */
export function descend(source: SourceFile, root: Node, keyPath: KeyPath): Hit {
  let node: unknown = root;
  let hit: Hit = { source, offset: root.range?.[0] ?? 0, depth: 0, node: root };
  for (const [index, part] of keyPath.entries()) {
    const found = child(source, node, part);
    if (!found) return hit;
    node = isAlias(found.value) ? source.targets.get(found.value) : found.value;
    hit = { source, offset: found.offset, depth: index + 1, node };
  }
  return hit;
}

/** The deepest hit; of equally deep ones the last. Undefined where not even the first part was found. */
export function deepest(hits: readonly Hit[]): Hit | undefined {
  return hits.reduce<Hit | undefined>(
    (best, hit) => (hit.depth > 0 && hit.depth >= (best?.depth ?? 0) ? hit : best),
    undefined,
  );
}

/** A problem of one file with its place: the deepest part of its key path that stands there. */
export function locate(source: SourceFile, problem: Problem): Located {
  const hit = deepest(source.roots.map(root => descend(source, root, problem.keyPath)));
  return { ...problem, ...(hit ? placeOf(source, hit.offset) : { file: source.file }) };
}
