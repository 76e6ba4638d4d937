import { OutriggerError } from '../core/errors.ts';
import type { NodesNote } from './nodes-note.ts';

export interface EngineIdentity {
  /** Made by the engine for itself. */
  readonly id: string;
  /** Its host's name, as copied machines have one id. */
  readonly hostName: string;
}

/**
 * Which node has which engine. An engine under two names would show each of its containers twice, once as a stale copy, so
 * the name that it is known by holds it, over restarts too, until that node is gone.
 */
export class EngineClaims {
  readonly #note: NodesNote;
  #isRenamed: (from: string, to: string) => boolean = () => false;

  constructor(note: NodesNote) {
    this.#note = note;
  }

  /**
   * Who is told that the engine of one node answered as another, and says whether it has that name now: then nobody else
   * has to be gone first.
   */
  onOneEngine(isRenamed: (from: string, to: string) => boolean): void {
    this.#isRenamed = isRenamed;
  }

  /**
   * The engine that answered as this node. Rejects the second node of an engine with `conflict`, whichever ways lead there,
   * unless that is its name now.
   */
  claim(node: string, { id, hostName }: EngineIdentity): void {
    const identity = `${id} ${hostName}`;
    if (this.#note.nodes().get(node)?.engine === identity) return;
    const holder = [...this.#note.nodes()].find(([name, { engine }]) => engine === identity && name !== node)?.[0];
    if (holder === undefined) {
      this.#note.answered(node, identity);
      return;
    }
    if (this.#isRenamed(holder, node)) {
      this.#note.remove(holder);
      this.#note.answered(node, identity);
      return;
    }
    throw new OutriggerError('conflict', `${node} and ${holder} are one engine, on the host ${hostName}`, {
      next: `Until ${holder} is gone the engine counts as ${holder}. Keep that name for it, or take it out of the nodes file: what is there goes on under the other name then.`,
      retryable: false,
    });
  }
}
