import { pino } from 'pino';
import { Controller } from '../../control-plane/controller.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { EmbeddedRegistry } from '../../control-plane/registry/embedded.ts';
import { DiscoveryHub } from '../../control-plane/registry/hub.ts';
import { countingIds, settle, VirtualClock } from '../fakes/clock.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { FakeNode } from '../fakes/engine-node.ts';
import { Disk, FakeStore } from '../fakes/store.ts';
import { FakeSidecar } from './fake-sidecar.ts';

export const NAMESPACE = 'sim';
const DEVICES = ['0', '1', '2'].map(i => ({ id: `nvidia.com/gpu=${i}`, driver: 'cdi' as const }));
const CPUS = 6;

/** The production controller on fakes of its ports, with a virtual clock; its machine and disk outlive its lives. */
export class SimulatedWorld {
  readonly clock = new VirtualClock();
  readonly machine = new FakeNode(this.clock);
  readonly disk = new Disk();
  readonly ill = { unready: new Set<string>(), hung: new Set<string>() };
  engine!: FakeEngine;
  sidecar!: FakeSidecar;
  hub!: DiscoveryHub;
  #store!: FakeStore;
  #controller: Controller | null = null;
  #lives = 0;
  readonly #ids = countingIds();
  readonly #everStopped = new Set<string>();

  constructor() {
    for (const image of ['image:1', 'image:2'])
      this.machine.remoteImages.set(image, { id: `sha-${image}`, bytes: 100, durationMs: 200 });
    this.machine.add({
      // Somebody else's: it must never be touched, whatever happens.
      instance: 'foreign',
      publishOn: undefined,
      request: {
        kind: 'create',
        node: 'local',
        replicaId: 'foreign1',
        attempt: 1,
        generation: 1,
        containerName: 'foreign',
        placement: { node: 'local', devices: [] },
        spec: { ...FOREIGN_SPEC, networks: [] },
      } as never,
    });
  }

  get alive(): boolean {
    return this.#controller !== null;
  }

