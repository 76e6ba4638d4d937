import { OutriggerError } from '../core/errors.ts';

export interface EngineIdentity {
  /** Made by the engine for itself. */
  readonly id: string;
  /** Its host's name, as copied machines have one id. */
  readonly hostName: string;
}

/** Which node has which engine. An engine under two names would show each of its containers twice, once as a stale copy. */
export class EngineClaims {
  /** By node. */
  readonly #engines = new Map<string, string>();

  /** The engine that answered as this node. Rejects the second node of an engine with `conflict`, whichever ways lead there. */
  claim(node: string, engine: EngineIdentity): void {
    const identity = `${engine.id} ${engine.hostName}`;
    const holder = [...this.#engines].find(([name, held]) => held === identity && name !== node)?.[0];
    if (holder !== undefined) {
      this.#engines.delete(node);
      throw new OutriggerError('conflict', `${node} and ${holder} are one engine, on the host ${engine.hostName}`, {
        next: `Until ${holder} is gone the engine counts as ${holder}. Keep that name for it, or take it out of the nodes file: it goes once its last replica has moved away.`,
        retryable: false,
      });
    }
    this.#engines.set(node, identity);
  }

  release(node: string): void {
    this.#engines.delete(node);
  }
}
