import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import type { NodeView, ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import { NestedEngine } from '../engines/nested-engine.ts';
import type { SimulatedGpuFacts } from '../engines/simulated-gpus.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { RunningControlPlane } from '../product/running-control-plane.ts';
import { until } from '../until.ts';
import { type Holding, Holdings } from './holdings.ts';

/** Two small devices and two big ones, as every node of these tests has. */
export const NODE_GPUS: readonly SimulatedGpuFacts[] = [
  { model: 'SIM-A', memoryMib: 24 * 1024 },
  { model: 'SIM-A', memoryMib: 24 * 1024 },
  { model: 'SIM-B', memoryMib: 80 * 1024 },
  { model: 'SIM-B', memoryMib: 80 * 1024 },
];

export interface TestClusterOptions {
  /** Names of the nodes that are there from the start; absent: `a`, `b` and `c`. */
  readonly nodes?: readonly string[];
  /** Of the nodes file, besides `nodes`. */
  readonly policy?: Readonly<Record<string, unknown>>;
}

/** Laid over what the nodes file says of these nodes otherwise. */
export type NodeEntries = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Real engines with simulated GPUs, each on an address of its own, and a real control plane that has them as its nodes.
 * Node `a` is in the zone `east`, the others are in `west`. Everything is gone at the end of the test.
 */
export class TestCluster {
  readonly engines = new Map<string, NestedEngine>();
  readonly holdings = new Holdings(this.engines);
  readonly nodesFile: string;
  readonly #folder: string;
  readonly #options: TestClusterOptions;
  #controlPlane: RunningControlPlane | null = null;

  private constructor(folder: string, options: TestClusterOptions) {
    this.#folder = folder;
    this.#options = options;
    this.nodesFile = path.join(folder, 'nodes.yaml');
  }

  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    await ensureBusyboxImage();
    const cluster = new TestCluster(await mkdtemp(path.join(tmpdir(), 'outrigger-cluster-')), options);
    try {
      const names = options.nodes ?? ['a', 'b', 'c'];
      await Promise.all(names.map(name => cluster.startEngine(name)));
      await cluster.writeNodes(names);
      cluster.#controlPlane = await RunningControlPlane.start({ arguments: ['--nodes', cluster.nodesFile] });
      await cluster.answering(names);
      return cluster;
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
  }

  /** For a test of its own cluster, that is gone with the test. */
  static async of(t: ExecutionContext, options: TestClusterOptions = {}): Promise<TestCluster> {
    t.timeout(10 * 60_000);
    const cluster = await TestCluster.start(options);
    t.teardown(() => cluster.dispose());
    return cluster;
  }

  get controlPlane(): RunningControlPlane {
    if (!this.#controlPlane) throw new Error('the control plane was not started');
    return this.#controlPlane;
  }

  engine(node: string): NestedEngine {
    const engine = this.engines.get(node);
    if (!engine) throw new Error(`there is no engine ${node}`);
    return engine;
  }

  /** An engine that is no node yet. */
  async startEngine(name: string): Promise<NestedEngine> {
    const engine = await NestedEngine.start({
      images: [BUSYBOX_IMAGE],
      gpus: NODE_GPUS,
      // Both ways of reaching an engine over the network.
      listen: name === 'b' ? 'tcp' : 'tls',
    });
    this.engines.set(name, engine);
    return engine;
  }

  /** Writes the nodes file with these nodes, all at once as an editor does. */
  async writeNodes(names: readonly string[], entries: NodeEntries = {}): Promise<void> {
    const nodes = Object.fromEntries(names.map(name => [name, { ...this.#entry(name), ...entries[name] }]));
    await writeFile(`${this.nodesFile}.new`, stringify({ ...POLICY, ...this.#options.policy, nodes }));
    await rename(`${this.nodesFile}.new`, this.nodesFile);
  }

  #entry(name: string): Record<string, unknown> {
    const engine = this.engine(name);
    const tls = engine.certificates?.client;
    return {
      engine: engine.url,
      ...(tls && { tls: { ca: tls.ca, cert: tls.cert, key: tls.key } }),
      labels: { zone: name === 'a' ? 'east' : 'west' },
      gpu_probe_image: BUSYBOX_IMAGE,
    };
  }

  async node(name: string): Promise<NodeView> {
    const node = (await this.controlPlane.nodes()).find(n => n.name === name);
    if (!node) throw new Error(`the control plane knows no node ${name}`);
    return node;
  }

  /** Resolves once exactly these nodes answer, and the models and sizes of their devices are known. */
  async answering(names: readonly string[]): Promise<void> {
    await this.nodesAre(`${names.join(', ')} answer with their devices`, nodes => {
      const answering = nodes.filter(n => n.state === 'answering' && n.devices.every(d => d.memoryBytes !== undefined));
      const withDevices = answering.filter(n => n.devices.length === NODE_GPUS.length);
      return withDevices.map(n => n.name).join() === names.join() && nodes.length === names.length;
    });
  }

  async nodesAre(what: string, holds: (nodes: readonly NodeView[]) => boolean): Promise<void> {
    await until(
      async () => `${what}; they are ${JSON.stringify(await this.controlPlane.nodes().catch(String))}`,
      async () => holds(await this.controlPlane.nodes()),
      { deadlineMs: DEADLINE_MS },
    );
  }

  /** Resolves with the service once that holds of it. */
  async serviceIs(
    ref: { namespace: string; name: string },
    what: string,
    holds: (service: ServiceView) => boolean,
  ): Promise<ServiceView> {
    return await until(
      async () =>
        `${ref.namespace}/${ref.name} ${what}; it is ${inWords(await this.controlPlane.service(ref.namespace, ref.name).catch(() => null))}`,
      async () => {
        const service = await this.controlPlane.service(ref.namespace, ref.name).catch(() => null);
        return service && holds(service) ? service : null;
      },
      { deadlineMs: DEADLINE_MS },
    );
  }

  async drain(node: string): Promise<void> {
    await this.controlPlane.request('POST', `/v1/nodes/${node}/drain`);
  }

  async undrain(node: string, device?: string): Promise<void> {
    await this.controlPlane.request('POST', `/v1/nodes/${node}/undrain`, device === undefined ? {} : { device });
  }

  /** The one live container of a replica. */
  async holdingOf(replica: Pick<ReplicaView, 'id'>): Promise<Holding> {
    const found = (await this.holdings.live()).filter(h => h.replicaId === replica.id);
    const [holding] = found;
    if (!holding || found.length > 1) throw new Error(`replica ${replica.id} has ${found.length} live containers`);
    return holding;
  }

  /** What the container itself has: the indexes of its device nodes, and the UUIDs that its driver lists. */
  async devicesInside(holding: Pick<Holding, 'node' | 'containerId'>): Promise<{ nodes: number[]; uuids: string[] }> {
    const engine = this.engine(holding.node);
    const look =
      'cd /dev && for n in nvidia[0-9]*; do [ -c $n ] && echo $n; done; [ ! -x /usr/bin/nvidia-smi ] || nvidia-smi -L';
    const { output } = await engine.exec(holding.containerId, ['/bin/sh', '-c', look]);
    return {
      nodes: [...output.matchAll(/^nvidia(\d+)$/gm)].map(([, index]) => Number(index)),
      uuids: [...output.matchAll(/\(UUID: (.*)\)$/gm)].map(([, uuid]) => uuid ?? ''),
    };
  }

  async dispose(): Promise<void> {
    await this.#controlPlane?.dispose();
    await Promise.all([...this.engines.values()].map(engine => engine.dispose()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Short, so that tests needn't wait; long against a machine that is busy. */
const POLICY = { lost_after: '3s', replace_after: '3s' };
const DEADLINE_MS = 120_000;

export function inWords(service: ServiceView | null): string {
  if (!service) return 'not there';
  const replicas = service.replicas.map(
    r => `${r.id} ${r.phase} on ${r.node ?? 'no node'} [${r.devices.join(' ')}] attempt ${r.attempt}: ${r.message}`,
  );
  return [`${service.name} ${service.state} ${service.readyReplicas}/${service.wantedReplicas}`, ...replicas].join(
    '\n  ',
  );
}
