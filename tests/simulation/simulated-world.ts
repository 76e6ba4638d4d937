import { pino } from 'pino';
import { Controller } from '../../control-plane/controller/controller.ts';
import { ServedControlPlane } from '../../control-plane/controller/served-control-plane.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import { reconcile } from '../../control-plane/core/reconcile.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { Registry } from '../../control-plane/ports.ts';
import { EmbeddedRegistry } from '../../control-plane/registry/embedded.ts';
import { DiscoveryHub } from '../../control-plane/registry/hub.ts';
import { countingIds, settle, VirtualClock } from '../fakes/clock.ts';
import type { FakeContainer } from '../fakes/engine-node.ts';
import { FakeRegistry } from '../fakes/registry.ts';
import { Disk } from '../fakes/store.ts';
import { FakeSidecar, Health } from './fake-sidecar.ts';
import { Safety } from './safety.ts';
import { type NodeSetup, type Plight, SimulatedNode } from './simulated-node.ts';
import { Watchers } from './watchers.ts';
import { storedOn, WitnessedStore } from './witness.ts';

export const NAMESPACE = 'sim';

/** One machine with devices that cannot be shared: nobody knows how much memory they have. */
const LOCAL: NodeSetup = {
  name: 'local',
  cpus: 6,
  devices: ['0', '1', '2'].map(i => ({ id: `nvidia.com/gpu=${i}`, driver: 'cdi' })),
};
/** How often a remote registry is compared with what should be there. */
const REMOTE_INTERVAL_MS = 3_000;

/**
 * The production controller on fakes of its ports, with a virtual clock. Its machines, its disk, its remote registry and
 * its clients outlive its lives.
 */
export class SimulatedWorld {
  readonly clock = new VirtualClock();
  readonly disk = new Disk();
  readonly stored = storedOn(this.disk);
  readonly health = new Health();
  readonly watchers = new Watchers(this.clock);
  readonly safety: Safety;
  readonly nodes: readonly SimulatedNode[];
  sidecar!: FakeSidecar;
  hub!: DiscoveryHub;
  /** Null with the embedded registry. */
  remote: FakeRegistry | null = null;
  #store!: WitnessedStore;
  #controller: Controller | null = null;
  #controlPlane: ServedControlPlane | null = null;
  #life = new AbortController();
  #lives = 0;
  readonly #isRemote: boolean;
  readonly #passAfterMs: number;
  readonly #reconcile: typeof reconcile;
  readonly #ids = countingIds();

  constructor(
    options: {
      registry?: 'embedded' | 'remote';
      nodes?: readonly NodeSetup[];
      probesPassAfterMs?: number;
      reconcile?: typeof reconcile;
    } = {},
  ) {
    this.#reconcile = options.reconcile ?? reconcile;
    this.#isRemote = options.registry === 'remote';
    this.#passAfterMs = options.probesPassAfterMs ?? 40;
    this.safety = new Safety(() => ({
      now: () => this.clock.now(),
      instance: this.disk.instance,
      nodes: this.nodes,
      health: this.health,
      stored: this.stored,
      watchers: this.watchers,
      hub: this.alive ? this.hub : null,
      remote: this.remote,
    }));
    const around = { clock: this.clock, instance: this.disk.instance, witness: this.safety, health: this.health };
    this.nodes = (options.nodes ?? [LOCAL]).map(setup => new SimulatedNode(setup, around));
    this.health.locate(id => this.nodes.find(n => n.machine.containers.has(id))?.name);
    for (const node of this.nodes) addForeign(node);
  }

  get alive(): boolean {
    return this.#controller !== null;
  }

