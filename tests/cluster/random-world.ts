import { setTimeout as delay } from 'node:timers/promises';
import type { EventView, ServiceView } from '../../control-plane/views/views.ts';
import { until } from '../until.ts';
import { Acknowledged, type Change } from './acknowledged.ts';
import { Answers } from './answers.ts';
import { EngineLog } from './engine-log.ts';
import { Faults } from './faults.ts';
import type { Holding } from './holdings.ts';
import { plantLookAlikes } from './look-alikes.ts';
import { FIRST, NAMESPACES, NODES, type Operation, specOf } from './operations.ts';
import { Published } from './published.ts';
import type { TestCluster } from './test-cluster.ts';

/** The cluster, what was done to it, and what is known of it from outside the control plane. */
export class RandomWorld {
  readonly cluster: TestCluster;
  readonly log: EngineLog;
  readonly faults: Faults;
  readonly acknowledged = new Acknowledged();
  readonly published = new Published();
  readonly answers: Answers;
  /** The containers that a draining node had, or was about to have, when it was told to drain. */
  readonly drained = new Map<
    string,
    { readonly containers: ReadonlySet<string>; readonly replicas: ReadonlySet<string> }
  >();
  readonly #lookAlikes: () => Promise<readonly string[]>;
  readonly #lookAlikesBefore: readonly string[];
  readonly #done = new Map<string, number>();

  private constructor(parts: {
    cluster: TestCluster;
    log: EngineLog;
    faults: Faults;
    lookAlikes: () => Promise<readonly string[]>;
    lookAlikesBefore: readonly string[];
  }) {
    this.cluster = parts.cluster;
    this.log = parts.log;
    this.faults = parts.faults;
    this.answers = new Answers(parts.cluster.engines);
    this.#lookAlikes = parts.lookAlikes;
    this.#lookAlikesBefore = parts.lookAlikesBefore;
  }

  /** Starts what is there from the beginning, and puts containers beside it that only look like it. */
  static async begin(cluster: TestCluster): Promise<RandomWorld> {
    const faults = new Faults();
    const log = await EngineLog.follow(cluster.engines, id => faults.killed.has(id));
    for (const first of FIRST) await cluster.controlPlane.apply(specOf(first));
    const one = await until('there is a replica to look like', async () => (await cluster.holdings.live())[0]);
    const { Config } = await cluster.engine(one.node).docker.getContainer(one.containerId).inspect();
    const lookAlikes = await plantLookAlikes(cluster.engines, Config.Labels);
    const world = new RandomWorld({ cluster, log, faults, lookAlikes, lookAlikesBefore: await lookAlikes() });
    for (const first of FIRST) world.acknowledged.asked(first, { isAnswered: true });
    return world;
  }

  /** Resolves to whether it did anything: what is so already, or has nobody to befall, is no operation. */
  async carryOut(operation: Operation): Promise<boolean> {
    const isEffective = await this.#carryOut(operation);
    if (isEffective) this.#done.set(operation.what, (this.#done.get(operation.what) ?? 0) + 1);
    return isEffective;
  }

