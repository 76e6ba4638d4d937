import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { NodeEntry } from './nodes-file.ts';

/** How a node was reached: an entry of a nodes file, with the folder that its paths start from, or as the local one. */
export type NotedNode = (
  | { readonly kind: 'local' }
  | { readonly kind: 'entry'; readonly folder: string; readonly entry: Partial<NodeEntry> }
) & {
  /** Which engine answered there, in its own words. */
  readonly engine?: string;
};

/** The nodes file that was used last: where it lies, and what it said. */
export interface NotedFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

interface Noted {
  readonly file?: NotedFile;
  readonly nodes: Readonly<Record<string, NotedNode>>;
}

/**
 * Which nodes were in use, and by which file, kept in the state folder. A node that left the file while no control plane ran is thus known at
 * the next start, and leaves in order instead of keeping containers that nobody knows of. Losing the note loses no more.
 */
export class NodesNote {
  readonly #file: string;
  readonly #nodes: Map<string, NotedNode>;
  #nodesFile: NotedFile | null;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, { nodes, file: nodesFile }: Noted) {
    this.#file = file;
    this.#nodes = new Map(Object.entries(nodes).filter(([, n]) => n.kind === 'local' || n.kind === 'entry'));
    const isWhole = typeof nodesFile?.path === 'string' && typeof nodesFile.text === 'string';
    this.#nodesFile = isWhole ? nodesFile : null;
  }

  /** A note that is missing or cannot be read is an empty one. */
  static async open(file: string): Promise<NodesNote> {
    try {
      return new NodesNote(file, JSON.parse(await readFile(file, 'utf8')) as Noted);
    } catch {
      return new NodesNote(file, { nodes: {} });
    }
  }

  /** null: the nodes are of no file. */
  nodesFile(): NotedFile | null {
    return this.#nodesFile;
  }

  /** The nodes are of this file from now on; null: of none. */
  use(nodesFile: NotedFile | null): void {
    this.#nodesFile = nodesFile;
    this.#write();
  }

  nodes(): ReadonlyMap<string, NotedNode> {
    return this.#nodes;
  }

  add(nodes: Iterable<readonly [string, NotedNode]>): void {
    for (const [name, node] of nodes) {
      const before = this.#nodes.get(name);
      // Another way may lead to another engine: which one is said anew when it answers.
      const engine = before && wayNoted(before) === wayNoted(node) ? before.engine : undefined;
      this.#nodes.set(name, engine === undefined ? node : { ...node, engine });
    }
    this.#write();
  }

  answered(name: string, engine: string): void {
    const node = this.#nodes.get(name);
    if (!node || node.engine === engine) return;
    this.#nodes.set(name, { ...node, engine });
    this.#write();
  }

  remove(name: string): void {
    if (this.#nodes.delete(name)) this.#write();
  }

  /** Resolves once what was said so far is written. */
  async close(): Promise<void> {
    await this.#writing;
  }

  #write(): void {
    const noted: Noted = {
      ...(this.#nodesFile && { file: this.#nodesFile }),
      nodes: Object.fromEntries(this.#nodes),
    };
    const text = JSON.stringify(noted);
    this.#writing = this.#writing.then(async () => {
      try {
        await mkdir(path.dirname(this.#file), { recursive: true, mode: 0o700 });
        await writeFile(`${this.#file}.new`, text, { mode: 0o600 });
        await rename(`${this.#file}.new`, this.#file);
      } catch {
        // A full disk is told by the store.
      }
    });
  }
}

/** How it was reached, for comparison. */
export function wayNoted(node: NotedNode): string {
  return node.kind === 'local' ? 'local' : `${node.entry.engine} ${node.entry.context}`;
}

/** What of an entry is needed to look after a node that leaves. */
export function noteOf({ engine, context, tls, address, reach }: NodeEntry, folder: string): NotedNode {
  const entry = {
    ...(engine === undefined ? {} : { engine }),
    ...(context === undefined ? {} : { context }),
    ...(tls === undefined ? {} : { tls }),
    ...(address === undefined ? {} : { address }),
    ...(reach === undefined ? {} : { reach }),
  };
  return { kind: 'entry', folder, entry };
}
