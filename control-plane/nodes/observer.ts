import type { OutriggerError } from '../core/errors.ts';
import { toOutriggerError } from '../core/errors.ts';
import { isSameDevice } from '../core/node.ts';
import type { ListedNode, ObservedDevice, ObservedNode } from '../core/observed.ts';
import type { Clock, Engine, EngineListing, Member, NodeProfile } from '../ports.ts';
import { within } from '../within.ts';
import { isOfAnotherEngine } from './engine-claims.ts';

/**
 * Keeps the newest listing of one engine. Lists when told that something changed, and every RESYNC_MS because events are
 * hints that get lost. An engine that does not answer keeps its last listing, marked as not answering; it is asked again
 * every second, and less and less often the longer it is silent.
 */
export class Observer {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #onListing: () => void;
  readonly #stop = new AbortController();
  #node: ObservedNode;
  #engineLabels: Readonly<Record<string, string>>;
  #labels: Readonly<Record<string, string>>;
  #wanted: PromiseWithResolvers<void> = Promise.withResolvers();
  #listing: Promise<void> | null = null;
  /** The last listing took too long. The next one may take longer, as a connection over several machines may to open. */
  #isLate = false;
  #meetsAnother = false;
  /** When onListing() was called last. */
  #toldAt = Number.NEGATIVE_INFINITY;

