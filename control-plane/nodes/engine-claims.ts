import { OutriggerError } from '../core/errors.ts';

/** Which node has which engine. An engine under two names would show each of its containers twice, once as a stale copy. */
export class EngineClaims {
  /** By node. */
  readonly #engines = new Map<string, string>();

  /**
   * The engine that answered as this node. Rejects the second node of an engine with `conflict`, whichever ways lead there.
   * @param engine the id that the engine made for itself, and its host's name, as copied machines have one id
   */
  claim(node: string, engine: { readonly id: string; readonly hostName: string }): void {
    const identity = `${engine.id} ${engine.hostName}`;
    const holder = [...this.#engines].find(([name, held]) => held === identity && name !== node)?.[0];
    if (holder !== undefined) {
      this.#engines.delete(node);
      throw new OutriggerError('conflict', `${node} and ${holder} are one engine, on the host ${engine.hostName}`, {
        next: `Take one of them out of the nodes file; until then the engine counts as ${holder}.`,
        retryable: false,
      });
    }
    this.#engines.set(node, identity);
  }

  release(node: string): void {
    this.#engines.delete(node);
  }
}
