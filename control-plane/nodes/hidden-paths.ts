import { type Configured, nameOf } from './configure-node.ts';
import type { NodesNote } from './nodes-note.ts';

/**
 * Sockets and keys by which the nodes are reached. What the nodes file names no more counts on until the node is gone: as long
 * as its replicas drain its engine is spoken to, and by the keys anybody could.
 */
export class HiddenPaths {
  readonly #note: NodesNote;
  readonly #byNode = new Map<string, readonly string[]>();

  /** @param note knows of a node until it is gone */
  constructor(note: NodesNote) {
    this.#note = note;
  }

  /** Those of the file: what is said of them now counts. */
  use(nodes: readonly Configured[]): void {
    for (const node of nodes) this.#byNode.set(nameOf(node), pathsOf(node));
  }

  /** Of one that was in use it is known already by what it was reached. */
  leave(nodes: readonly Configured[]): void {
    for (const node of nodes) if (!this.#byNode.has(nameOf(node))) this.#byNode.set(nameOf(node), pathsOf(node));
  }

  /** Absolute. */
  all(): readonly string[] {
    for (const name of [...this.#byNode.keys()]) if (!this.#note.nodes().has(name)) this.#byNode.delete(name);
    return [...new Set([...this.#byNode.values()].flat())];
  }
}

function pathsOf(configured: Configured): readonly string[] {
  if (configured.kind === 'failed') return configured.secretFiles;
  const { engine, secretFiles } = configured.node;
  const socket = engine.connection.kind === 'tcp' ? undefined : engine.connection.socketPath;
  return socket === undefined ? secretFiles : [...secretFiles, socket];
}