  /**
   * @param onListing there is something new: a listing, or another failure than the one before
   * @param former what was known of the node when it was reached or described otherwise
   */
  constructor(member: Member, clock: Clock, onListing: () => void, former?: ObservedNode) {
    const { engine, profile } = member;
    this.#engine = engine;
    this.#clock = clock;
    this.#onListing = onListing;
    this.#engineLabels = {};
    this.#labels = profile.labels;
    const { labels, ...stated } = profile;
    this.#node = {
      name: engine.node,
      ...stated,
      ...(isUntouched(member, former) && { untouched: true }),
      answering: false,
      error: 'not asked yet',
      // A new way to a node that is silent ends no silence: only an answer does.
      silentSince: former?.silentSince ?? clock.now(),
      leaving: false,
      listedFrom: 0,
      cpus: 0,
      memoryBytes: 0,
      devices: [],
      vanished: [],
      labels,
      images: new Set(),
      containers: [],
    };
  }

  /** What answered last is not the node's own engine. */
  get meetsAnother(): boolean {
    return this.#meetsAnother;
  }

  node(): ObservedNode {
    return this.#node;
  }

  /** The operator says something else of the node now. */
  reconfigure({ labels, ...stated }: NodeProfile): void {
    this.#node = { ...this.#node, ...stated, labels: { ...this.#engineLabels, ...labels }, leaving: false };
    this.#labels = labels;
    // Whoever says so may just have mended what it was silent for.
    if (!this.#node.answering) this.refresh();
  }

  /** The node has another name now; its engine still calls itself by the one that it was made with. */
  rename(name: string): void {
    this.#node = { ...this.#node, name };
  }

  /** The node is not configured any more; what runs there is looked after until it is gone. */
  leave(): void {
    this.#node = { ...this.#node, leaving: true };
  }

  /** Something may have changed: list again soon. Cheap; calls while a listing is under way make one more, not many. */
  refresh(): void {
    this.#wanted.resolve();
  }

  /** Lists until close(); the returned promise settles then. */
  async run(): Promise<void> {
    const watching = this.#engine.watch(() => this.refresh(), this.#stop.signal);
    while (!this.#stop.signal.aborted) {
      this.#wanted = Promise.withResolvers();
      await this.list();
      const pauseMs = this.#pauseMs();
      const nap = new AbortController();
      await Promise.race([
        this.#wanted.promise,
        this.#clock.sleep(pauseMs, AbortSignal.any([nap.signal, this.#stop.signal])).catch(() => {}),
      ]);
      nap.abort();
    }
    await watching;
  }

  #pauseMs(): number {
    const { answering, silentSince } = this.#node;
    if (answering || silentSince === null) return RESYNC_MS;
    const silentForMs = this.#clock.now() - silentSince;
    return Math.min(Math.max(silentForMs / SILENCE_PER_PAUSE, RETRY_MS), RESYNC_MS);
  }

  /** One listing now, or the one that is under way; never rejects. */
  list(): Promise<void> {
    this.#listing ??= this.#list().finally(() => {
      this.#listing = null;
    });
    return this.#listing;
  }

  async #list(): Promise<void> {
    const listedFrom = this.#clock.now();
    try {
      const timeoutMs = this.#isLate ? LATE_LISTING_DEADLINE_MS : LISTING_DEADLINE_MS;
      const limits = { clock: this.#clock, timeoutMs, signal: this.#stop.signal };
      const what = `listing the containers of node ${this.#engine.node}`;
      const listing = await within(limits, what, signal => this.#engine.observe(signal));
      this.#isLate = false;
      this.#meetsAnother = false;
      this.#engineLabels = listing.labels;
      const { error: _, next: __, driverTrouble: ___, untouched: ____, ...known } = this.#node;
      this.#node = {
        ...known,
        ...listing,
        answering: true,
        silentSince: null,
        answeringSince: known.answering ? (known.answeringSince ?? listedFrom) : listedFrom,
        listedFrom,
        labels: { ...listing.labels, ...this.#labels },
        vanished: vanishedFrom(known, listing),
        removed: removedFrom(known, listing),
      };
    } catch (thrown) {
      if (this.#stop.signal.aborted) return;
      const error: OutriggerError = toOutriggerError(thrown);
      this.#isLate = error.code === 'timeout';
      // Otherwise it is not known to have been mended.
      if (isOfAnotherEngine(error)) this.#meetsAnother = true;
      const { next: _, ...known } = this.#node;
      const next = error.next === undefined ? {} : { next: error.next };
      const isKnown = !known.answering && known.error === error.message && this.#node.next === error.next;
      // It was asked then, and has not answered since.
      const silentSince = known.silentSince ?? listedFrom;
      this.#node = { ...known, answering: false, silentSince, error: error.message, ...next };
      // While a silence is short, that it lasts is news.
      if (isKnown && this.#toldAt >= silentSince + SHORT_SILENCE_MS) return;
    }
    this.#toldAt = this.#clock.now();
    this.#onListing();
  }

  close(): void {
    this.#stop.abort();
  }
}

/**
 * One listing of each, as far as they answer soon: a node that is away holds nobody up once another one has answered. Those
 * that are late are asked on, and their listing counts when it comes.
 */
export async function firstLook(observers: readonly Observer[], clock: Clock): Promise<void> {
  const enough = new AbortController();
  const wait = (forMs: number) => clock.sleep(forMs, enough.signal).catch(() => {});
  const listings = observers.map(observer => observer.list());
  const answers = observers.map(async (observer, i) => {
    await listings[i];
    if (!observer.node().answering) throw new Error('silent');
  });
  // Where none answers each has failed, and so all have.
  const others = Promise.any(answers).then(
    () => wait(OTHERS_MS),
    () => {},
  );
  await Promise.race([Promise.all(listings), others]);
  enough.abort();
}

/** Under a name that is new for it, an engine may have been in use for long. */
function isUntouched({ untouched = false, leaving = false, formerName }: Member, former?: ObservedNode): boolean {
  return untouched && !leaving && formerName === undefined && (former === undefined || former.untouched === true);
}

/** Devices that were there once and are not now, under whatever id. */
function vanishedFrom(before: ListedNode, { devices }: EngineListing): readonly ObservedDevice[] {
  return [...before.devices, ...before.vanished].filter(d => !devices.some(listed => isSameDevice(d, listed)));
}

/** Containers that were there once and are not now. */
function removedFrom(before: ListedNode, { containers }: EngineListing): ReadonlySet<string> {
  const listed = new Set(containers.map(c => c.id));
  const { removed = new Set<string>() } = before;
  const missing = before.containers.filter(c => !listed.has(c.id)).map(c => c.id);
  if (missing.length === 0) return removed;
  return new Set([...removed, ...missing].slice(-MOST_REMOVED));
}

/** More than end between two passes of the loop. */
const MOST_REMOVED = 1_000;
const RESYNC_MS = 10_000;
const RETRY_MS = 1_000;
/** After 20 s of silence the pauses become longer, up to RESYNC_MS after 200 s. */
const SILENCE_PER_PAUSE = 20;
/** Longer than it takes until a silence is told of. */
const SHORT_SILENCE_MS = 5_000;
const LISTING_DEADLINE_MS = 5_000;
/** An engine's own deadline for a question, so that it says which one hung. */
const LATE_LISTING_DEADLINE_MS = 10_000;
/** How long the start waits for the rest of the nodes after the first one answered. */
const OTHERS_MS = 1_000;
