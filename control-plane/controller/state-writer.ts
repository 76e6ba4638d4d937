import type { Logger } from 'pino';
import { toOutriggerError } from '../core/errors.ts';
import type { Change, Clock, Store } from '../ports.ts';
import { behindTheClock } from './behind-the-clock.ts';
import { DesiredState } from './desired-state.ts';
import { EventFeed } from './event-feed.ts';

/** The one way to change what is stored: makes it durable, then holds it, then tells of it. */
export class StateWriter {
  readonly events: EventFeed;
  readonly #options: StateWriterOptions;
  #state: DesiredState;
  /** What was loaded and is not stored as it is held, since the clock was set back: it goes with the next commit. */
  #moved: readonly Change[];

  private constructor(options: StateWriterOptions, loaded: Loaded, events: EventFeed) {
    this.events = events;
    this.#options = options;
    this.#state = loaded.state;
    this.#moved = loaded.moved;
  }

  static async open(options: StateWriterOptions): Promise<StateWriter> {
    return new StateWriter(options, await load(options), await EventFeed.open(options.store));
  }

  /** As it is stored. */
  get state(): DesiredState {
    return this.#state;
  }

  /** Rejects where it cannot be stored. A commit that failed may have been made all the same: then the store is asked. */
  async commit(changes: readonly Change[]): Promise<void> {
    // Together, as what is said of one life and of another would lie hours apart: all of it moves, or nothing has.
    const all = [...this.#moved, ...changes];
    if (all.length === 0) return;
    try {
      await this.#options.store.commit(all);
      this.#state = this.#state.with(changes);
      this.#moved = [];
    } catch (thrown) {
      const loaded = await load(this.#options);
      this.#state = loaded.state;
      this.#moved = loaded.moved;
      throw thrown;
    }
    await this.#announce();
  }

  async #announce(): Promise<void> {
    // Telling is not part of the change: it is durable already, and what was not told now is told with the next one.
    const news = await this.events.announceNew().catch(thrown => {
      this.#options.log.error({ err: toOutriggerError(thrown) }, 'events could not be read back');
      return [];
    });
    for (const { service, replicaId, node, type, message } of news)
      this.#options.log.info({ service, replica: replicaId, node, type }, message || type);
  }
}

export interface StateWriterOptions {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Logger;
}

interface Loaded {
  readonly state: DesiredState;
  readonly moved: readonly Change[];
}

async function load({ store, clock, log }: StateWriterOptions): Promise<Loaded> {
  const { state, moved } = behindTheClock(await store.load(), clock.now());
  if (moved.length > 0) log.warn('the clock was set back since the last life; what is stored is taken to be of now');
  return { state: DesiredState.from(state), moved };
}
