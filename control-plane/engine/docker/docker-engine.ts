import { createSteadyClock } from '../../clock.ts';
import type { Action } from '../../core/actions.ts';
import { OutriggerError } from '../../core/errors.ts';
import type { GivenDevice } from '../../core/node.ts';
import type { DeviceReport, ImageState, ObservedDevice } from '../../core/observed.ts';
import { givenDevices } from '../../core/replica.ts';
import type { ServiceSpec } from '../../core/spec.ts';
import type { Clock, Engine, EngineListing, LogLine, LogOptions } from '../../ports.ts';
import { DeviceChecks } from './check-devices.ts';
import type { DockerConnection } from './connection.ts';
import { ContainerListing } from './container-listing.ts';
import { createContainer } from './create-container.ts';
import type { DialGate } from './dial-gate.ts';
import type { DriverInventory } from './driver-inventory.ts';
import { EngineClient, type EngineDeadlines } from './engine-client.ts';
import { findNvidiaHook } from './local-nvidia-smi.ts';
import { readLogs } from './logs.ts';
import { Networks } from './networks.ts';
import { NodeCapacity } from './node-capacity.ts';
import { nodeDriver } from './node-driver.ts';
import { imageId, pullImage } from './pull-image.ts';
import { removeContainer } from './remove-container.ts';
import { startContainer } from './start-container.ts';
import { stopContainer } from './stop-container.ts';
import { Volumes } from './volumes.ts';
import { watchEvents } from './watch-events.ts';

export interface DockerEngineOptions {
  /** The node's name in Outrigger. */
  readonly node: string;
  /** The id of the state that this control plane runs on; only containers labelled with it are touched. */
  readonly instance: string;
  readonly connection: DockerConnection;
  /** Under which the node is reached, where the operator says so. */
  readonly address?: string;
  readonly clock?: Clock;
  readonly deadlines?: Partial<EngineDeadlines>;
  /** Shared by all engines that are reached over ssh; absent: its own. */
  readonly dialGate?: DialGate;
  /** Publish each service's port on this address, for hosts that cannot reach container addresses. */
  readonly publishOn?: string;
  /** The node's devices as the operator states them; then none are discovered. */
  readonly devices?: readonly ObservedDevice[];
  /** Told the ids of stated devices that turned out to be one with an earlier one and do not count, whenever these change. */
  readonly onRepeatedDevices?: (ids: readonly string[]) => void;
  /** Image in which `nvidia-smi` is run, on a node that is not this machine; any with /bin/sh and glibc. */
  readonly gpuProbeImage?: string;
  /** Memory limit of containers whose spec has none; absent: 95 % of the node's memory. 0: no limit. */
  readonly defaultMemoryLimitBytes?: number;
  /**
   * Told which engine answered, before a listing of it counts; throws where that is another node's.
   * `id` is the one that the engine made for itself.
   */
  readonly claim?: (engine: { readonly id: string; readonly hostName: string }) => void;
  /** Where DOCKER_CONFIG and credential helpers are looked up. Absent: this process's environment. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** One Docker Engine, API 1.41 (20.10) and later. */
export class DockerEngine implements Engine {
  readonly node: string;
  readonly #options: DockerEngineOptions;
  readonly #client: EngineClient;
  readonly #clock: Clock;
  readonly #capacity: NodeCapacity;
  readonly #listing: ContainerListing;
  /** When the newest listing began, by performance.now(). */
  #listedFrom = -Infinity;
  /** When the engine had started a container, as it told us, by performance.now(); of the newest few. */
  readonly #startedAt = new Map<string, number>();
  readonly #networks: Networks;
  readonly #volumes: Volumes;
  readonly #driver: DriverInventory | null;
  readonly #deviceChecks: DeviceChecks;
  /** Of those who watch now. */
  readonly #wakes = new Set<() => void>();

  constructor(options: DockerEngineOptions) {
    const { instance, connection } = options;
    this.node = options.node;
    this.#options = options;
    this.#clock = options.clock ?? createSteadyClock();
    this.#client = new EngineClient(connection, options.deadlines, options.dialGate);
    const local = connection.kind === 'unix';
    const engineDevices = () => this.#capacity.engineDevices();
    const driver = nodeDriver(this.#client, { ...options, clock: this.#clock, local, engineDevices });
    this.#driver = driver?.inventory ?? null;
    this.#capacity = new NodeCapacity(this.#client, {
      clock: this.#clock,
      driver,
      handsOverNvidia: async () => local && findNvidiaHook(options.environment),
      onChange: () => {
        for (const wake of this.#wakes) wake();
      },
      ...(options.devices && { devices: options.devices }),
      ...(options.onRepeatedDevices && { onRepeated: options.onRepeatedDevices }),
    });
    this.#deviceChecks = new DeviceChecks(this.#client);
    this.#listing = new ContainerListing(this.#client, { instance, capacity: this.#capacity, clock: this.#clock });
    this.#networks = new Networks(this.#client, instance, options);
    this.#volumes = new Volumes(this.#client, instance);
  }

  async observe(signal: AbortSignal): Promise<EngineListing> {
    this.#listedFrom = performance.now();
    const listing = await this.#listing.observe(signal);
    const identity = this.#capacity.identity();
    if (identity) this.#options.claim?.(identity);
    const trouble = this.driverTrouble;
    return trouble === null ? listing : { ...listing, driverTrouble: trouble };
  }