  get controller(): Controller {
    if (!this.#controller) throw new Error('the control plane is dead');
    return this.#controller;
  }

  /** What people and programs speak to. */
  get controlPlane(): ServedControlPlane {
    if (!this.#controlPlane) throw new Error('the control plane is dead');
    return this.#controlPlane;
  }

  /** The only node, or the first. */
  get #first(): SimulatedNode {
    return this.nodes[0] as SimulatedNode;
  }

  get machine(): SimulatedNode['machine'] {
    return this.#first.machine;
  }

  get engine(): SimulatedNode['engine'] {
    return this.#first.engine;
  }

  node(name: string): SimulatedNode {
    const node = this.nodes.find(n => n.name === name);
    if (!node) throw new Error(`the world has no node ${name}`);
    return node;
  }

  /** Containers of this control plane, wherever they are. */
  containers(): FakeContainer[] {
    return this.nodes.flatMap(n => [...n.machine.containers.values()].filter(c => c.instance === this.disk.instance));
  }

  running(): FakeContainer[] {
    return this.containers().filter(c => c.state === 'running');
  }

  /** A control plane begins its life on what is on disk and on the machines; with `start: false` its loop does not run yet. */
  async begin(options: { start?: boolean } = {}): Promise<void> {
    this.#lives += 1;
    this.safety.beginLife();
    this.#life = new AbortController();
    this.sidecar = new FakeSidecar(this.clock, this.health, this.#passAfterMs);
    this.hub = new DiscoveryHub(`life${this.#lives}`, { clock: this.clock });
    this.#store = new WitnessedStore(this.disk, this.safety);
    const around = { registry: this.#newRegistry(), hub: this.hub, store: this.#store, clock: this.clock };
    const admit = async () => [];
    const opening = Controller.open({
      ...around,
      members: this.nodes.filter(n => n.configured).map(n => n.newMember()),
      sidecar: this.sidecar,
      nodePolicy: DEFAULT_NODE_POLICY,
      reconcile: this.#reconcile,
      ids: this.#ids,
      log: pino({ level: 'error' }, { write: line => this.safety.onLog(line) }),
      admit,
    });
    await this.settled(opening);
    this.#controller = await opening;
    this.#controlPlane = new ServedControlPlane({
      ...around,
      loop: this.#controller,
      admit,
      identity: () => ({ version: '0', pid: 0, listen: [], exitWhenIdle: false }),
    });
    this.watchers.again(this.hub);
    if (options.start === false) return;
    this.#controller.start();
    await settle();
  }

  /** The process is gone between one instruction and the next: no commit and no answer reach it any more. */
  async crash(): Promise<void> {
    const controller = this.#controller;
    this.#controller = null;
    this.#controlPlane = null;
    this.#life.abort();
    this.watchers.lost();
    await this.#store.close();
    await this.sidecar.close();
    await this.remote?.close({ withdraw: false }, AbortSignal.abort());
    void controller?.close();
    // Its effects may still be on their way to the engine; that is what a crash leaves behind.
    await settle();
    await settle();
  }

  /** The nodes file names it from now on, or does so no more; the control plane that lives reads it again. */
  configure(name: string, configured: boolean): void {
    const node = this.node(name);
    if (node.configured === configured) return;
    // A file without any node says nothing about the world.
    if (!configured && this.nodes.filter(n => n.configured).length === 1) return;
    node.configure(configured);
    const members = this.nodes.filter(n => n.configured).map(n => (n === node ? n.newMember() : n.member));
    this.#controller?.setMembers(members);
  }

  suffer(name: string, plight: Plight): void {
    this.node(name).suffer(plight);
    this.sidecar.changed();
    // Probes fail one by one while the way is cut: each time somebody is told.
    for (const afterMs of [4_000, 12_000])
      void this.clock.sleep(afterMs, this.#life.signal).then(
        () => this.sidecar.changed(),
        () => {},
      );
  }

  /** Rejections are part of the story (a full disk, a refused request); they must only never hang. */
  async ask(request: (controlPlane: ServedControlPlane) => Promise<unknown>): Promise<'done' | 'refused'> {
    const answer = this.send(request);
    await this.settled(answer);
    return answer;
  }

  /** Sends a request without waiting for what comes of it. */
  async send(request: (controlPlane: ServedControlPlane) => Promise<unknown>): Promise<'done' | 'refused'> {
    try {
      await request(this.controlPlane);
      return 'done';
    } catch (error) {
      if (error instanceof OutriggerError) return 'refused';
      throw error;
    }
  }

  /** Lets the time pass until the promise has settled either way; within a minute it must. */
  async settled(promise: Promise<unknown>): Promise<void> {
    let done = false;
    promise.then(
      () => (done = true),
      () => (done = true),
    );
    await this.clock.advanceUntil(() => done, 60_000);
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  async end(): Promise<void> {
    if (!this.alive) return;
    await this.settled(this.controller.close());
    this.#life.abort();
    this.watchers.lost();
    await this.sidecar.close();
    this.#controller = null;
    this.#controlPlane = null;
  }

  /** What a remote registry holds is still there for the next life, and so is its absence. */
  #newRegistry(): Registry {
    if (!this.#isRemote) return new EmbeddedRegistry({ instance: this.disk.instance });
    const registry = new FakeRegistry(this.disk.instance, () => this.clock.now(), this.remote);
    this.remote = registry;
    void this.#compareRemote(registry, this.#life.signal);
    return registry;
  }

  async #compareRemote(registry: FakeRegistry, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.clock.sleep(REMOTE_INTERVAL_MS, signal).catch(() => {});
      if (!signal.aborted) registry.converge();
    }
  }
}

/** Somebody else's container: it must never be touched, whatever happens. */
function addForeign({ machine, name }: SimulatedNode): void {
  machine.add({
    instance: 'foreign',
    publishOn: undefined,
    request: {
      kind: 'create',
      node: name,
      replicaId: 'foreign1',
      attempt: 1,
      generation: 1,
      containerName: 'foreign',
      placement: { node: name, devices: [] },
      spec: { ...FOREIGN_SPEC, networks: [] },
    } as never,
  });
}

const FOREIGN_SPEC: ServiceSpecInput = { namespace: 'foreign', name: 'foreign', image: 'image:1', mounts: [] };
