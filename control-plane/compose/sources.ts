import path from 'node:path';
import { isMap, isScalar, type Node } from 'yaml';
import { deepest, descend, type Hit, placeOf } from '../written-files/place.ts';
import type { KeyPath, Located, Problem } from '../written-files/problem.ts';
import type { SourceFile } from '../written-files/source-file.ts';
import { child, scalarText } from '../written-files/yaml-step.ts';

/** Included and extended files beyond this number are left to Compose alone. */
export const MAX_FILES = 64;

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
    return { ...problem, ...placeOf(hit.source, hit.offset) };
  }

  /** The deepest hit; of equally deep ones that of the last file, because that one wins when Compose merges them. */
  find(keyPath: KeyPath): Hit | undefined {
    const files = [...this.#others.values(), ...this.main];
    const hits = files.flatMap(source => source.roots.map(root => descend(source, root, keyPath)));
    const [top, name, ...rest] = keyPath;
    if (top === 'services' && typeof name === 'string') {
      hits.unshift(...files.flatMap(source => this.#inherited(source, name, rest, new Set())));
    }
    return deepest(hits);
  }

  /**
   * A key path as Compose's messages write it (`services.a.image`, `services[a].deploy`). Names may have dots of their
   * own, so the longest key that stands in a file is taken at each step.
   */
  parseKeyPath(dotted: string): KeyPath {
    // Compose writes `gpus.[]` for a member of a list without saying which.
    let rest = dotted.replaceAll(/\.?\[\]/g, '').replaceAll(/\[([^\]]*)\]/g, '.$1');
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

  /** As parseKeyPath, of a path that says which member of a list it means: `services.a.volumes[1].source`. */
  parseIndexedKeyPath(dotted: string): KeyPath {
    const at = /\[(\d+)\]/.exec(dotted);
    if (!at) return this.parseKeyPath(dotted);
    const below = dotted.slice(at.index + at[0].length).split(/[.[\]]+/);
    const parts = below.filter(part => part !== '').map(part => (/^\d+$/.test(part) ? Number(part) : part));
    return [...this.parseKeyPath(dotted.slice(0, at.index)), Number(at[1]), ...parts];
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
      const own = target.source.roots.map(node => descend(target.source, node, ['services', target.name, ...rest]));
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
}
