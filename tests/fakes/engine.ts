import type { Action } from '../../control-plane/core/actions.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type {
  ContainerExit,
  DeviceReport,
  ImageState,
  ObservedContainer,
  ObservedDevice,
} from '../../control-plane/core/observed.ts';
import { type ServiceSpec, serviceKey } from '../../control-plane/core/spec.ts';
import type { Clock, Engine, EngineListing, LogLine, LogOptions } from '../../control-plane/ports.ts';
import { type Behaviour, behaviourOf } from './engine-behaviour.ts';
import { type FakeContainer, FakeNode } from './engine-node.ts';

type CreateRequest = Extract<Action, { kind: 'create' }>;
type PullRequest = Extract<Action, { kind: 'pull' }>;
export type EngineMethod =
  | 'observe'
  | 'pull'
  | 'create'
  | 'start'
  | 'stop'
  | 'remove'
  | 'cleanNamespace'
  | 'removeNetworks'
  | 'logs'
  | 'checkDevices'
  | 'measure'
  | 'imageId'
  | 'subnetTroubles';

/** What goes wrong with one call. */
export type EngineFault =
  /** Nothing happens, and the caller is told so. */
  | { readonly kind: 'error'; readonly error: OutriggerError }
  /** It happens, and the caller sees the connection break: a create that "failed" and did create. */
  | { readonly kind: 'break_after_commit' }
  /** Nothing happens, and there is no answer until the caller's deadline. */
  | { readonly kind: 'hang' }
  /** It happens, and there is no answer until the caller's deadline. */
  | { readonly kind: 'hang_after_commit' }
  | { readonly kind: 'slow'; readonly byMs: number };

export interface FakeEngineOptions {
  readonly clock: Clock;
  readonly node?: string;
  readonly instance?: string;
  /** Shared by several engines: several control planes on one node. */
  readonly on?: FakeNode;
  readonly cpus?: number;
  readonly memoryBytes?: number;
  /** To begin with; `machine.setDevices` changes them. */
  readonly devices?: readonly ObservedDevice[];
  /** What a container does; by default its command says it (engine-behaviour.ts). */
  readonly behaviour?: (container: FakeContainer) => Behaviour;
  /** How long each call takes. */
  readonly latencyMs?: number;
  /** When a call without an answer is given up, as the real one does by itself. */
  readonly deadlineMs?: number;
  readonly publishOn?: string;
}

/**
 * An engine in memory that passes the real one's contract and can do what the real one was seen to do. All waiting is
 * the Clock's; nothing is random; ids, addresses and ports count. Tests act on it through `node`'s containers (`exit`,
 * `vanish`, `changePorts`), through faults of single calls, and by taking the whole daemon down or letting it hang.
 */
export class FakeEngine implements Engine {
  readonly node: string;
  readonly instance: string;
  readonly machine: FakeNode;
  /** Every call that arrived, oldest first. */
  readonly calls: { readonly method: EngineMethod; readonly at: number; readonly subject: string }[] = [];
  /** Events go nowhere while this is set; a reconnection still wakes. */
  loseEvents = false;
  readonly #options: FakeEngineOptions;
  readonly #clock: Clock;
  readonly #faults = new Map<EngineMethod, EngineFault[]>();
  /** The last look at the driver, kept for as long as the real one keeps it. */
  #looked: { readonly at: number; readonly usedBytes: ReadonlyMap<string, number> } | null = null;

  constructor(options: FakeEngineOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.node = options.node ?? 'local';
    this.instance = options.instance ?? 'test';
    this.machine = options.on ?? new FakeNode(options.clock, this.node);
    if (options.devices) this.machine.setDevices(options.devices);
  }

  /** The next call of the method goes wrong in this way; several are used up in order. */
  failNext(method: EngineMethod, ...faults: EngineFault[]): void {
    const queue = this.#faults.get(method) ?? [];
    queue.push(...faults);
    this.#faults.set(method, queue);
  }

