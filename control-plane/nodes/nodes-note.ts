import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { nameChanges } from '../core/nodes/name-changes.ts';
import { type NodeEntry, nodeEntry } from './nodes-file.ts';

/** How a node was reached: an entry of a nodes file, with the folder that its paths start from, or as the local one. */
export type NotedNode = (
  | { readonly kind: 'local' }
  | { readonly kind: 'entry'; readonly folder: string; readonly entry: Partial<NodeEntry> }
) & {
  /** Which engine answered there, in its own words. */
  readonly engine?: string;
  /** The way by which it answered, where that is not the present one: by this it was not seen yet. */
  readonly engineBy?: string;
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

const noted = z.object({ file: z.unknown().optional(), nodes: z.record(z.string(), z.unknown()).catch({}) });
const notedFile = z.object({ path: z.string().refine(path.isAbsolute), text: z.string() });
const notedNode = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('local'), engine: z.string().exactOptional(), engineBy: z.string().exactOptional() }),
  z.object({
    kind: z.literal('entry'),
    folder: z.string(),
    // As it was written: what is left out of it gets its default where it is used.
    entry: z.custom<Partial<NodeEntry>>(entry => nodeEntry.safeParse(entry).success),
    engine: z.string().exactOptional(),
    engineBy: z.string().exactOptional(),
  }),
]);

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
    this.#nodes = new Map(Object.entries(nodes));
    this.#nodesFile = nodesFile ?? null;
  }

  /** A note that is missing or cannot be read is an empty one; what of it cannot be read is left out. */
  static async open(file: string): Promise<NodesNote> {
    try {
      return new NodesNote(file, parse(await readFile(file, 'utf8')));
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

  /**
   * These are in use from now on. The engine that is expected at each is the one of the node that goes on under its name,
   * else what was known by that.
   * @param known nodes that go on under another name, however they were reached: that name, by the name before
   */
  add(nodes: Iterable<readonly [string, NotedNode]>, known: ReadonlyMap<string, string> = new Map()): void {
    const added = [...nodes];
    const before = new Map(this.#nodes);
    const changes = nameChanges(
      new Map([...before].map(([name, node]) => [name, { way: wayNoted(node), isOwn: isSeen(node) }])),
      new Map(added.map(([name, node]) => [name, wayNoted(node)])),
    );
    const goesOn = new Map([...changes.goesOn, ...known]);
    const formerNames = new Map([...goesOn].map(([from, to]) => [to, from]));
    for (const [name, node] of added) {
      const isElsewhere = goesOn.has(name) && !formerNames.has(name);
      const expected = isElsewhere ? undefined : before.get(formerNames.get(name) ?? name);
      this.#nodes.set(name, { ...node, ...engineOf(expected, wayNoted(node)) });
    }
    this.#write();
  }

  /** It was this engine, by the way that leads there now. */
  answered(name: string, engine: string): void {
    const node = this.#nodes.get(name);
    if (!node || (node.engine === engine && node.engineBy === undefined)) return;
    const { engineBy: _, ...rest } = node;
    this.#nodes.set(name, { ...rest, engine });
    this.#write();
  }

  /** It was another node's engine that answered as this one. */
  disown(name: string): void {
    const node = this.#nodes.get(name);
    if (!node) return;
    const { engine: _, engineBy: __, ...rest } = node;
    this.#nodes.set(name, rest);
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

function parse(text: string): Noted {
  const { file, nodes } = noted.parse(JSON.parse(text));
  const whole = Object.entries(nodes).flatMap(([name, node]) => {
    const parsed = notedNode.safeParse(node);
    return parsed.success ? [[name, parsed.data] as const] : [];
  });
  const nodesFile = notedFile.safeParse(file);
  return { ...(nodesFile.success && { file: nodesFile.data }), nodes: Object.fromEntries(whole) };
}

/** Its engine answered by the way that is noted. */
function isSeen({ engine, engineBy }: NotedNode): boolean {
  return engine !== undefined && engineBy === undefined;
}

function engineOf(node: NotedNode | undefined, way: string): Pick<NotedNode, 'engine' | 'engineBy'> {
  if (node?.engine === undefined) return {};
  const by = node.engineBy ?? wayNoted(node);
  return by === way ? { engine: node.engine } : { engine: node.engine, engineBy: by };
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
