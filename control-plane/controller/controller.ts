import type { Logger } from 'pino';
import type { Action } from '../core/actions.ts';
import { type OutriggerError, toOutriggerError } from '../core/errors.ts';
import type { NodePolicy } from '../core/node.ts';
import type { NameChanges } from '../core/nodes/name-changes.ts';
import { storedNodes } from '../core/nodes/rename-nodes.ts';
import type { Observed } from '../core/observed.ts';
import type { reconcile } from '../core/reconcile.ts';
import type { ServiceKey, ServiceSpec } from '../core/spec.ts';
import { DeviceWatch } from '../nodes/device-watch.ts';
import { Members } from '../nodes/members.ts';
import type { Change, Clock, Ids, Member, Registry, Sidecar, Store } from '../ports.ts';
import type { DiscoveryHub } from '../registry/hub.ts';
import type { ServiceView } from '../views/views.ts';
import { CommandQueue } from './command-queue.ts';
import type { Step } from './commands.ts';
import type { DesiredState } from './desired-state.ts';
import { Effects } from './effects.ts';
import { eventsBetween } from './events-between.ts';
import { LoopSleep } from './loop-sleep.ts';
import { connectionsOf, renamingOf } from './node-commands.ts';
import { NodeNews } from './node-news.ts';
import { Publication } from './publication.ts';
import { Restlessness } from './restlessness.ts';
import type { LoopAccess } from './served-control-plane.ts';
import { ServiceTroubles } from './service-troubles.ts';
import { StateWriter } from './state-writer.ts';
import { withdrawalsIn } from './withdrawals.ts';

export interface ControllerOptions {
  /** The nodes to begin with; `setMembers` changes them. */
  readonly members: readonly Member[];
  /** How long silence is waited out to begin with; `setNodePolicy` changes it. */
  readonly nodePolicy: NodePolicy;
  readonly registry: Registry;
  readonly hub: DiscoveryHub;
  readonly store: Store;
  readonly sidecar: Sidecar;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  /** Asked anew before each create: rejects with `denied` what the operator's policy does not allow. */
  readonly admit: (spec: ServiceSpec) => Promise<readonly string[]>;
  /** What is judged by: the core. */
  readonly reconcile: typeof reconcile;
}

/**
 * The one loop and the one writer: observe → reconcile → store → apply. Whatever happens (an event, a probe, a command,
 * a timer, an acknowledgement) only wakes it; what is done follows from the whole state. It never waits for an engine.
 * People and programs speak to the ServedControlPlane, which reads here and submits steps.
 */
export class Controller implements LoopAccess {
  readonly nodes: Members;
  readonly #options: ControllerOptions;
  readonly #writer: StateWriter;
  readonly #effects: Effects;
  readonly #deviceWatch: DeviceWatch;
  readonly #publication: Publication;
  readonly #nodeNews = new NodeNews();
  readonly #serviceTroubles = new ServiceTroubles();
  readonly #restlessness = new Restlessness();
  readonly #sleep: LoopSleep;
  #isUnrestTold = false;
  readonly #stop = new AbortController();
  readonly #commands = new CommandQueue(() => this.wake());
  readonly #listeners: (() => void)[] = [];
  #running: Promise<unknown> | null = null;
  #nodePolicy: NodePolicy;
  /** Changes of the nodes' names that are not stored yet; the oldest first. */
  #renamed: NameChanges[] = [];
  #trouble: string | null = null;

