import type { Logger } from 'pino';
import type { ApplyRequest, ApplyResult, ControlPlane, EventQuery, LogQuery, ServiceRef } from '../control-plane.ts';
import type { Action } from '../core/actions.ts';
import { OutriggerError, toOutriggerError } from '../core/errors.ts';
import { DEFAULT_NODE_POLICY, type NodePolicy } from '../core/node.ts';
import { renameNodes } from '../core/nodes/rename-nodes.ts';
import type { Observed } from '../core/observed.ts';
import { type Plan, reconcile } from '../core/reconcile.ts';
import { type ServiceKey, type ServiceSpec, serviceKey } from '../core/spec.ts';
import { replicaLogs } from '../logs/replica-logs.ts';
import { DeviceWatch } from '../nodes/device-watch.ts';
import { Members } from '../nodes/members.ts';
import type { Change, Clock, Ids, Member, Registry, Sidecar, Store } from '../ports.ts';
import type { DiscoveryHub } from '../registry/hub.ts';
import { StateViews } from '../views/state-views.ts';
import type { EventView, LogLineView, NodeView, ServiceView, StatusView, WhyView } from '../views/views.ts';
import { whyService } from '../views/why.ts';
import { CommandQueue } from './command-queue.ts';
import { type AdmittedSpec, applySpecs, removeServices, restartService, type Step, scaleService } from './commands.ts';
import { DesiredState } from './desired-state.ts';
import { Effects } from './effects.ts';
import { EventFeed } from './event-feed.ts';
import { eventsBetween } from './events-between.ts';
import { drainNode, type NodeRequest, releaseDevice, undrainNode } from './node-commands.ts';
import { NodeNews } from './node-news.ts';
import { parseSpecs } from './parse-specs.ts';
import { deviceTarget, probeTarget } from './probe-targets.ts';
import { ServiceTroubles } from './service-troubles.ts';

export interface ControllerOptions {
  /** The nodes to begin with; `setMembers` changes them. */
  readonly members: readonly Member[];
  /** How long silence is waited out to begin with; `setNodePolicy` changes it. */
  readonly nodePolicy?: NodePolicy;
  readonly registry: Registry;
  readonly hub: DiscoveryHub;
  readonly store: Store;
  readonly sidecar: Sidecar;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  /** Rejects with `denied` what the operator's policy does not allow; resolves to warnings. */
  readonly admit: (spec: ServiceSpec) => Promise<readonly string[]>;
  /** What `status()` cannot know by itself. */
  readonly identity: () => Omit<StatusView, 'instance' | 'startedAtMs' | 'registry' | 'services'>;
}

/**
 * The one loop and the one writer: observe → reconcile → store → apply. Whatever happens (an event, a probe, a command,
 * a timer, an acknowledgement) only wakes it; what is done follows from the whole state. It never waits for an engine.
 */
