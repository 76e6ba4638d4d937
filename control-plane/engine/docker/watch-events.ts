import { setTimeout as wait } from 'node:timers/promises';
import type { EngineClient } from './engine-client.ts';
import { jsonLines } from './json-lines.ts';
import { LABELS } from './labels.ts';

export interface EventHandlers {
  /** Something may have changed. Called for a burst of events once, and once after each (re)connection. */
  readonly wake: () => void;
  /**
   * What happened to a container, in Docker's word: `start`, `die`, `health_status: healthy`; and when, by the engine's
   * clock, in milliseconds.
   */
  readonly onContainer: (containerId: string, action: string, at: number | undefined) => void;
  /** The images of the engine changed. */
  readonly onImage: () => void;
  /** Since when listings show the start of a container, by performance.now(); absent: since its event came. */
  readonly startedAt: (containerId: string) => number | undefined;
  /** A listing has begun since then, so that a wake for what it shows would only make another. */
  readonly isListedSince: (at: number) => boolean;
  /** A new connection: the engine may be another, or restarted, and events were missed. */
  readonly onConnect: () => void;
}

/** Runs until the signal fires; reconnects by itself; never rejects. Events are hints, so none of them is remembered. */
export async function watchEvents(
  client: EngineClient,
  instance: string,
  handlers: EventHandlers,
  signal: AbortSignal,
): Promise<void> {
  const debounced = debounce(handlers, signal);
  let backoffMs = FIRST_BACKOFF_MS;
  while (!signal.aborted) {
    try {
      await readEvents(
        client,
        instance,
        { ...handlers, wake: debounced, onOpen: () => (backoffMs = FIRST_BACKOFF_MS) },
        signal,
      );
    } catch {
      // That the engine is away is what `observe` reports; here it only means to come back later.
    }
    await wait(backoffMs, undefined, { signal, ref: false }).catch(() => {});
    backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
  }
}

async function readEvents(
  client: EngineClient,
  instance: string,
  handlers: Omit<EventHandlers, 'wake'> & { wake: (at?: number) => void; onOpen: () => void },
  signal: AbortSignal,
): Promise<void> {
  // Not by our label, which images do not carry: whose a container is, is looked at here.
  const filters = JSON.stringify({ type: ['container', 'image'], event: [...EVENTS, ...IMAGE_EVENTS] });
  // The engine answers before it subscribes, so what happens in between would be lost: it is asked for from a bit earlier.
  const since = ((Date.now() - OVERLAP_MS) / 1_000).toFixed(3);
  const stream = await client.stream(
    { doing: 'reading events', method: 'GET', path: '/events', query: { filters, since } },
    signal,
  );
  try {
    handlers.onOpen();
    handlers.onConnect();
    handlers.wake();
    for await (const event of jsonLines(stream)) {
      const { Type: type, Action: action, Actor: actor, timeNano } = event as EngineEvent;
      const ours = actor?.Attributes?.[LABELS.instance] === instance;
      if (type === 'image') {
        // Where an image is, is a hint for placement: the next listing has it, and a build's events are many.
        handlers.onImage();
        continue;
      }
      if (!ours) continue;
      const at = typeof timeNano === 'number' ? timeNano / 1e6 : undefined;
      if (typeof action === 'string' && typeof actor.ID === 'string') handlers.onContainer(actor.ID, action, at);
      const isStart = action === 'start' && typeof actor?.ID === 'string';
      // Announced once listings show it, and after a call of ours, whose end asks for a listing too.
      handlers.wake(isStart ? (handlers.startedAt(actor.ID) ?? performance.now()) : Infinity);
    }
  } finally {
    stream.destroy();
  }
}

interface EngineEvent {
  readonly timeNano?: unknown;
  readonly Type?: unknown;
  readonly Action?: unknown;
  readonly Actor?: { readonly ID?: unknown; readonly Attributes?: Readonly<Record<string, unknown>> };
}

/** What changes what `observe` would say. Not `exec_*`, of which every healthcheck makes three. */
const EVENTS = ['create', 'start', 'die', 'oom', 'kill', 'pause', 'unpause', 'destroy', 'rename', 'health_status'];
/** What changes which images there are. */
const IMAGE_EVENTS = ['pull', 'tag', 'untag', 'delete', 'import', 'load'];

/** `at`: a listing that begins after it makes the wake unnecessary; none does where that is left out. */
function debounce({ wake, isListedSince }: EventHandlers, signal: AbortSignal): (at?: number) => void {
  let waiting: number | null = null;
  return (at = Infinity) => {
    if (signal.aborted) return;
    const isFirst = waiting === null;
    waiting = Math.max(waiting ?? 0, at);
    if (!isFirst) return;
    wait(DEBOUNCE_MS, undefined, { signal, ref: false }).then(
      () => {
        const newest = waiting ?? Infinity;
        waiting = null;
        if (!isListedSince(newest)) wake();
      },
      () => {},
    );
  };
}

/** Also what the engine's clock may differ from ours without a loss; the controller's own resync covers the rest. */
const OVERLAP_MS = 5_000;
const DEBOUNCE_MS = 10;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