  private constructor(options: ControllerOptions, writer: StateWriter) {
    this.#options = options;
    this.#writer = writer;
    this.#nodePolicy = options.nodePolicy;
    const { clock, log } = options;
    this.#sleep = new LoopSleep(clock);
    this.nodes = new Members({ clock, log, onListing: () => this.wake() });
    const { engines } = this.nodes;
    this.#deviceWatch = new DeviceWatch({ clock, engines, onChange: () => this.wake() });
    this.#publication = new Publication({ ...options, deviceWatch: this.#deviceWatch });
    this.#effects = new Effects({
      engines,
      clock,
      onSettled: (action, error) => this.#onSettled(action, error),
      onProgress: () => this.#changed(),
      admit: spec => options.admit(spec),
    });
    this.setMembers(options.members);
  }

  /** Loads the stored state and takes the first look at the world, so that what ran before is known before anyone asks. */
  static async open(options: ControllerOptions): Promise<Controller> {
    const controller = new Controller(options, await StateWriter.open(options));
    await controller.nodes.firstLook();
    await controller.#pass();
    return controller;
  }

  // ---- what may be asked of it, as LoopAccess says

  get state() {
    return this.#writer.state;
  }

  get events() {
    return this.#writer.events;
  }

  get nodePolicy() {
    return this.#nodePolicy;
  }

  get trouble() {
    return this.#trouble;
  }

  get ended(): AbortSignal {
    return this.#stop.signal;
  }

  get observed(): Observed {
    const { sidecar } = this.#options;
    return {
      nodes: this.nodes.nodes(),
      probes: sidecar.reports(),
      deviceReports: this.#deviceWatch.reports(),
      images: this.#effects.images,
      effects: this.#effects.states,
      ...withdrawalsIn(this.#options, this.state),
    };
  }

  shown(view: ServiceView): ServiceView {
    return this.#serviceTroubles.shown(view);
  }

  isLeftAlone(service: ServiceKey): boolean {
    return this.#serviceTroubles.has(service);
  }

  submit<Result>(decide: (state: DesiredState) => Step<Result>): Promise<Result> {
    return this.#commands.submit(decide);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  // ---- its life

  /** Starts the loop; it runs until close(). */
  start(): void {
    if (this.#running) return;
    const { registry, sidecar, hub } = this.#options;
    registry.onChange(() => this.wake());
    sidecar.onChange(() => this.wake());
    hub.onAcknowledged(() => this.wake());
    this.#running = this.#loop();
    this.nodes.observe();
  }

  /**
   * The nodes from now on. One that is new joins; one that is not named any more leaves, which ends once its last replica
   * moved away. Of one that stays, the engine and what is said of it may be new. One that is reached as another was before
   * is that one, under another name: it keeps its replicas, its drain and its quarantines.
   */
  setMembers(members: readonly Member[]): void {
    this.#renamed.push(this.nodes.set(members, storedNodes(this.state)));
    this.wake();
  }

  /** How long silence is waited out, and how long a device is kept from everybody, from now on. */
  setNodePolicy(policy: NodePolicy): void {
    this.#nodePolicy = policy;
    this.#changed();
    this.wake();
  }

  /** Ends the loop and leaves every container as it is. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#commands.close();
    this.wake();
    const stopped = this.nodes.stop();
    await this.#effects.close();
    await this.#running;
    await Promise.all([stopped, this.#deviceWatch.close()]);
    this.nodes.close();
  }

  wake(): void {
    this.#sleep.wake({ isNews: true });
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  // ---- the loop

  async #loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const isNewsworthy = this.#sleep.rearm();
      const { wakeAt, hasStored } = await this.#pass();
      if (this.#trouble !== null) {
        // Whatever wakes it, a store that cannot be written is not asked more often than this.
        await this.#sleep.through(this.#options.clock.now() + PASS_RETRY_MS, this.#stop.signal);
        continue;
      }
      const pauseMs = this.#restlessness.pauseMsAfter({ hasStored, isNewsworthy });
      this.#tellOfUnrest(pauseMs > 0);
      if (pauseMs > 0) {
        await this.#sleep.through(this.#options.clock.now() + pauseMs, this.#stop.signal);
        continue;
      }
      await this.#sleep.until(wakeAt);
    }
  }

  /** Once for each unrest. */
  #tellOfUnrest(isRestless: boolean): void {
    if (isRestless && !this.#isUnrestTold) this.#options.log.error(UNREST);
    this.#isUnrestTold = isRestless;
  }

  /** One pass, and when to look again. Never rejects: what goes wrong is logged and tried again. */
  async #pass(): Promise<{ readonly wakeAt: number | null; readonly hasStored: boolean }> {
    const { clock, ids, log } = this.#options;
    try {
      await this.#storeNames();
      await this.#commands.run(decide => this.#perform(decide));
      const now = clock.now();
      this.#effects.noteHeard(this.nodes.nodes());
      const observed = this.observed;
      const plan = this.#options.reconcile(this.state, observed, now, () => ids.replicaId(), this.#nodePolicy);
      const news = this.#nodeNews.look({ replicas: plan.replicas, specOf: this.state.specOf }, observed, now);
      const troubles = this.#serviceTroubles.look(plan.troubles, now);
      const events = [...news.events, ...troubles.events, ...eventsBetween(this.state, plan, now)];
      const changes = [...this.state.changesTo(plan), ...events.map((event): Change => ({ kind: 'event', event }))];
      if (changes.length > 0) {
        // Intent before effect: nothing below happens unless this is durable.
        await this.#writer.commit(changes).catch(thrown => {
          this.#publication.withdraw(plan, this.state);
          throw thrown;
        });
        // What was stored may carry something on.
        this.#sleep.wake({ isNews: false });
      }
      news.told();
      troubles.told();
      this.#publication.publish(plan);
      this.#effects.begin(plan.actions);
      this.#effects.prune(() => this.state.images());
      for (const node of plan.relisted) this.nodes.refresh(node);
      this.nodes.release(plan.vacated);
      this.#changed();
      if (this.#trouble !== null) log.info('the loop goes on');
      this.#trouble = null;
      return { wakeAt: plan.wakeAt, hasStored: changes.length > 0 };
    } catch (thrown) {
      const error = toOutriggerError(thrown);
      // Once for each trouble: a log that lies on the full disk must not fill it again.
      if (this.#trouble !== error.message) {
        log.error({ err: error, code: error.code }, 'a pass of the loop failed; trying again');
        this.#trouble = error.message;
        this.#changed();
      }
      return { wakeAt: clock.now() + PASS_RETRY_MS, hasStored: false };
    }
  }

  /** Before anything is judged: under their names before, nodes would be unknown, or others. */
  async #storeNames(): Promise<void> {
    const nodes = this.nodes.nodes();
    for (let changes = this.#renamed[0]; changes; changes = this.#renamed[0]) {
      await this.#writer.commit(renamingOf(this.state, { changes, nodes, now: this.#options.clock.now() }));
      this.#nodeNews.renamed(changes);
      this.#renamed.shift();
    }
    await this.#writer.commit(connectionsOf(this.state, this.nodes.nodes()));
  }

  async #perform(decide: (state: DesiredState) => Step<unknown>): Promise<unknown> {
    const step = decide(this.state);
    await this.#writer.commit(step.changes);
    this.#changed();
    return step.result;
  }

  #onSettled(action: Action, error: OutriggerError | null): void {
    const { log } = this.#options;
    if (error && !this.#stop.signal.aborted) {
      log.warn({ action: action.kind, node: action.node, code: error.code, err: error }, 'an action failed');
    }
    if (action.kind !== 'pull' || error) this.nodes.refresh(action.node);
    this.wake();
  }
}

/** This is a defect: whoever reads it should tell us. */
export const UNREST = 'the loop stores again and again though nothing new comes in; it is slowed down';
const PASS_RETRY_MS = 500;