  async pull(
    request: Extract<Action, { kind: 'pull' }>,
    onProgress: (state: ImageState) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { environment } = this.#options;
    await this.#beOwn(signal);
    try {
      await pullImage(this.#client, request, {
        onProgress,
        clock: this.#clock,
        signal,
        ...(environment && { environment }),
      });
    } catch (error) {
      // What is believed to be there may have led here.
      this.#capacity.forgetImages();
      throw error;
    }
  }

  async create(request: Extract<Action, { kind: 'create' }>, signal: AbortSignal): Promise<{ containerId: string }> {
    const { instance, publishOn, defaultMemoryLimitBytes } = this.#options;
    await this.#beOwn(signal);
    const { memoryBytes } = await this.#capacity.read(signal);
    const deviceNames = await this.#capacity.namesOf(givenDevices(request.placement), signal);
    return createContainer(
      { client: this.#client, networks: this.#networks, volumes: this.#volumes },
      request,
      {
        instance,
        deviceNames,
        defaultMemoryLimitBytes: defaultMemoryLimitBytes ?? Math.floor(memoryBytes * DEFAULT_MEMORY_SHARE),
        ...(publishOn !== undefined && { publishOn }),
      },
      signal,
    );
  }

  async start(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#beOwn(signal);
    await startContainer(this.#client, this.#networks, immutableId(containerId), signal);
    if (this.#startedAt.size >= MOST_STARTS) this.#startedAt.clear();
    this.#startedAt.set(containerId, performance.now());
  }

  async stop(containerId: string, options: { graceMs: number }, signal: AbortSignal): Promise<void> {
    await this.#beOwn(signal);
    await stopContainer(this.#client, immutableId(containerId), options, signal);
  }

  async remove(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#beOwn(signal);
    await removeContainer(
      this.#client,
      { containerId: immutableId(containerId), instance: this.#options.instance },
      signal,
    );
  }

  async cleanNamespace(namespace: string, options: { volumes: boolean }, signal: AbortSignal): Promise<void> {
    await this.#beOwn(signal);
    await this.#networks.clean(namespace, signal);
    if (options.volumes) await this.#volumes.clean(namespace, signal);
  }

  async removeNetworks(signal: AbortSignal): Promise<void> {
    await this.#beOwn(signal);
    await this.#networks.clean(null, signal);
  }

  logs(containerId: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine> {
    return readLogs(this.#client, immutableId(containerId), options, signal);
  }

  async watch(wake: () => void, signal: AbortSignal): Promise<void> {
    const handlers = {
      wake,
      onContainer: (id: string, action: string, at: number | undefined) => {
        // Another start of it would not be ours.
        if (action === 'die') this.#startedAt.delete(id);
        this.#listing.noteEvent(id, action, at);
      },
      startedAt: (id: string) => this.#startedAt.get(id),
      isListedSince: (at: number) => this.#listedFrom >= at,
      onImage: () => this.#capacity.forgetImages(),
      onConnect: () => {
        this.#networks.forget();
        this.#volumes.forget();
        this.#capacity.forget();
      },
    };
    this.#wakes.add(wake);
    await watchEvents(this.#client, this.#options.instance, handlers, signal);
    this.#wakes.delete(wake);
  }

  subnetTroubles(spec: ServiceSpec, signal: AbortSignal): Promise<readonly string[]> {
    return this.#networks.subnetTroubles(spec, signal);
  }

  imageId(image: string, signal: AbortSignal): Promise<string | null> {
    return imageId(this.#client, image, signal);
  }

  checkDevices(
    containerId: string,
    request: { readonly devices: readonly GivenDevice[]; readonly check?: readonly string[] },
    signal: AbortSignal,
  ): Promise<Omit<DeviceReport, 'at'>> {
    return this.#deviceChecks.ask(immutableId(containerId), request, signal);
  }

  measure(signal: AbortSignal): Promise<void> {
    return this.#capacity.measure(signal);
  }

  /** Why NVIDIA's driver could not be asked the last time; null: it could, or nothing leads to it. */
  get driverTrouble(): string | null {
    return this.#driver?.trouble ?? null;
  }

  /**
   * Rejects before anything is changed on an engine that is not this node's: there a container would be started that
   * nobody looks after, and one that is not found would count as ended.
   */
  async #beOwn(signal: AbortSignal): Promise<void> {
    const { claim } = this.#options;
    const identity = claim && (await this.#capacity.identify(signal));
    if (!identity) return;
    try {
      claim(identity);
    } catch (cause) {
      const { message, next } = cause as OutriggerError;
      throw new OutriggerError('unavailable', message, { cause, ...(next !== undefined && { next }) });
    }
  }

  /** Closes idle connections. Calls under way end by their own deadlines. */
  close(): void {
    this.#driver?.close();
    this.#client.close();
  }
}

export function createDockerEngine(options: DockerEngineOptions): DockerEngine {
  return new DockerEngine(options);
}

const MOST_STARTS = 1_000;
/** Leaves the system itself something, so that a replica without a limit is killed before the node is. */
const DEFAULT_MEMORY_SHARE = 0.95;

/** A name could come to mean another container between two calls. */
function immutableId(containerId: string): string {
  if (/^[0-9a-f]{64}$/.test(containerId)) return containerId;
  throw new OutriggerError('invalid_argument', `"${containerId}" is no container id: expected 64 hexadecimal digits`);
}