  async #carryOut(operation: Operation): Promise<boolean> {
    const { controlPlane } = this.cluster;
    switch (operation.what) {
      case 'up':
      case 'scale':
      case 'down':
        if (!this.acknowledged.changes(operation)) return false;
        await this.#ask(operation);
        this.acknowledged.asked(operation, { isAnswered: true });
        return true;
      case 'kill':
        return await this.#kill(operation.nth);
      case 'cut':
        // One is always there: what all of them do when nothing answers is another test's affair.
        if (this.faults.is('cut', operation.node) || this.faults.nodesThatAre('cut').length === NODES.length - 1)
          return false;
        this.faults.begin('cut', operation.node);
        await this.cluster.engine(operation.node).cutOff();
        return true;
      case 'back':
        if (!this.faults.is('cut', operation.node)) return false;
        await this.cluster.engine(operation.node).reconnect();
        this.faults.end('cut', operation.node);
        return true;
      case 'drain':
        return await this.#drain(operation.node);
      case 'undrain':
        if (!this.faults.is('drain', operation.node)) return false;
        this.drained.delete(operation.node);
        await this.cluster.undrain(operation.node);
        this.faults.end('drain', operation.node);
        return true;
      case 'crash':
        await controlPlane.kill();
        await controlPlane.launch();
        return true;
      case 'crash_during':
        return await this.#crashDuring(operation);
      default:
        return operation satisfies never;
    }
  }

  async services(): Promise<readonly ServiceView[]> {
    return (await this.cluster.controlPlane.get<{ services: ServiceView[] }>('/v1/services')).services;
  }

  /** What befell containers that are nobody's replicas. */
  async harmedLookAlikes(): Promise<readonly string[]> {
    const now = await this.#lookAlikes();
    return now.filter((state, i) => state !== this.#lookAlikesBefore[i]);
  }

  /** What was done and what came of it, in numbers. */
  async story(): Promise<string> {
    const events = await Promise.all(
      NAMESPACES.map(name =>
        this.cluster.controlPlane.get<{ events: EventView[] }>(`/v1/events?namespace=${name}&past=1000`),
      ),
    );
    const types = ['replica.pending', 'replica.ready', 'replica.backoff', 'replica.lost', 'replica.found'];
    const all = events.flatMap(e => e.events);
    const counts = types.map(type => `${all.filter(e => e.type === type).length} ${type}`);
    const done = [...this.#done].map(([what, count]) => `${count} ${what}`);
    return `${done.join(', ')}; ${this.log.runs.length} containers began; ${counts.join(', ')}`;
  }

  async #ask(change: Change): Promise<void> {
    const { controlPlane } = this.cluster;
    switch (change.what) {
      case 'up':
        return await controlPlane.apply(specOf(change));
      case 'scale': {
        const { namespace, replicas } = change;
        return await controlPlane.request('POST', `/v1/services/${namespace}/model/scale`, { replicas });
      }
      case 'down':
        return await controlPlane.remove(change.namespace);
      default:
        return change satisfies never;
    }
  }

  async #crashDuring({ change, afterMs }: { change: Change; afterMs: number }): Promise<boolean> {
    if (!this.acknowledged.changes(change)) return false;
    const asked = this.#ask(change).then(
      () => true,
      () => false,
    );
    await delay(afterMs);
    await this.cluster.controlPlane.kill();
    this.acknowledged.asked(change, { isAnswered: await asked });
    await this.cluster.controlPlane.launch();
    return true;
  }

  async #kill(nth: number): Promise<boolean> {
    // Each failure of a replica doubles its back-off: after two of them the test would wait for nothing else.
    const mayDie = (h: Holding) => h.state === 'running' && h.attempt <= 2;
    const running = (await this.cluster.holdings.live()).filter(mayDie);
    const victim = running[nth % Math.max(1, running.length)];
    if (!victim) return false;
    const container = this.cluster.engine(victim.node).docker.getContainer(victim.containerId);
    this.faults.killed.add(victim.containerId);
    return await container.kill().then(
      () => true,
      (error: { statusCode?: number }) => {
        if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
        // It ended by itself just before.
        this.faults.killed.delete(victim.containerId);
        return false;
      },
    );
  }

  async #drain(name: string): Promise<boolean> {
    if (this.faults.is('drain', name)) return false;
    this.faults.begin('drain', name);
    await this.cluster.drain(name);
    // Asked for after the answer: what is to be there then was decided before it.
    const there = (await this.services()).flatMap(s => s.replicas).filter(r => r.node === name);
    this.drained.set(name, {
      containers: new Set(there.flatMap(r => r.containerId ?? [])),
      replicas: new Set(there.filter(r => r.containerId === undefined).map(r => r.id)),
    });
    return true;
  }
}
