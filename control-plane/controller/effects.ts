import { type Action, actionKey, pullAction } from '../core/actions.ts';
import { OutriggerError, toOutriggerError } from '../core/errors.ts';
import { surelyHeardAt } from '../core/nodes/heard-at.ts';
import { type EffectState, type ImageState, imageKey, type ObservedNode, partsOf } from '../core/observed.ts';
import type { ServiceSpec } from '../core/spec.ts';
import type { Clock, Engine } from '../ports.ts';
import { within } from '../within.ts';

/**
 * Carries out actions through the engines, beside the loop: each at most once at a time, bounded in number on each node and
 * in time. What became of them is read back as observations (`states`, `images`); nothing is returned to the caller.
 */
export class Effects {
  readonly states = new Map<string, EffectState>();
  readonly images = new Map<string, ImageState>();
  readonly #engines: ReadonlyMap<string, Engine>;
  readonly #clock: Clock;
  readonly #onSettled: (action: Action, error: OutriggerError | null) => void;
  readonly #onProgress: () => void;
  readonly #admit: (spec: ServiceSpec) => Promise<unknown>;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  /** How many run, by node and lane: one whose engine hangs keeps no other waiting. */
  readonly #inLane = new Map<string, number>();
  readonly #failuresInARow = new Map<string, number>();
  /** Where each stop was last begun, and when, by its key. */
  readonly #stops = new Map<string, { readonly node: string; readonly begunAt: number }>();
  #imagesPrunedAt = Number.NEGATIVE_INFINITY;

  constructor(options: {
    engines: ReadonlyMap<string, Engine>;
    clock: Clock;
    onSettled: (action: Action, error: OutriggerError | null) => void;
    onProgress: () => void;
    /** Rejects where the spec may not run any more: a path that was judged when the spec came may lead elsewhere by now. */
    admit: (spec: ServiceSpec) => Promise<unknown>;
  }) {
    this.#engines = options.engines;
    this.#clock = options.clock;
    this.#onSettled = options.onSettled;
    this.#onProgress = options.onProgress;
    this.#admit = options.admit;
  }