  get controller(): Controller {
    if (!this.#controller) throw new Error('the control plane is dead');
    return this.#controller;
  }

  /** A control plane begins its life on what is on disk and on the machine. */
  async begin(): Promise<void> {
    this.#lives += 1;
    this.engine = new FakeEngine({
      clock: this.clock,
      on: this.machine,
      instance: this.disk.instance,
      devices: DEVICES,
      cpus: CPUS,
      latencyMs: 7,
      deadlineMs: 5_000,
    });
    this.sidecar = new FakeSidecar(this.clock, this.ill);
    this.hub = new DiscoveryHub(`life${this.#lives}`);
    this.#store = new FakeStore(this.disk);
    const opening = Controller.open({
      engines: [this.engine],
      registry: new EmbeddedRegistry({ instance: this.disk.instance }),
      hub: this.hub,
      store: this.#store,
      sidecar: this.sidecar,
      clock: this.clock,
      ids: this.#ids,
      log: pino({ enabled: false }),
      admit: async () => [],
      identity: () => ({ version: '0', pid: 0, listen: [], exitWhenIdle: false }),
    });
    let opened = false;
    opening.then(
      () => (opened = true),
      () => (opened = true),
    );
    await this.clock.advanceUntil(() => opened, 60_000);
    this.#controller = await opening;
    this.#controller.start();
    await settle();
  }

  /** The process is gone between one instruction and the next: no commit and no answer reach it any more. */
  async crash(): Promise<void> {
    const controller = this.#controller;
    this.#controller = null;
    await this.#store.close();
    await this.sidecar.close();
    let closed = false;
    void controller?.close().finally(() => {
      closed = true;
    });
    // Its effects may still be on their way to the engine; that is what a crash leaves behind.
    await settle();
    if (!closed) await settle();
  }

  /** Rejections are part of the story (a full disk, a refused request); they must only never hang. */
  async ask(request: (controller: Controller) => Promise<unknown>): Promise<'done' | 'refused'> {
    let outcome: 'done' | 'refused' | null = null;
    request(this.controller).then(
      () => (outcome = 'done'),
      error => {
        if (!(error instanceof OutriggerError)) throw error;
        outcome = 'refused';
      },
    );
    await this.clock.advanceUntil(() => outcome !== null, 60_000);
    return outcome ?? 'refused';
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** The safety invariants of reliability.md that can be seen from outside. Throws with the one that does not hold. */
  checkSafety(): void {
    const containers = [...this.machine.containers.values()];
    const ours = containers.filter(c => c.instance === this.disk.instance);
    if (!containers.some(c => c.name === 'foreign')) throw new Error('4: a foreign container was touched');
    for (const [replica, running] of Map.groupBy(
      ours.filter(c => c.state === 'running'),
      c => c.request.replicaId,
    )) {
      if (running.length > 1) throw new Error(`1: replica ${replica} runs ${running.length} times`);
    }
    const holders = new Map<string, string>();
    let cpus = 0;
    for (const c of ours.filter(c => c.state === 'running')) {
      cpus += c.request.spec.resources.cpus;
      for (const device of c.request.placement.devices) {
        const other = holders.get(device);
        if (other !== undefined) throw new Error(`2: ${device} is held by ${other} and ${c.request.replicaId}`);
        holders.set(device, c.request.replicaId);
      }
    }
    if (cpus > CPUS) throw new Error(`2: ${cpus} of ${CPUS} CPUs are in use`);
    if (!this.alive) return;
    for (const service of this.hub.services()) {
      for (const endpoint of this.hub.snapshot(service).endpoints) this.#checkEndpoint(endpoint.containerId);
    }
    for (const call of this.engine.calls) if (call.method === 'stop') this.#everStopped.add(call.subject);
  }

  #checkEndpoint(containerId: string): void {
    if (this.#everStopped.has(containerId)) throw new Error(`5: ${containerId} is published and was told to stop`);
    const report = this.sidecar.reports().get(containerId);
    if (report && report.startup !== 'passed')
      throw new Error(`5: ${containerId} is published before its probe passed`);
  }

  /** Liveness: with the faults over, everything comes to rest as it is wanted, within a bound. */
  async checkLiveness(): Promise<void> {
    this.ill.unready.clear();
    this.ill.hung.clear();
    this.machine.setDaemon('running');
    this.engine.loseEvents = false;
    if (!this.alive) await this.begin();
    this.sidecar.changed();
    await this.advance(60_000);
    // Every history also has to survive one more crash of whatever runs by then.
    for (const c of this.machine.containers.values()) {
      if (c.instance === this.disk.instance && c.state === 'running') this.machine.exit(c.id, { code: 1 });
    }
    // Past every back-off (5 min + 10 %), drain and sweep there can be.
    await this.advance(1_500_000);
    this.checkSafety();
    const services = this.controller.services();
    const expected = new Map<string, number>();
    for (const service of services) {
      if (service.deleting) throw new Error(`10: ${service.name} is still being deleted: ${service.message}`);
      if (service.state === 'failed') continue;
      const waiting = service.replicas.some(r => r.phase === 'pending');
      if (!waiting && service.readyReplicas !== service.wantedReplicas) {
        throw new Error(
          `10: ${service.name} has ${service.readyReplicas} of ${service.wantedReplicas}: ${JSON.stringify(service.replicas)}`,
        );
      }
      expected.set(service.name, service.replicas.length);
    }
    const known = new Set(services.flatMap(s => s.replicas.map(r => r.id)));
    for (const c of this.machine.containers.values()) {
      if (c.instance === this.disk.instance && !known.has(c.request.replicaId))
        throw new Error(`10: ${c.name} is an orphan`);
    }
    const before = this.engine.calls.filter(c => c.method !== 'observe').length;
    await this.advance(120_000);
    const idle = this.engine.calls.slice().filter(c => c.method !== 'observe').length - before;
    if (idle > 0)
      throw new Error(
        `10: a steady state caused ${idle} effects: ${JSON.stringify(this.engine.calls.filter(c => c.method !== 'observe').slice(-3))}`,
      );
  }

  async end(): Promise<void> {
    if (!this.alive) return;
    const controller = this.controller;
    let closed = false;
    void controller.close().finally(() => {
      closed = true;
    });
    await this.clock.advanceUntil(() => closed, 60_000);
    await this.sidecar.close();
    this.#controller = null;
  }
}

const FOREIGN_SPEC: ServiceSpecInput = { namespace: 'foreign', name: 'foreign', image: 'image:1', mounts: [] };
