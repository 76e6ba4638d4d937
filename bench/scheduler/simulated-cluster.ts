import type { ObservedNode } from '../../control-plane/core/observed.ts';
import { Cluster, type PlacementRequest } from '../../control-plane/core/placement/cluster.ts';
import { type ServiceSpec, type ServiceSpecInput, serviceSpec } from '../../control-plane/core/spec.ts';

/** `services`: a new service every few replicas. `one`: all replicas are of one service, which spreads over the nodes. */
export type Workload = 'services' | 'one';

export const REPLICAS_PER_NODE = 10;

/** Nodes of 8 GPUs with ten replicas each, and a queue of requests that never ends. Throws where one finds no place. */
export class SimulatedCluster {
  readonly size: number;
  readonly #cluster: Cluster;
  readonly #next: () => PlacementRequest;
  readonly #random = randomNumbers(7);
  readonly #held: string[] = [];

  constructor(nodeCount: number, workload: Workload) {
    this.size = nodeCount * REPLICAS_PER_NODE;
    this.#cluster = new Cluster(
      Array.from({ length: nodeCount }, (_, i) => simulatedNode(i)),
      new Map(),
    );
    this.#next = workload === 'one' ? ofOneService() : ofManyServices();
  }

  /** Places as many as there is to be, one by one; returns the milliseconds of CPU that took. */
  fill(): number {
    const requests = Array.from({ length: this.size }, this.#next);
    const start = threadCpuUsage();
    for (const request of requests) this.#place(request);
    return millisecondsSince(start);
  }

  /**
   * Lets replicas that are drawn by lot leave, and places as many, some at a time, until so many were placed; returns the
   * milliseconds of CPU that the placing took.
   */
  turnOver(count: number): number {
    let elapsedMs = 0;
    for (let left = count; left > 0; left -= AT_A_TIME) {
      const some = Math.min(left, AT_A_TIME);
      for (let i = 0; i < some; i += 1) this.#releaseOne();
      const requests = Array.from({ length: some }, this.#next);
      const start = threadCpuUsage();
      for (const request of requests) this.#place(request);
      elapsedMs += millisecondsSince(start);
    }
    return elapsedMs;
  }

  #releaseOne(): void {
    const at = Math.floor(this.#random() * this.#held.length);
    this.#cluster.release(this.#held[at]!);
    this.#held[at] = this.#held.at(-1)!;
    this.#held.pop();
  }

  #place(request: PlacementRequest): void {
    const placement = this.#cluster.find(request);
    if (!placement) throw new Error(`no place for ${request.replicaId}: ${JSON.stringify(request.spec.resources)}`);
    this.#cluster.hold(request, request.spec, placement);
    this.#held.push(request.replicaId);
  }
}

function millisecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = threadCpuUsage();
  return (user + system - start.user - start.system) / 1_000;
}

/**
 * What this thread has used so far, to the microsecond. Linux counts it by the tick of its clock, some milliseconds, and brings
 * it up to date where a process asks for its own (kernel/sched/cputime.c, thread_group_cputime).
 */
function threadCpuUsage(): NodeJS.CpuUsage {
  process.cpuUsage();
  return process.threadCpuUsage();
}

/** So many leave before so many are placed: few even of the smallest cluster, and enough for the clock. */
const AT_A_TIME = 50;
const GIB = 2 ** 30;
const IMAGES = 40;
const IMAGES_PER_NODE = 5;
/** So many replicas come of each of many services. */
const REPLICAS_PER_SERVICE = 3;

/** 64 cores, 512 GiB, every second node with eight GPUs of 80 GB, the others of 40. */
function simulatedNode(i: number): ObservedNode {
  const [model, gib] = i % 2 === 0 ? (['H100', 80] as const) : (['A100', 40] as const);
  return {
    name: `node-${String(i).padStart(5, '0')}`,
    answering: true,
    silentSince: null,
    leaving: false,
    connection: 'simulated',
    address: '192.0.2.1',
    reach: 'published',
    listedFrom: 0,
    cpus: 64,
    memoryBytes: 512 * GIB,
    reservedCpus: 1,
    reservedMemoryBytes: 2 * GIB,
    devices: Array.from({ length: 8 }, (_, d) => {
      return { id: `nvidia.com/gpu=${d}`, index: `${d}`, driver: 'cdi' as const, model, memoryBytes: gib * GIB };
    }),
    vanished: [],
    labels: { zone: `zone-${i % 3}` },
    images: new Set(Array.from({ length: IMAGES_PER_NODE }, (_, k) => `model-${(i * 7 + k * 13) % IMAGES}:1`)),
    containers: [],
  };
}

/** The forms that services take in turn: shares of a GPU, whole GPUs, some of one model, some without any. */
const FORMS: readonly ((n: number) => Partial<ServiceSpecInput>)[] = [
  n => ({ resources: { cpus: 2, memoryBytes: 8 * GIB, gpu: { exclusive: false, memoryBytes: (3 + (n % 9)) * GIB } } }),
  n => ({ resources: { cpus: 1 + (n % 4), memoryBytes: (1 + (n % 16)) * GIB } }),
  n => ({ resources: { cpus: 4, memoryBytes: 16 * GIB, gpu: { count: 1 + (n % 2), models: ['H100'] } } }),
  n => ({
    resources: { cpus: 0.5, memoryBytes: 2 * GIB, gpu: { exclusive: false, memoryBytes: (5 + (n % 20)) * GIB } },
  }),
  () => ({ resources: { cpus: 1, memoryBytes: 4 * GIB, gpu: {} } }),
  n => ({
    resources: { cpus: 2, memoryBytes: 4 * GIB, gpu: { exclusive: false, memoryBytes: (2 + (n % 5)) * GIB } },
    placement: { spread: ['node.labels.zone'] },
  }),
  n => ({
    resources: { cpus: 1, memoryBytes: 2 * GIB },
    placement: { constraints: [`node.labels.zone == zone-${n % 3}`] },
  }),
];

function ofManyServices(): () => PlacementRequest {
  const kinds = Array.from({ length: 420 }, (_, n) =>
    specOf('service', { image: `model-${n % IMAGES}:1`, ...FORMS[n % FORMS.length]!(n) }),
  );
  let count = 0;
  return () => {
    const service = Math.floor(count / REPLICAS_PER_SERVICE);
    count += 1;
    return { replicaId: `r${count}`, service: `bench/s${service}`, spec: kinds[service % kinds.length]!, createdAt: 0 };
  };
}

function ofOneService(): () => PlacementRequest {
  const spec = specOf('one', {
    resources: { cpus: 1, memoryBytes: 4 * GIB, gpu: { exclusive: false, memoryBytes: 8 * GIB } },
  });
  let count = 0;
  return () => {
    count += 1;
    return { replicaId: `r${count}`, service: 'bench/one', spec, createdAt: 0 };
  };
}

function specOf(name: string, input: Partial<ServiceSpecInput>): ServiceSpec {
  return serviceSpec.parse({ namespace: 'bench', name, image: 'model-0:1', ...input });
}

/** The same numbers in [0, 1) in every run: a linear congruential generator (Numerical Recipes, 7.1). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
