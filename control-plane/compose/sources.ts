import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import { OutriggerError } from '../core/errors.ts';
import { tooDeep } from './canonical.ts';
import type { KeyPath, Located, Problem } from './problem.ts';
import { MAX_FILE_BYTES, parseSource, type SourceFile } from './source-file.ts';

const MAX_FILES = 64;

interface Hit {
  readonly source: SourceFile;
  readonly offset: number;
  /** How many parts of the key path were found. */
  readonly depth: number;
  readonly node: unknown;
}

/** The text of the project's files, for saying where something stands, and for refusing what would choke Compose. */
export class Sources {
  /** In the order in which Compose merges them; later ones win. */
  readonly main: readonly SourceFile[];
  /** Targets of `include` and `extends`, by absolute path. */
  readonly #others: ReadonlyMap<string, SourceFile>;

  constructor(main: readonly SourceFile[], others: ReadonlyMap<string, SourceFile>) {
    this.main = main;
    this.#others = others;
  }

  get all(): SourceFile[] {
    return [...this.main, ...this.#others.values()];
  }

  /** A problem with its place: the deepest part of its key path that stands in a file. */
  locate(problem: Problem): Located {
    const hit = this.find(problem.keyPath);
    const [first] = this.main;
    if (!hit) return first ? { ...problem, file: first.file } : problem;
    return { ...problem, ...this.position(hit.source, hit.offset) };
  }

  position(source: SourceFile, offset: number): { file: string; line: number; column: number } {
    const { line, col } = source.lines.linePos(offset);
    return { file: source.file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** The deepest hit; of equally deep ones that of the last file, because that one wins when Compose merges them. */
  find(keyPath: KeyPath): Hit | undefined {
    const files = [...this.#others.values(), ...this.main];
    const hits = files.flatMap(source => source.roots.map(root => this.#descend(source, root, keyPath)));
    const [top, name, ...rest] = keyPath;
    if (top === 'services' && typeof name === 'string') {
      hits.unshift(...files.flatMap(source => this.#inherited(source, name, rest, new Set())));
    }
    return hits.reduce<Hit | undefined>(
      (best, hit) => (hit.depth > 0 && hit.depth >= (best?.depth ?? 0) ? hit : best),
      undefined,
    );
  }

  /**
   * A key path as Compose's messages write it (`services.a.image`, `services[a].deploy`). Names may have dots of their
   * own, so the longest key that stands in a file is taken at each step.
   */
  parseKeyPath(dotted: string): KeyPath {
    let rest = dotted.replaceAll(/\[([^\]]*)\]/g, '.$1');
    const keyPath: string[] = [];
    while (rest !== '') {
      const parts = rest.split('.');
      let taken = parts[0]!;
      for (let n = parts.length; n > 1; n--) {
        const candidate = parts.slice(0, n).join('.');
        if (this.find([...keyPath, candidate])?.depth === keyPath.length + 1) {
          taken = candidate;
          break;
        }
      }
      keyPath.push(taken);
      rest = rest.slice(taken.length + 1);
    }
    return keyPath;
  }

  /** The text that stands at a key path, where it is a plain value. */
  textAt(keyPath: KeyPath): string | undefined {
    const hit = this.find(keyPath.slice(0, -1));
    const last = keyPath.at(-1);
    if (!hit || last === undefined || hit.depth !== keyPath.length - 1) return undefined;
    const value = child(hit.source, hit.node, last)?.value;
    return isScalar(value) ? (value.source ?? String(value.value)) : undefined;
  }

  /** The keys that the files have at a path, for "did you mean". */
  keysOf(keyPath: KeyPath): string[] {
    return this.all.flatMap(source =>
      source.roots.flatMap(root => {
        let node: unknown = root;
        for (const part of keyPath) node = child(source, node, part)?.value;
        return isMap(node) ? node.items.map(pair => String(isScalar(pair.key) ? pair.key.value : '')) : [];
      }),
    );
  }

  /** What `extends` of a service leads to, over as many steps as there are. */
  #inherited(source: SourceFile, name: string, rest: KeyPath, visited: Set<string>): Hit[] {
    const step = `${source.file}\0${name}`;
    if (visited.has(step) || visited.size >= MAX_FILES) return [];
    visited.add(step);
    return source.roots.flatMap(root => {
      const target = this.#extendsOf(source, root, name);
      if (!target) return [];
      const own = target.source.roots.map(node =>
        this.#descend(target.source, node, ['services', target.name, ...rest]),
      );
      return [...this.#inherited(target.source, target.name, rest, visited), ...own];
    });
  }

  #extendsOf(source: SourceFile, root: Node, name: string): { source: SourceFile; name: string } | undefined {
    const node = child(source, child(source, child(source, root, 'services')?.value, name)?.value, 'extends')?.value;
    const short = scalarText(node);
    if (short !== undefined) return { source, name: short };
    const service = scalarText(child(source, node, 'service')?.value);
    if (service === undefined) return undefined;
    const file = scalarText(child(source, node, 'file')?.value);
    if (file === undefined) return { source, name: service };
    const absolute = path.resolve(path.dirname(source.file), file);
    const other = this.all.find(candidate => candidate.file === absolute);
    return other && { source: other, name: service };
  }

  #descend(source: SourceFile, root: Node, keyPath: KeyPath): Hit {
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
}

/** One step down: a key of a mapping (merged ones included), an item of a list, or an item written in short form. */
function child(
  source: SourceFile,
  from: unknown,
  part: string | number,
): { value: unknown; offset: number } | undefined {
  const node = isAlias(from) ? source.targets.get(from) : from;
  if (isMap(node)) {
    for (const pair of node.items) {
      if (isScalar(pair.key) && String(pair.key.value) === String(part)) {
        return { value: pair.value, offset: pair.key.range?.[0] ?? 0 };
      }
    }
    const merged = node.items.filter(pair => isScalar(pair.key) && pair.key.value === '<<').map(pair => pair.value);
    for (const value of merged) {
      const target = isAlias(value) ? source.targets.get(value) : value;
      for (const item of isSeq(target) ? target.items : [target]) {
        const found = child(source, item, part);
        if (found) return found;
      }
    }
    return undefined;
  }
  if (!isSeq(node)) return undefined;
  if (typeof part === 'number') return itemAt(source, node.items[part]);
  return itemAt(
    source,
    node.items.find(item => {
      const text = isScalar(item) ? String(item.value) : undefined;
      return text === part || text?.startsWith(`${part}=`) || text?.startsWith(`${part}:`);
    }),
  );
}

function itemAt(source: SourceFile, item: unknown): { value: unknown; offset: number } | undefined {
  if (!isAlias(item) && !isMap(item) && !isSeq(item) && !isScalar(item)) return undefined;
  const value = isAlias(item) ? source.targets.get(item) : item;
  return { value, offset: item.range?.[0] ?? 0 };
}

function scalarText(node: unknown): string | undefined {
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}

/**
 * Reads and parses the files, and those they include or extend, as far as they are local and can be read. Files that
 * are missing are left to Compose to complain about.
 * @throws OutriggerError `invalid_argument` for a file that is too large, too deep, or explodes through its aliases
 */
export async function loadSources(
  files: readonly string[],
  options: { stdin?: string | undefined; signal: AbortSignal },
): Promise<Sources> {
  const main: SourceFile[] = [];
  for (const file of files) {
    const source = await loadSource(file, options);
    if (source) main.push(source);
  }
  const others = new Map<string, SourceFile>();
  const waiting = main.flatMap(references);
  for (
    let file = waiting.shift();
    file !== undefined && others.size + main.length < MAX_FILES;
    file = waiting.shift()
  ) {
    if (others.has(file) || main.some(source => source.file === file)) continue;
    const source = await loadSource(file, options);
    if (!source) continue;
    others.set(file, source);
    waiting.push(...references(source));
  }
  return new Sources(main, others);
}

async function loadSource(
  file: string,
  options: { stdin?: string | undefined; signal: AbortSignal },
): Promise<SourceFile | undefined> {
  let text = options.stdin ?? '';
  if (file !== '-') {
    try {
      const { size } = await stat(file);
      if (size > MAX_FILE_BYTES) throw tooLarge(file, size);
      text = await readFile(file, { encoding: 'utf8', signal: options.signal });
    } catch (thrown) {
      options.signal.throwIfAborted();
      if (thrown instanceof OutriggerError) throw thrown;
      return undefined;
    }
  } else if (text.length > MAX_FILE_BYTES) throw tooLarge(file, text.length);
  const source = parseSource(file, text);
  switch (source.excess) {
    case 'depth':
      throw tooDeep(file);
    case 'aliases':
      throw new OutriggerError('invalid_argument', `${file}: its aliases stand for more than 100000 values`, {
        next: 'Anchors that refer to anchors multiply; write the values where they are used.',
      });
    case undefined:
      return source;
    default:
      return source.excess satisfies never;
  }
}

function tooLarge(file: string, sizeBytes: number): OutriggerError {
  const found = (sizeBytes / 1024 / 1024).toFixed(1);
  return new OutriggerError('invalid_argument', `${file} has ${found} MiB; expected a service file of at most 1 MiB`, {
    next: 'Move large contents into files of their own (configs, env_file), or split the project.',
  });
}

/** The local files that a file includes or extends, relative to itself. */
function references(source: SourceFile): string[] {
  const found: string[] = [];
  for (const root of source.roots) {
    const include = child(source, root, 'include')?.value;
    for (const item of isSeq(include) ? include.items : []) {
      const node = isMap(item) ? child(source, item, 'path')?.value : item;
      for (const entry of isSeq(node) ? node.items : [node]) found.push(scalarText(entry) ?? '');
    }
    const services = child(source, root, 'services')?.value;
    for (const pair of isMap(services) ? services.items : []) {
      const file = child(source, child(source, pair.value, 'extends')?.value, 'file')?.value;
      found.push(scalarText(file) ?? '');
    }
  }
  return found
    .filter(file => file !== '' && !file.includes('$') && !/^[a-z+]+:\/\//.test(file))
    .map(file => path.resolve(path.dirname(source.file), file));
}