export class Controller implements ControlPlane {
  readonly hub: DiscoveryHub;
  readonly #options: ControllerOptions;
  readonly #effects: Effects;
  readonly #members: Members;
  readonly #deviceWatch: DeviceWatch;
  readonly #nodeNews = new NodeNews();
  readonly #serviceTroubles = new ServiceTroubles();
  readonly #stop = new AbortController();
  readonly #startedAt: number;
  readonly #commands = new CommandQueue(() => this.wake());
  readonly #feed: EventFeed;
  readonly #views = new StateViews(() => ({
    shown: view => this.#serviceTroubles.shown(view),
    state: this.#state,
    observed: this.#observed(),
    policy: this.#nodePolicy,
  }));
  #state: DesiredState;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  #running: Promise<unknown> | null = null;
  #nodePolicy: NodePolicy;
  /** Nodes that were renamed, by their names before, which are not yet stored so; the oldest first. */
  #renamed: ReadonlyMap<string, string>[] = [];
  /** What the last pass failed for; null: it did not. */
  #trouble: string | null = null;

  private constructor(options: ControllerOptions, state: DesiredState, feed: EventFeed) {
    this.#options = options;
    this.#state = state;
    this.#feed = feed;
    this.hub = options.hub;
    this.#startedAt = options.clock.now();
    this.#nodePolicy = options.nodePolicy ?? DEFAULT_NODE_POLICY;
    const { clock } = options;
    this.#members = new Members({ clock, onListing: () => this.wake() });
    const { engines } = this.#members;
    this.#deviceWatch = new DeviceWatch({ clock, engines, onChange: () => this.wake() });
    this.#effects = new Effects({
      engines,
      clock,
      onSettled: (action, error) => this.#onSettled(action, error),
      onProgress: () => this.#views.changed(),
      admit: spec => options.admit(spec),
    });
    this.setMembers(options.members);
  }

  /** Loads the stored state and takes the first look at the world, so that what ran before is known before anyone asks. */
  static async open(options: ControllerOptions): Promise<Controller> {
    const state = DesiredState.from(await options.store.load());
    const controller = new Controller(options, state, await EventFeed.open(options.store));
    await controller.#members.firstLook();
    await controller.#pass();
    return controller;
  }

  /** Starts the loop; it runs until close(). */
  start(): void {
    if (this.#running) return;
    const { registry, sidecar } = this.#options;
    registry.onChange(() => this.wake());
    sidecar.onChange(() => this.wake());
    this.hub.onAcknowledged(() => this.wake());
    this.#running = this.#loop();
    this.#members.observe();
  }

  /**
   * The nodes from now on. One that is new joins; one that is not named any more leaves, which ends once its last replica
   * moved away. Of one that stays, the engine and what is said of it may be new. One that is reached as another was before
   * is that one, under another name: it keeps its replicas, its drain and its quarantines.
   */
  setMembers(members: readonly Member[]): void {
    this.#renamed.push(this.#members.set(members));
    this.wake();
  }

  /** How long silence is waited out, and how long a device is kept from everybody, from now on. */
  setNodePolicy(policy: NodePolicy): void {
    this.#nodePolicy = policy;
    this.#views.changed();
    this.wake();
  }

  /** Ends the loop and leaves every container as it is. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#commands.close();
    this.wake();
    const stopped = this.#members.stop();
    await this.#effects.close();
    await this.#running;
    await Promise.all([stopped, this.#deviceWatch.close()]);
    this.#members.close();
  }

  wake(): void {
    this.#wake.resolve();
  }

  // ---- what the API asks

  status(): StatusView {
    const { registry, store } = this.#options;
    const status = registry.status();
    return {
      ...this.#options.identity(),
      instance: store.instance,
      startedAtMs: this.#startedAt,
      registry: {
        kind: registry.kind,
        healthy: status.healthy,
        ...(status.message === undefined ? {} : { message: status.message }),
      },
      services: this.#state.services.size,
      ...(this.#trouble !== null && { trouble: this.#trouble }),
    };
  }

  async apply(request: ApplyRequest): Promise<readonly ApplyResult[]> {
    const specs = parseSpecs(request.specs);
    const admitted: AdmittedSpec[] = await Promise.all(
      specs.map(async spec => ({
        spec,
        warnings: await this.#options.admit(spec),
        imageId: await this.#members.imageId(spec.image, this.#stop.signal),
      })),
    );
    if (request.dryRun) return applySpecs(this.#state, admitted, request.origin, this.#options.clock.now()).result;
    return this.#commands.submit(state => applySpecs(state, admitted, request.origin, this.#options.clock.now()));
  }

  async remove(request: Parameters<ControlPlane['remove']>[0]): Promise<ServiceRef[]> {
    const removed = await this.#commands.submit(state => removeServices(state, request, this.#options.clock.now()));
    if (removed.length === 0 && request.volumes) {
      await this.#members.removeVolumes(request.namespace, this.#stop.signal);
    }
    return removed;
  }

  async scale(ref: ServiceRef, replicas: number): Promise<ServiceView> {
    await this.#commands.submit(state => scaleService(state, ref, replicas, this.#options.clock.now()));
    return this.#view(ref);
  }

  async restart(ref: ServiceRef, options: { replicaId?: string }): Promise<ServiceView> {
    await this.#commands.submit(state => restartService(state, ref, options.replicaId, this.#options.clock.now()));
    return this.#view(ref);
  }

  async drainNode(name: string): Promise<NodeView> {
    await this.#commands.submit(state => drainNode(this.#nodeRequest(state, name)));
    return this.#nodeView(name);
  }

  async undrainNode(name: string, { device }: { device?: string }): Promise<NodeView> {
    await this.#commands.submit(state => {
      const request = this.#nodeRequest(state, name);
      return device === undefined ? undrainNode(request) : releaseDevice({ ...request, device });
    });
    return this.#nodeView(name);
  }

  services(): readonly ServiceView[] {
    return this.#views.services();
  }

  nodes(): readonly NodeView[] {
    return this.#views.nodes();
  }

  why(ref: ServiceRef): WhyView {
    return whyService(this.#view(ref), this.#state, this.#observed());
  }

  onChange(listener: () => void): () => void {
    return this.#views.onChange(listener);
  }

  pastEvents(query: EventQuery & { limit: number }): Promise<readonly EventView[]> {
    return this.#feed.past(query);
  }

  onEvent(listener: (event: EventView) => void): () => void {
    return this.#feed.on(listener);
  }

  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLineView> {
    const { clock } = this.#options;
    return replicaLogs({
      query,
      controlPlane: this,
      engines: this.#members.engines,
      containers: () => this.#members.newestContainers(),
      clock,
      signal,
    });
  }

  // ---- the loop

  async #loop(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#wake = Promise.withResolvers();
      const wakeAt = await this.#pass();
      if (this.#trouble !== null) {
        // Whatever wakes it, a store that cannot be written is not asked more often than this.
        await this.#sleepUntil(this.#options.clock.now() + PASS_RETRY_MS, this.#stop.signal);
        continue;
      }
      const nap = new AbortController();
      const pause = wakeAt === null ? [] : [this.#sleepUntil(wakeAt, nap.signal)];
      await Promise.race([this.#wake.promise, ...pause]);
      nap.abort();
    }
  }

  /** One pass; resolves to when to look again. Never rejects: what goes wrong is logged and tried again. */
  async #pass(): Promise<number | null> {
    const { clock, ids, log } = this.#options;
    try {
      await this.#storeNames();
      await this.#commands.run(decide => this.#perform(decide));
      const now = clock.now();
      const observed = this.#observed();
      const plan = reconcile(this.#state, observed, now, () => ids.replicaId(), this.#nodePolicy);
      const news = this.#nodeNews.look({ replicas: plan.replicas, specOf: this.#state.specOf }, observed, now);
      const troubles = this.#serviceTroubles.look(plan.troubles, now);
      const events = [...news.events, ...troubles.events, ...eventsBetween(this.#state, plan, now)];
      const changes = [...this.#state.changesTo(plan), ...events.map((event): Change => ({ kind: 'event', event }))];
      if (changes.length > 0) {
        // Intent before effect: nothing below happens unless this is durable.
        await this.#commit(changes).catch(thrown => {
          this.#withdraw(plan);
          throw thrown;
        });
        await this.#announce();
        this.wake();
      }
      news.told();
      troubles.told();
      this.#publish(plan);
      this.#effects.begin(plan.actions);
      this.#effects.prune();
      this.#members.listForWaiting(plan, observed.probes);
      this.#members.letLeave(plan, this.#nodePolicy.lostAfterMs);
      this.#views.changed();
      if (this.#trouble !== null) log.info('the loop goes on');
      this.#trouble = null;
      return plan.wakeAt;
    } catch (thrown) {
      const error = toOutriggerError(thrown);
      // Once for each trouble: a log that lies on the full disk must not fill it again.
      if (this.#trouble !== error.message) {
        log.error({ err: error, code: error.code }, 'a pass of the loop failed; trying again');
        this.#trouble = error.message;
        this.#views.changed();
      }
      return clock.now() + PASS_RETRY_MS;
    }
  }

  /** Before anything is judged: under their names before, nodes would be unknown, or others. */
  async #storeNames(): Promise<void> {
    for (let renamed = this.#renamed[0]; renamed; renamed = this.#renamed[0]) {
      const { services } = this.#state;
      const changes = this.#state.changesTo({ services, ...renameNodes(this.#state, renamed) });
      const at = this.#options.clock.now();
      for (const [before, node] of renamed) {
        const message = `it was called ${before} before; its replicas and what was decided about it stay`;
        changes.push({ kind: 'event', event: { at, node, type: 'node.renamed', message } });
      }
      if (changes.length > 0) {
        await this.#commit(changes);
        await this.#announce();
      }
      this.#renamed.shift();
    }
  }

  async #perform(decide: (state: DesiredState) => Step<unknown>): Promise<unknown> {
    const step = decide(this.#state);
    if (step.changes.length > 0) {
      await this.#commit(step.changes);
      await this.#announce();
    }
    this.#views.changed();
    return step.result;
  }

  /** Stores changes, then holds them. A commit that failed may have been made all the same: then the store is asked. */
  async #commit(changes: readonly Change[]): Promise<void> {
    const { store } = this.#options;
    try {
      await store.commit(changes);
      this.#state = this.#state.with(changes);
    } catch (thrown) {
      this.#state = DesiredState.from(await store.load());
      throw thrown;
    }
  }

  #publish(plan: Plan): void {
    const { registry, sidecar } = this.#options;
    this.hub.publish(new Set(plan.services.keys()), plan.endpoints);
    registry.publish(plan.endpoints);
    sidecar.target(plan.probed.map(probeTarget));
    this.#deviceWatch.target(plan.probed.flatMap(deviceTarget));
  }

  /**
   * What cannot be stored is not begun, but an endpoint that leads nowhere leaves its clients all the same: only what the
   * stored state calls ready, and the plan too, stays published.
   */
  #withdraw(plan: Plan): void {
    const kept = plan.endpoints.filter(({ replicaId, containerId }) => {
      const stored = this.#state.replicas.get(replicaId)?.phase;
      return stored?.kind === 'ready' && stored.container.id === containerId;
    });
    this.hub.publish(new Set(this.#state.services.keys()), kept);
    this.#options.registry.publish(kept);
  }

  #observed(): Observed {
    const { registry, sidecar } = this.#options;
    return {
      nodes: this.#members.nodes(),
      probes: sidecar.reports(),
      deviceReports: this.#deviceWatch.reports(),
      images: this.#effects.images,
      effects: this.#effects.states,
      withdrawn: (service, replicaId) =>
        this.hub.withdrawalConfirmed(service as ServiceKey, replicaId) && !registry.mayHold(replicaId),
    };
  }

  #onSettled(action: Action, error: OutriggerError | null): void {
    const { log } = this.#options;
    if (error && !this.#stop.signal.aborted) {
      log.warn({ action: action.kind, node: action.node, code: error.code, err: error }, 'an action failed');
    }
    if (action.kind !== 'pull' || error) this.#members.refresh(action.node);
    this.wake();
  }

  async #sleepUntil(at: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    // A bound on the nap: a timer of weeks would overflow, and looking again costs nothing.
    await clock.sleep(Math.min(Math.max(at - clock.now(), 1), LONGEST_NAP_MS), signal).catch(() => {});
  }

  // ---- what it shows

  #view(ref: ServiceRef): ServiceView {
    const view = this.services().find(s => s.namespace === ref.namespace && s.name === ref.name);
    if (!view) throw new OutriggerError('not_found', `${serviceKey(ref)} was removed meanwhile`);
    return view;
  }

  #nodeRequest(state: DesiredState, name: string): NodeRequest {
    return { state, nodes: this.#members.nodes(), name, now: this.#options.clock.now() };
  }

  #nodeView(name: string): NodeView {
    const view = this.nodes().find(n => n.name === name);
    if (!view) throw new OutriggerError('not_found', `node ${name} left meanwhile`);
    return view;
  }

  async #announce(): Promise<void> {
    const { log } = this.#options;
    // Telling is not part of the change: it is durable already, and what was not told now is told with the next one.
    const news = await this.#feed.announceNew().catch(thrown => {
      log.error({ err: toOutriggerError(thrown) }, 'events could not be read back');
      return [];
    });
    for (const { service, replicaId, node, type, message } of news)
      log.info({ service, replica: replicaId, node, type }, message || type);
  }
}

const PASS_RETRY_MS = 500;
const LONGEST_NAP_MS = 60_000;
