import { parseDocument } from 'yaml';
import { explainIssues } from '../written-files/explain-issues.ts';
import { Findings } from '../written-files/findings.ts';
import { knownKeysOf } from '../written-files/known-keys.ts';
import { locate, placeOf } from '../written-files/place.ts';
import type { KeyPath, Located, Problem } from '../written-files/problem.ts';
import { showValue } from '../written-files/show-value.ts';
import { parseSource, type SourceFile } from '../written-files/source-file.ts';
import { checkNodeEntry } from './check-node-entry.ts';
import { type NodeEntry, type NodesFile, nodeEntry, nodesFile, nodesJsonSchema } from './nodes-file.ts';
import { repeatedKeys } from './repeated-keys.ts';
import { textExcess } from './text-excess.ts';
import { type WrittenNode, writtenNodes } from './written-nodes.ts';

export type NodesFileReading =
  | {
      readonly kind: 'read';
      readonly content: NodesFile;
      readonly warnings: readonly Located[];
      /** The text with its places, for what turns out to be wrong later. */
      readonly source: SourceFile;
    }
  | { readonly kind: 'refused'; readonly problems: readonly Located[] };

/** The text of a nodes file, YAML or JSON, as nodes; or what is wrong with it, each with its place, in order. Pure. */
export function readNodesFile(file: string, text: string): NodesFileReading {
  const excess = textExcess(text);
  if (excess !== null) return refused(file, excess);
  const source = parseSource(file, text);
  const unreadable = syntaxProblems(source);
  if (unreadable.length > 0) return { kind: 'refused', problems: unreadable };

  const document = parseDocument(text, { merge: true, uniqueKeys: false, logLevel: 'silent' });
  let input: unknown;
  let written: readonly WrittenNode[];
  try {
    input = document.toJS();
    written = writtenNodes({ document, input, source });
  } catch (error) {
    // An alias without its anchor, or a merge of something that is no mapping.
    return refused(file, (error as Error).message);
  }
  const parsed = nodesFile.safeParse(input);
  const ofFile = parsed.success
    ? []
    : explained(
        parsed.error.issues.filter(i => !isOfNode(i)),
        { input, base: [] },
      );
  const ofNodes = checkNodes(written);
  const problems = [
    ...repeatedKeys(source, MOST_PROBLEMS),
    ...ofFile.map(p => locate(source, p)),
    ...ofNodes.problems,
  ].sort(byPlace);
  if (problems.length > MOST_PROBLEMS) {
    const message = `there is more; only the first ${MOST_PROBLEMS} mistakes are shown`;
    problems.splice(MOST_PROBLEMS, problems.length, { file, keyPath: [], message });
  }
  if (problems.length > 0 || !parsed.success) return { kind: 'refused', problems };
  return { kind: 'read', content: parsed.data, warnings: ofNodes.warnings, source };
}

/** What a person mends before looking again. */
const MOST_PROBLEMS = 50;

const knownKeys = knownKeysOf(nodesJsonSchema);

type Issue = NonNullable<ReturnType<typeof nodesFile.safeParse>['error']>['issues'][number];

/** It is told where the node is looked at. */
function isOfNode({ code, path }: Issue): boolean {
  return path[0] === 'nodes' && path.length > (code === 'invalid_key' ? 2 : 1);
}

/** Each node by itself, so that none hides what is wrong with another, nor a key what is wrong with the others. */
function checkNodes(nodes: readonly WrittenNode[]): { problems: readonly Located[]; warnings: readonly Located[] } {
  const problems: Located[] = [];
  const warnings: Located[] = [];
  const first = new Map<string, string>();
  for (const { name, value, locate } of nodes) {
    if (problems.length > MOST_PROBLEMS) break;
    const { entry, isWhole, mistakes } = read(name, value);
    const findings = new Findings();
    const way = entry && checkNodeEntry(name, entry, { isWhole, findings });
    if (entry && way) {
      const before = first.get(way);
      if (before === undefined) first.set(way, name);
      // What is written alike is found here, the rest when it answers.
      else if (before !== name)
        findings.error(['nodes', name, entry.engine === undefined ? 'context' : 'engine'], twice(before));
    }
    problems.push(...[...mistakes, ...findings.errors].map(locate));
    warnings.push(...findings.warnings.map(locate));
  }
  return { problems, warnings };
}

/** Two names for one engine would show each container twice. */
function twice(before: string): string {
  return `is the engine of the node "${before}" already; a node has an engine of its own`;
}

/** An entry by the schema; where some of its keys are wrong, what the rest of them say. */
function read(
  name: string,
  value: unknown,
): { readonly entry: NodeEntry | null; readonly isWhole: boolean; readonly mistakes: readonly Problem[] } {
  const parsed = nodeEntry.safeParse(value);
  if (parsed.success) return { entry: parsed.data, isWhole: true, mistakes: [] };
  const { issues } = parsed.error;
  const mistakes = explained(issues, { input: value, base: ['nodes', name] });
  if (typeof value !== 'object' || value === null) return { entry: null, isWhole: false, mistakes };
  const wrong = new Set(issues.flatMap(i => (i.code === 'unrecognized_keys' ? (i.path[0] ?? i.keys) : i.path[0])));
  const rest = Object.fromEntries(Object.entries(value).filter(([key]) => !wrong.has(key)));
  return { entry: nodeEntry.safeParse(rest).data ?? null, isWhole: false, mistakes };
}

/** @param at input: what was looked at, and base: where it stands */
function explained(issues: readonly Issue[], { input, base }: { input: unknown; base: KeyPath }): Problem[] {
  return issues.slice(0, MOST_PROBLEMS + 1).flatMap(whole => {
    const issue =
      whole.code === 'unrecognized_keys' ? { ...whole, keys: whole.keys.slice(0, MOST_PROBLEMS + 1) } : whole;
    if (issue.code === 'invalid_key') {
      const at = issue.path.map(part => (typeof part === 'symbol' ? String(part) : part));
      const message = `${issue.issues[0]?.message ?? issue.message}, found ${showValue(at.at(-1))}`;
      return [{ keyPath: [...base, ...at], message }];
    }
    return explainIssues([issue], { input, base, knownKeys: path => knownKeys([...base, ...path]) });
  });
}

function byPlace(a: Located, b: Located): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

function refused(file: string, message: string): NodesFileReading {
  return { kind: 'refused', problems: [{ file, keyPath: [], message }] };
}

function syntaxProblems(source: SourceFile): readonly Located[] {
  const { file, excess, roots, syntaxErrors } = source;
  switch (excess) {
    case 'depth':
      return [{ file, keyPath: [], message: 'expected values in at most 100 levels' }];
    case 'aliases':
      return [{ file, keyPath: [], message: 'its aliases stand for more than 100000 values' }];
    case undefined:
      break;
    default:
      return excess satisfies never;
  }
  const second = roots[1];
  return [
    // The rest mostly follows from the first.
    ...syntaxErrors.slice(0, 1).map(({ message, offset }) => ({ ...placeOf(source, offset), keyPath: [], message })),
    ...(second === undefined
      ? []
      : [
          {
            ...placeOf(source, second.range?.[0] ?? 0),
            keyPath: [],
            message: 'expected one document, found another one behind "---"',
          },
        ]),
  ];
}