  /** Faults that no call has met yet. */
  get faultsLeft(): number {
    return [...this.#faults.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  async observe(signal: AbortSignal): Promise<EngineListing> {
    return this.#call('observe', '', signal, () => ({
      cpus: this.#options.cpus ?? 8,
      memoryBytes: this.#options.memoryBytes ?? 32 * 1024 ** 3,
      devices: this.#devices(),
      labels: {},
      platform: { os: 'linux', architecture: 'x86_64' },
      images: new Set(this.machine.images.keys()),
      containers: [...this.machine.containers.values()]
        .filter(({ instance }) => instance === this.instance)
        .map(observedFrom),
    }));
  }

  /** A check that is `true` or `false` says it in words; any other finds what the container's `sight` is. */
  async checkDevices(
    containerId: string,
    request: { readonly check?: readonly string[] },
    signal: AbortSignal,
  ): Promise<Omit<DeviceReport, 'at'>> {
    return this.#call('checkDevices', containerId, signal, () => {
      const container = this.machine.containers.get(containerId);
      if (container?.state !== 'running') return { kind: 'unknown' as const, message: 'the container does not run' };
      switch (request.check?.[0]) {
        case 'true':
          return { kind: 'sees' as const, message: '' };
        case 'false':
          return { kind: 'lost' as const, message: 'false ended with 1: it printed nothing' };
        default:
          return container.sight;
      }
    });
  }

  async measure(signal: AbortSignal): Promise<void> {
    return this.#call('measure', '', signal, () => {
      this.#looked = null;
    });
  }

  async pull(request: PullRequest, onProgress: (state: ImageState) => void, signal: AbortSignal): Promise<void> {
    const { image, policy } = request;
    const outcome = await this.#call('pull', image, signal, () => {
      if (this.machine.images.has(image) && policy !== 'always') return null;
      const remote = policy === 'never' ? undefined : this.machine.remoteImages.get(image);
      if (!remote) throw new OutriggerError('image_unavailable', `pulling image ${image}: there is no such image`);
      return remote;
    });
    if (!outcome) return;
    for (let received = 0; received <= outcome.bytes; received += Math.max(1, Math.ceil(outcome.bytes / 4))) {
      onProgress({ kind: 'pulling', receivedBytes: received, totalBytes: outcome.bytes });
      await this.#sleep(outcome.durationMs / 4, `pulling image ${image}`, signal);
    }
    this.machine.images.set(image, outcome.id);
  }

  async create(request: CreateRequest, signal: AbortSignal): Promise<{ containerId: string }> {
    return this.#call('create', request.containerName, signal, () => {
      const { spec, containerName: name } = request;
      const existing = this.machine.named(name);
      if (existing) return { containerId: this.#adopt(existing, request).id };
      if (!this.machine.images.has(spec.image)) {
        throw new OutriggerError('image_unavailable', `creating container ${name}: No such image: ${spec.image}`);
      }
      const [covered] = this.machine.coveredSubnets(spec);
      if (covered !== undefined) throw new OutriggerError('invalid_argument', covered);
      const container = this.machine.add({ request, instance: this.instance, publishOn: this.#options.publishOn });
      this.#emit();
      return { containerId: container.id };
    });
  }

  async start(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call('start', containerId, signal, () => {
      const container = this.machine.containers.get(containerId);
      if (!container) throw new OutriggerError('not_found', `starting container ${containerId}: no such container`);
      if (container.state === 'running') return;
      const behaviour = (this.#options.behaviour ?? behaviourOf)(container);
      if (behaviour.refusesStart) {
        const { code, message } = behaviour.refusesStart;
        throw new OutriggerError(code, `starting container ${container.name}: ${message}`);
      }
      const known = new Set(this.machine.devices.map(({ id }) => id));
      const missing = container.request.placement.devices.find(id => !known.has(id));
      if (missing !== undefined) {
        throw new OutriggerError('container_rejected', `could not select device driver for ${missing}`);
      }
      this.machine.start(container, behaviour);
    });
  }

  async stop(containerId: string, options: { graceMs: number }, signal: AbortSignal): Promise<void> {
    const container = await this.#call('stop', containerId, signal, () => this.machine.containers.get(containerId));
    if (container?.state !== 'running') return;
    const behaviour = (this.#options.behaviour ?? behaviourOf)(container);
    const graceful = behaviour.stopMs !== null && behaviour.stopMs <= options.graceMs;
    const takesMs = graceful ? (behaviour.stopMs as number) : options.graceMs;
    const code = graceful ? behaviour.stopCode : 137;
    // Once the engine has the request it goes through with it, whether or not the caller still listens.
    const ended = this.#clock.sleep(takesMs, new AbortController().signal).then(() => {
      if (container.state === 'running') this.machine.exit(container.id, { code });
    });
    if (takesMs === 0) await ended;
    else await Promise.race([ended, this.#aborted(`stopping container ${containerId}`, signal)]);
  }

  async remove(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call('remove', containerId, signal, () => {
      const container = this.machine.containers.get(containerId);
      if (!container) return;
      if (container.instance !== this.instance) {
        throw new OutriggerError('denied', `Container ${containerId} is not of this control plane; it stays`);
      }
      if (container.state === 'running') {
        throw new OutriggerError('conflict', `removing container ${containerId}: it is running`);
      }
      this.machine.vanish(containerId);
    });
  }

  async cleanNamespace(namespace: string, options: { volumes: boolean }, signal: AbortSignal): Promise<void> {
    await this.#call('cleanNamespace', namespace, signal, () => {
      this.machine.clean(this.instance, namespace, options);
    });
  }

  async removeNetworks(signal: AbortSignal): Promise<void> {
    await this.#call('removeNetworks', this.node, signal, () => {
      this.machine.clean(this.instance, null, { volumes: false });
    });
  }

  async *logs(containerId: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine> {
    const container = await this.#call('logs', containerId, signal, () => this.machine.containers.get(containerId));
    if (!container) throw new OutriggerError('not_found', `reading the log of ${containerId}: no such container`);
    const { epoch } = this.machine;
    let seen = container.log.length;
    const since = options.sinceMs ?? 0;
    const past = container.log.filter(line => Date.parse(line.timestamp) >= since);
    yield* options.tail === undefined ? past : past.slice(Math.max(0, past.length - options.tail));
    while (options.follow && !signal.aborted) {
      if (this.machine.daemon === 'down' || this.machine.epoch !== epoch) {
        throw new OutriggerError('unavailable', `The engine at fake://${this.node} closed the connection`);
      }
      while (seen < container.log.length) yield container.log[seen++] as LogLine;
      if (container.state !== 'running') return;
      await this.machine.changed(signal);
    }
  }

  async watch(wake: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.machine.daemon === 'running') queueMicrotask(() => !signal.aborted && wake());
      const { epoch } = this.machine;
      while (!signal.aborted && this.machine.epoch === epoch) {
        await this.machine.changed(signal);
        if (!signal.aborted && this.machine.daemon === 'running' && this.machine.epoch === epoch && !this.loseEvents)
          wake();
      }
    }
  }

  async subnetTroubles(spec: ServiceSpec, signal: AbortSignal): Promise<readonly string[]> {
    return this.#call('subnetTroubles', serviceKey(spec), signal, () => this.machine.coveredSubnets(spec));
  }

  async imageId(image: string, signal: AbortSignal): Promise<string | null> {
    return this.#call('imageId', image, signal, () => this.machine.images.get(image) ?? null);
  }

  #devices(): readonly ObservedDevice[] {
    const now = this.#clock.now();
    const known = this.#looked?.usedBytes;
    // Other names may be other devices, so the driver is asked anew.
    const isRenamed = this.machine.devices.some(({ id }) => this.machine.usedBytes.has(id) && !known?.has(id));
    if (!this.#looked || isRenamed || now - this.#looked.at >= LOOK_AGAIN_MS) {
      this.#looked = { at: now, usedBytes: new Map(this.machine.usedBytes) };
    }
    const { at, usedBytes } = this.#looked;
    return this.machine.devices.map(device => {
      const used = usedBytes.get(device.id);
      if (used === undefined) return device;
      const freeBytes = Math.max(0, (device.memoryBytes ?? used) - used);
      return { ...device, measured: { usedBytes: used, freeBytes, at } };
    });
  }

  #adopt(existing: FakeContainer, { containerName, replicaId, attempt }: CreateRequest): FakeContainer {
    if (existing.instance !== this.instance) {
      throw new OutriggerError(
        'conflict',
        `The name ${containerName} belongs to a container that is not of this control plane`,
        {
          retryable: false,
        },
      );
    }
    if (existing.request.replicaId !== replicaId || existing.request.attempt !== attempt) {
      throw new OutriggerError(
        'conflict',
        `The name ${containerName} still belongs to attempt ${existing.request.attempt}`,
        {
          details: { containerId: existing.id },
        },
      );
    }
    return existing;
  }

  async #call<T>(method: EngineMethod, subject: string, signal: AbortSignal, effect: () => T): Promise<T> {
    const doing = `${method} ${subject}`.trim();
    this.calls.push({ method, at: this.#clock.now(), subject });
    const fault = this.#faults.get(method)?.shift();
    if (signal.aborted) throw givenUp(doing, signal);
    if (fault?.kind === 'hang') await this.#noAnswer(doing, signal);
    if (this.machine.daemon === 'hung') return this.#whileHung(doing, signal, effect);
    await this.#sleep((this.#options.latencyMs ?? 0) + (fault?.kind === 'slow' ? fault.byMs : 0), doing, signal);
    if (this.machine.daemon === 'down')
      throw new OutriggerError('unavailable', `Docker is not running at fake://${this.node}`);
    if (fault?.kind === 'error') throw fault.error;
    const result = effect();
    if (fault?.kind === 'break_after_commit') {
      throw new OutriggerError('unavailable', `The engine at fake://${this.node} closed the connection`);
    }
    if (fault?.kind === 'hang_after_commit') await this.#noAnswer(doing, signal);
    return result;
  }

  /** The request lies in the daemon's queue: it is carried out when the daemon comes to itself, given up or not. */
  async #whileHung<T>(doing: string, signal: AbortSignal, effect: () => T): Promise<T> {
    const carriedOut = this.machine.whenAwake().then(effect);
    carriedOut.catch(() => {});
    return Promise.race([carriedOut, this.#noAnswer(doing, signal)]);
  }

  async #noAnswer(doing: string, signal: AbortSignal): Promise<never> {
    await this.#sleep(this.#options.deadlineMs ?? 10_000, doing, signal);
    throw new OutriggerError('timeout', `${doing}: the engine at fake://${this.node} did not answer`);
  }

  async #sleep(delayMs: number, doing: string, signal: AbortSignal): Promise<void> {
    if (delayMs <= 0) return;
    await this.#clock.sleep(delayMs, signal).catch(() => {
      throw givenUp(doing, signal);
    });
  }

  #aborted(doing: string, signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const onAbort = () => reject(givenUp(doing, signal));
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #emit(): void {
    this.machine.notify();
  }
}

const LOOK_AGAIN_MS = 30_000;

function observedFrom(container: FakeContainer): ObservedContainer {
  const { request } = container;
  return {
    id: container.id,
    name: container.name,
    replicaId: request.replicaId,
    service: serviceKey(request.spec),
    generation: request.generation,
    attempt: request.attempt,
    image: request.spec.image,
    state: container.state,
    addresses: container.state === 'running' ? [...container.addresses] : [],
    publishedPorts: container.state === 'running' ? [...container.publishedPorts] : [],
    ...(container.state === 'running' && container.health && { health: container.health }),
    ...(container.state === 'running' && container.startedAt !== null && { startedAt: container.startedAt }),
    ...(container.state === 'exited' && { exit: container.exit as ContainerExit }),
  };
}

function givenUp(doing: string, signal: AbortSignal): OutriggerError {
  if (signal.reason instanceof OutriggerError) return signal.reason;
  return new OutriggerError('timeout', `${doing} was given up before it ended`, { cause: signal.reason });
}
