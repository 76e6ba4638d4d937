import { type EventQuery, isAsked } from '../control-plane.ts';
import { splitKey } from '../core/spec.ts';
import type { Store, StoredEvent } from '../ports.ts';
import type { EventView } from '../views/views.ts';

/** What happened: the past from the store, and everything new as it happens. */
export class EventFeed {
  readonly #store: Store;
  readonly #listeners = new Set<(event: EventView) => void>();
  #sequence: number;

  private constructor(store: Store, sequence: number) {
    this.#store = store;
    this.#sequence = sequence;
  }

  /** Goes on counting where the store is. */
  static async open(store: Store): Promise<EventFeed> {
    return new EventFeed(store, (await store.events({ limit: 1 })).at(-1)?.sequence ?? 0);
  }

  /**
   * Tells the listeners of what was stored since the last time, as the store has it: also of a commit whose answer was
   * lost. Returns what was told.
   */
  async announceNew(): Promise<readonly StoredEvent[]> {
    const news = await this.#store.events({ afterSequence: this.#sequence, limit: MOST_EVENTS });
    for (const event of news) {
      this.#sequence = event.sequence;
      const view = eventView(event);
      for (const listener of this.#listeners) listener(view);
    }
    return news;
  }

  on(listener: (event: EventView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async past(query: EventQuery & { limit: number }): Promise<readonly EventView[]> {
    const { namespace, name, node, ...rest } = query;
    if (namespace !== undefined && name !== undefined && node === undefined) {
      return (await this.#store.events({ ...rest, service: `${namespace}/${name}` })).map(eventView);
    }
    // The store filters by service only; those of a namespace or a node are few among the bounded whole.
    const isWhole = namespace === undefined && name === undefined && node === undefined;
    const limit = isWhole ? rest.limit : MOST_EVENTS;
    const events = (await this.#store.events({ ...rest, limit })).map(eventView);
    const chosen = events.filter(e => isAsked(e, query));
    // With a starting point the next ones are asked for, without one the newest.
    return rest.afterSequence === undefined ? chosen.slice(-rest.limit) : chosen.slice(0, rest.limit);
  }
}

const MOST_EVENTS = 10_000;

function eventView(event: StoredEvent): EventView {
  const [namespace, service] = event.service === undefined ? [] : splitKey(event.service);
  return {
    sequence: event.sequence,
    atMs: event.at,
    ...(namespace === undefined ? {} : { namespace }),
    ...(service === undefined ? {} : { service }),
    ...(event.node === undefined ? {} : { node: event.node }),
    ...(event.replicaId === undefined ? {} : { replicaId: event.replicaId }),
    type: event.type,
    message: event.message,
  };
}
