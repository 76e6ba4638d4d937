import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
} from 'yaml';

/** The limits within which Compose answers in seconds; the ones above them keep it busy for minutes. */
export const MAX_FILE_BYTES = 1024 * 1024;
const MAX_ALIASED_NODES = 100_000;
const MAX_DEPTH = 100;

/** A file of the project as text with positions. Nothing is expanded: an alias points to the node it stands for. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
  readonly roots: readonly Node[];
  readonly lines: LineCounter;
  readonly targets: ReadonlyMap<Alias, Node>;
  /** What the YAML parser had to say; only worth telling where Compose refused the file as well. */
  readonly syntaxErrors: readonly { message: string; offset: number }[];
  /** Why Compose must not be given this file. */
  readonly excess?: 'aliases' | 'depth';
}

export function parseSource(file: string, text: string): SourceFile {
  const lines = new LineCounter();
  const empty = { file, text, lines, roots: [], targets: new Map(), syntaxErrors: [] };
  let documents: Document.Parsed[];
  try {
    const parsed = parseAllDocuments(text, {
      lineCounter: lines,
      uniqueKeys: false,
      logLevel: 'silent',
      // Places are found where one is told; to look for that of each of very many errors takes seconds.
      prettyErrors: false,
    });
    documents = Array.isArray(parsed) ? [...parsed] : [];
  } catch (thrown) {
    if (thrown instanceof RangeError) return { ...empty, excess: 'depth' };
    throw thrown;
  }
  const syntaxErrors = documents.flatMap(document =>
    document.errors.map(error => ({ message: error.message, offset: error.pos[0] })),
  );
  const roots = documents.flatMap(document => document.contents ?? []);
  const measured = measure(roots);
  const excess =
    measured.depth > MAX_DEPTH
      ? 'depth'
      : measured.expanded > measured.written + MAX_ALIASED_NODES
        ? 'aliases'
        : undefined;
  return { file, text, roots, lines, targets: measured.targets, syntaxErrors, ...(excess ? { excess } : {}) };
}

/** How many nodes stand in the file, and how many there would be with every alias written out. */
function measure(roots: readonly Node[]) {
  const anchors = new Map<string, { node: Node; expanded: number }>();
  const targets = new Map<Alias, Node>();
  let written = 0;
  let deepest = 0;
  function visit(node: unknown, depth: number): number {
    written++;
    deepest = Math.max(deepest, depth);
    if (depth > MAX_DEPTH) return 1;
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target) targets.set(node, target.node);
      return target?.expanded ?? 1;
    }
    let expanded = 1;
    if (isMap(node))
      for (const pair of node.items) expanded += visit(pair.key, depth + 1) + visit(pair.value, depth + 1);
    else if (isSeq(node)) for (const item of node.items) expanded += visit(item, depth + 1);
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor) anchors.set(node.anchor, { node, expanded });
    return expanded;
  }
  const expanded = roots.reduce((sum, root) => sum + visit(root, 1), 0);
  return { expanded, written, depth: deepest, targets };
}
