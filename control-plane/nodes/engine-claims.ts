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

  constructor(note: NodesNote) {
    this.#note = note;
  }

  /** The engine that answered as this node. Rejects the second node of an engine with `conflict`, whichever ways lead there. */
  claim(node: string, { id, hostName }: EngineIdentity): void {
    const identity = `${id} ${hostName}`;
    if (this.#note.nodes().get(node)?.engine === identity) return;
    const holder = [...this.#note.nodes()].find(([name, { engine }]) => engine === identity && name !== node)?.[0];
    if (holder === undefined) {
      this.#note.answered(node, identity);
      return;
    }
    throw new OutriggerError('conflict', `${node} and ${holder} are one engine, on the host ${hostName}`, {
      next: `Until ${holder} is gone the engine counts as ${holder}. Keep that name for it, or take it out of the nodes file: it goes once its last replica has moved away.`,
      retryable: false,
    });
  }
}
