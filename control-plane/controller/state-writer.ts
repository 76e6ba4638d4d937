import type { Logger } from 'pino';
import { toOutriggerError } from '../core/errors.ts';
import type { Change, Store } from '../ports.ts';
import { DesiredState } from './desired-state.ts';
import { EventFeed } from './event-feed.ts';

/** The one way to change what is stored: makes it durable, then holds it, then tells of it. */
export class StateWriter {
  readonly events: EventFeed;
  readonly #store: Store;
  readonly #log: Logger;
  #state: DesiredState;

  private constructor(given: { store: Store; log: Logger; state: DesiredState; events: EventFeed }) {
    this.events = given.events;
    this.#store = given.store;
    this.#log = given.log;
    this.#state = given.state;
  }

  static async open({ store, log }: { store: Store; log: Logger }): Promise<StateWriter> {
    const state = DesiredState.from(await store.load());
    return new StateWriter({ store, log, state, events: await EventFeed.open(store) });
  }

  /** As it is stored. */
  get state(): DesiredState {
    return this.#state;
  }

  /** Rejects where it cannot be stored. A commit that failed may have been made all the same: then the store is asked. */
  async commit(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    try {
      await this.#store.commit(changes);
      this.#state = this.#state.with(changes);
    } catch (thrown) {
      this.#state = DesiredState.from(await this.#store.load());
      throw thrown;
    }
    await this.#announce();
  }

  async #announce(): Promise<void> {
    // Telling is not part of the change: it is durable already, and what was not told now is told with the next one.
    const news = await this.events.announceNew().catch(thrown => {
      this.#log.error({ err: toOutriggerError(thrown) }, 'events could not be read back');
      return [];
    });
    for (const { service, replicaId, node, type, message } of news)
      this.#log.info({ service, replica: replicaId, node, type }, message || type);
  }
}
