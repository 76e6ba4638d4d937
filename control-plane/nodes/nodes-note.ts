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

/**
 * Which nodes were in use, kept in the state folder. A node that left the file while no control plane ran is thus known at
 * the next start, and leaves in order instead of keeping containers that nobody knows of. Losing the note loses no more.
 */
export class NodesNote {
  readonly #file: string;
  readonly #nodes: Map<string, NotedNode>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, nodes: Map<string, NotedNode>) {
    this.#file = file;
    this.#nodes = nodes;
  }

  /** A note that is missing or cannot be read is an empty one. */
  static async open(file: string): Promise<NodesNote> {
    try {
      const noted = JSON.parse(await readFile(file, 'utf8')) as Record<string, NotedNode>;
      const known = Object.entries(noted).filter(([, n]) => n.kind === 'local' || n.kind === 'entry');
      return new NodesNote(file, new Map(known));
    } catch {
      return new NodesNote(file, new Map());
    }
  }

  nodes(): ReadonlyMap<string, NotedNode> {
    return this.#nodes;
  }

  add(nodes: Iterable<readonly [string, NotedNode]>): void {
    for (const [name, node] of nodes) {
      const before = this.#nodes.get(name);
      // Another way may lead to another engine: which one is said anew when it answers.
      const engine = before && wayOf(before) === wayOf(node) ? before.engine : undefined;
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
    const text = JSON.stringify(Object.fromEntries(this.#nodes));
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

function wayOf(node: NotedNode): string {
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