  /** Begins the actions that there is room for; the rest is asked for again by the next pass. */
  begin(actions: readonly Action[]): void {
    for (const [key, { kind }] of this.states) if (kind === 'queued') this.states.delete(key);
    for (const action of actions) {
      const key = actionKey(action);
      if (this.#running.has(key)) continue;
      const lane = laneOf(action);
      const inLane = this.#inLane.get(lane.name) ?? 0;
      if (inLane >= lane.most) {
        // What it last failed with says more.
        if (!this.states.has(key)) this.states.set(key, { kind: 'queued' });
        continue;
      }
      const before = this.states.get(key);
      const begunAt = this.#clock.now();
      const firstAt = (before && 'firstAt' in before ? before.firstAt : undefined) ?? begunAt;
      if (action.kind === 'stop') this.#stops.set(key, { node: action.node, begunAt });
      this.states.set(key, { kind: 'under_way', firstAt, ...heardIn(before) });
      this.#inLane.set(lane.name, inLane + 1);
      this.#running.set(key, this.#carryOut(key, action, firstAt));
    }
  }

  /** Keeps since when nodes have heard of their stops, before a silence leaves that in doubt; called before each pass. */
  noteHeard(nodes: ReadonlyMap<string, ObservedNode>): void {
    for (const [key, { node, begunAt }] of this.#stops) {
      const state = this.states.get(key);
      if (!state || state.kind === 'queued' || state.heardAt !== undefined) continue;
      const at = surelyHeardAt(state, nodes.get(node), begunAt);
      if (at !== null) this.states.set(key, { ...state, heardAt: at });
    }
  }

  /**
   * Forgets outcomes that a listing has long shown, and what was found of images that nobody names any more; called once a pass.
   * @param named the images of all specs there are
   */
  prune(named: () => ReadonlySet<string>): void {
    const now = this.#clock.now();
    if (now >= this.#imagesPrunedAt + REMEMBERED_MS) {
      this.#imagesPrunedAt = now;
      const images = named();
      for (const key of this.images.keys()) {
        const { node, image } = partsOf(key);
        if (!images.has(image) || !this.#engines.has(node)) this.images.delete(key);
      }
    }
    for (const [key, state] of this.states) {
      if (state.kind === 'under_way' || state.kind === 'queued') continue;
      const until = state.kind === 'failed' ? state.notBefore + FAILURES_REMEMBERED_MS : state.at + REMEMBERED_MS;
      if (until < now) {
        this.states.delete(key);
        this.#failuresInARow.delete(key);
        this.#stops.delete(key);
      }
    }
  }

  /** Aborts what runs and waits for it, at most as long as the engines take to notice. */
  async close(): Promise<void> {
    this.#stop.abort(new OutriggerError('unavailable', 'the control plane is shutting down'));
    await Promise.all(this.#running.values());
  }

  async #carryOut(key: string, action: Action, firstAt: number): Promise<void> {
    let error: OutriggerError | null = null;
    try {
      const limits = { clock: this.#clock, timeoutMs: deadlineMs(action), signal: this.#stop.signal };
      const what = `${action.kind} on node ${action.node}`;
      // Also what fails at once ends later: whoever begins it notes that it runs, and its end takes that back.
      const containerId = await within(limits, what, signal => this.#perform(action, signal));
      const at = this.#clock.now();
      const made = containerId === undefined ? {} : { containerId };
      this.states.set(key, { kind: 'settled', at, firstAt, ...heardIn(this.states.get(key)), ...made });
      this.#failuresInARow.delete(key);
    } catch (thrown) {
      error = toOutriggerError(thrown);
      const failures = (this.#failuresInARow.get(key) ?? 0) + 1;
      this.#failuresInARow.set(key, failures);
      const at = this.#clock.now();
      const pauseMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS);
      const { code, retryable } = error;
      const heard = heardIn(this.states.get(key));
      const notBefore = at + pauseMs;
      const failed = { kind: 'failed', at, firstAt, ...heard, code, message: words(error), notBefore } as const;
      this.states.set(key, retryable ? failed : { ...failed, isForGood: true });
      this.#noteImage(action, error);
    }
    this.#running.delete(key);
    this.#leave(laneOf(action).name);
    this.#onSettled(action, error);
  }

  async #perform(action: Action, signal: AbortSignal): Promise<string | undefined> {
    const engine = this.#engines.get(action.node);
    if (!engine) throw new OutriggerError('unavailable', `node ${action.node} is not configured`);
    switch (action.kind) {
      case 'pull': {
        const image = imageKey(action);
        await engine.pull(
          action,
          state => {
            this.images.set(image, state);
            this.#onProgress();
          },
          signal,
        );
        this.images.set(image, { kind: 'present', at: this.#clock.now() });
        return undefined;
      }
      case 'create':
        await this.#admit(action.spec);
        return (await engine.create(action, signal)).containerId;
      case 'start':
        await engine.start(action.containerId, signal);
        return undefined;
      case 'stop':
        await engine.stop(action.containerId, { graceMs: action.graceMs }, signal);
        return undefined;
      case 'remove':
        await engine.remove(action.containerId, signal);
        return undefined;
      case 'measure':
        await engine.measure(signal);
        return undefined;
      case 'clean_namespace':
        await engine.cleanNamespace(action.namespace, { volumes: action.volumes }, signal);
        return undefined;
      default:
        return action satisfies never;
    }
  }

  #leave(lane: string): void {
    const left = (this.#inLane.get(lane) ?? 1) - 1;
    if (left > 0) this.#inLane.set(lane, left);
    else this.#inLane.delete(lane);
  }

  #noteImage(action: Action, error: OutriggerError): void {
    if (action.kind === 'pull') {
      const image = imageKey(action);
      this.images.set(image, { kind: 'failed', code: error.code, message: words(error), at: this.#clock.now() });
    }
    // The image was there and is not any more: what we believed of it is void, so that the next pull really looks.
    if (action.kind === 'create' && error.code === 'image_unavailable') {
      this.images.delete(imageKey(pullAction(action.node, action.spec)));
    }
  }
}

/** What waits for a container's grace, or for an image, costs the engine nothing, and no other call waits behind it. */
function laneOf({ kind, node }: Action): { readonly name: string; readonly most: number } {
  switch (kind) {
    case 'stop':
      return { name: `stop ${node}`, most: MOST_STOPS_AT_ONCE };
    case 'pull':
      return { name: `pull ${node}`, most: MOST_AT_ONCE };
    case 'create':
    case 'start':
    case 'remove':
    case 'measure':
    case 'clean_namespace':
      return { name: `call ${node}`, most: MOST_AT_ONCE };
    default:
      return kind satisfies never;
  }
}

/** Of each node. Enough to start a large deployment at the engine's own pace; an engine serialises most of a start anyway. */
const MOST_AT_ONCE = 64;
/** Each keeps a connection open: half of those that an engine is given for what may take long. */
const MOST_STOPS_AT_ONCE = 512;
const REMEMBERED_MS = 60_000;
/** Who was refused is put off for others, whose tries may take minutes, and shall not come back as one that never tried. */
const FAILURES_REMEMBERED_MS = 600_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** The outer bound of each effect; an adapter's own deadlines for single calls are shorter and normally fire first. */
function deadlineMs(action: Action): number {
  switch (action.kind) {
    case 'pull':
      return 6 * 3_600_000; // tens of gigabytes over a slow line; one that shows no progress is given up by the adapter
    case 'stop':
      return action.graceMs + 60_000;
    case 'create':
    case 'start':
    case 'remove':
    case 'measure':
    case 'clean_namespace':
      return 120_000;
    default:
      return action satisfies never;
  }
}

function words(error: OutriggerError): string {
  return error.next ? `${error.message} (${error.next})` : error.message;
}

function heardIn(state: EffectState | undefined): { readonly heardAt?: number } {
  return state && state.kind !== 'queued' && state.heardAt !== undefined ? { heardAt: state.heardAt } : {};
}
