import type { Action } from './core/actions.ts';
import type { Endpoint } from './core/endpoint.ts';
import type { GivenDevice, NodeRecord } from './core/node.ts';
import type {
  DeviceReport,
  ImageState,
  NodePlatform,
  ObservedContainer,
  ObservedDevice,
  ProbeReport,
  Reach,
  RegistryStanding,
} from './core/observed.ts';
import type { Replica } from './core/replica.ts';
import type { Service } from './core/service.ts';
import type { ServiceKey, ServiceSpec } from './core/spec.ts';

/** The seams. Nothing else crosses between the controller and the world. Each has one contract suite in tests/contract. */

/** Where containers run. One Engine speaks to one node. Every method rejects with OutriggerError and honours its signal. */
export interface Engine {
  readonly node: string;
  /**
   * All containers of this instance on the node, and the node's capacity. Read-only. Exited containers come with exit
   * code, OOM flag and last log lines. Rejects with `unavailable` or `timeout` where the engine does not answer.
   */
  observe(signal: AbortSignal): Promise<EngineListing>;
  /** Resolves once the image is present. Idempotent. Progress in bytes over all layers. `image_unavailable` when it can't be had. */
  pull(
    request: Extract<Action, { kind: 'pull' }>,
    onProgress: (state: ImageState) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Creates the container with its networks, volumes and files, not started. Idempotent by name: an existing container
   * of this instance with the same replica id and attempt is adopted; one of an older attempt is a `conflict`. Rejects
   * with `image_unavailable` where the image is gone, `container_rejected` where the engine refuses the options.
   */
  create(request: Extract<Action, { kind: 'create' }>, signal: AbortSignal): Promise<{ containerId: string }>;
  /** Idempotent. `container_rejected` (bad command, missing device driver) and `port_in_use` are final for this attempt. */
  start(containerId: string, signal: AbortSignal): Promise<void>;
  /** Stop signal, then kill after the grace. Resolves when the container no longer runs; one that is gone is success. */
  stop(containerId: string, options: { graceMs: number }, signal: AbortSignal): Promise<void>;
  /** Deletes by immutable id after reading the labels again; refuses a container without this instance's labels. Gone is success. */
  remove(containerId: string, signal: AbortSignal): Promise<void>;
  /**
   * Removes a namespace's networks (this instance's volumes too, when asked) where nothing uses them any more. Networks that
   * another instance made for it go too, so that the last one leaves nothing; never one that Compose or a person made. Idempotent.
   */
  cleanNamespace(namespace: string, options: { volumes: boolean }, signal: AbortSignal): Promise<void>;
  /** Removes this instance's networks of all namespaces where nothing uses them any more: the node is left. Idempotent. */
  removeNetworks(signal: AbortSignal): Promise<void>;
  /** Log lines, oldest first. With follow it goes on until the container ends or the signal fires. */
  logs(containerId: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;
  /**
   * Hints that something changed: calls `wake` for every event about this instance's containers, and once after each
   * (re)connection. Runs until the signal fires; reconnects by itself with back-off; never rejects.
   */
  watch(wake: () => void, signal: AbortSignal): Promise<void>;
  /** The image's content id, or null where it is not there. Used to notice that a tag points to something new. */
  imageId(image: string, signal: AbortSignal): Promise<string | null>;
  /**
   * In words, which networks of the spec would be refused for their subnets, were they made now; one that is there already is
   * used as it is. Read-only, and true for the moment only: `create` looks again.
   */
  subnetTroubles(spec: ServiceSpec, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Asks a running container whether it sees the devices that it was given: `check`, or the vendor's own tool
   * (`nvidia-smi -L`), which also tells those from others.
   * Read-only. A container without that tool, or one that ended meanwhile, is `unknown`. Rejects as observe does.
   */
  checkDevices(
    containerId: string,
    request: { readonly devices: readonly GivenDevice[]; readonly check?: readonly string[] },
    signal: AbortSignal,
  ): Promise<Omit<DeviceReport, 'at'>>;
  /** Reads the devices anew, measured memory included, so that the next `observe` has it. Where nothing can be measured, that is no error. */
  measure(signal: AbortSignal): Promise<void>;
}

/** A node: its engine, and what the operator says of it. */
export interface Member {
  readonly engine: Engine;
  readonly profile: NodeProfile;
  /** Under which it was in use before, where it was renamed while nobody looked, or together with the way to it. */
  readonly formerName?: string;
  /** It was in use before and is not configured any more: it only leaves. */
  readonly leaving?: boolean;
  /** It has never answered yet. */
  readonly untouched?: boolean;
  /** Once nobody speaks to the engine any more. */
  readonly close?: () => void;
}

export interface NodeProfile {
  /** How the engine is reached, as a person writes it: `unix:///var/run/docker.sock`, `ssh://user@host`. */
  readonly connection: string;
  /** Under which published ports are reached. */
  readonly address: string;
  readonly reach: Reach;
  /** On top of the engine's own labels. */
  readonly labels: Readonly<Record<string, string>>;
  readonly reservedCpus: number;
  readonly reservedMemoryBytes: number;
}

/** One Docker Engine on this machine, without any configuration. */
export const LOCAL_PROFILE: NodeProfile = {
  connection: 'local',
  address: '127.0.0.1',
  reach: 'containers',
  labels: {},
  reservedCpus: 0,
  reservedMemoryBytes: 0,
};

export interface EngineListing {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly devices: readonly ObservedDevice[];
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: the engine does not say. */
  readonly platform?: NodePlatform;
  /** References (`name:tag`) of the images that are there. */
  readonly images: ReadonlySet<string>;
  readonly containers: readonly ObservedContainer[];
  /** Why NVIDIA's driver could not be asked the last time, so that the devices are as they were last known; absent: nothing keeps it from being asked. */
  readonly driverTrouble?: string;
}

export interface LogOptions {
  /** Lines from the end; absent: all. */
  readonly tail?: number;
  readonly follow?: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs?: number;
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, as the engine wrote it. */
  readonly timestamp: string;
  readonly text: string;
}

/** Where endpoints are published. Level-triggered: it is told what should be there and converges by itself. */
export interface Registry {
  readonly kind: 'embedded' | 'consul';
  /** Replaces the whole set that should be published. Returns at once; converges in the background, with retries, bounded. */
  publish(endpoints: readonly Endpoint[]): void;
  /** Replica ids that the registry may still hand out: what it was last known to hold. */
  published(): ReadonlySet<string>;
  /** What is known of a replica there. Not heard of the registry yet is not known, so that it may hand the replica out. */
  standing(replicaId: string): RegistryStanding;
  /** Reads back what clients of the registry see. Rejects with `unavailable` where it does not answer. */
  read(service: ServiceKey, signal: AbortSignal): Promise<readonly RegisteredEndpoint[]>;
  status(): RegistryStatus;
  /** Called whenever `published()`, `status()` or a standing changed. */
  onChange(listener: () => void): () => void;
  /** Stops converging; with `withdraw`, first withdraws what it published, within the signal. */
  close(options: { withdraw: boolean }, signal: AbortSignal): Promise<void>;
}

export interface RegisteredEndpoint {
  readonly replicaId: string;
  readonly host: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface RegistryStatus {
  readonly healthy: boolean;
  /** Why not, and what happens meanwhile, in words. */
  readonly message?: string;
}

/** Desired state and intents. What `commit` acknowledged survives any crash. */
export interface Store {
  /** A random id made with the state; containers carry it as a label, and only those are ours. */
  readonly instance: string;
  load(): Promise<StoredState>;
  /** All or nothing, durable when it resolves. `out_of_resources` on a full disk: nothing was changed then. */
  commit(changes: readonly Change[]): Promise<void>;
  /** Newest last. */
  events(query: { service?: ServiceKey; limit: number; afterSequence?: number }): Promise<readonly StoredEvent[]>;
  close(): Promise<void>;
}

export interface StoredState {
  readonly services: readonly Service[];
  readonly replicas: readonly Replica[];
  /** Those of which something is to be known: a drain, a quarantine, the way to them. */
  readonly nodes: readonly NodeRecord[];
  /** Specs of all generations that replicas still refer to, and of the one before the current. */
  readonly generations: readonly {
    readonly service: ServiceKey;
    readonly generation: number;
    readonly spec: ServiceSpec;
  }[];
}

export type Change =
  | { readonly kind: 'put_service'; readonly service: Service }
  | { readonly kind: 'delete_service'; readonly key: ServiceKey }
  | {
      readonly kind: 'put_generation';
      readonly service: ServiceKey;
      readonly generation: number;
      readonly spec: ServiceSpec;
    }
  | { readonly kind: 'delete_generation'; readonly service: ServiceKey; readonly generation: number }
  | { readonly kind: 'put_replica'; readonly replica: Replica }
  | { readonly kind: 'delete_replica'; readonly id: string }
  | { readonly kind: 'put_node'; readonly node: NodeRecord }
  | { readonly kind: 'delete_node'; readonly name: string }
  | { readonly kind: 'event'; readonly event: Event };

/** Something that happened, for people and programs: `outrigger events`, server-sent events. */
export interface Event {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** Absent where it is about a node alone. */
  readonly service?: ServiceKey;
  readonly replicaId?: string;
  readonly node?: string;
  /** A stable word such as `replica.ready`, `replica.backoff`, `service.applied`. */
  readonly type: string;
  readonly message: string;
}
export type StoredEvent = Event & { readonly sequence: number };

/** Probes, warm-up and load of the replicas, wherever they run. Told the whole set; reports changes. On no request's path. */
export interface Sidecar {
  /** Replaces the whole set of containers to look after. Those that stay keep their progress. */
  target(targets: readonly ProbeTarget[]): void;
  /** The newest report of each target, by container id. */
  reports(): ReadonlyMap<string, ProbeReport>;
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export interface ProbeTarget {
  readonly containerId: string;
  readonly replicaId: string;
  readonly service: ServiceKey;
  readonly spec: ServiceSpec;
  /** Candidates for the way from the sidecar to the container; the first that connects is kept. Port is the service's. */
  readonly hosts: readonly { readonly host: string; readonly portOf: Readonly<Record<number, number>> | null }[];
  /** State of Docker's own healthcheck, for checks of kind `container`. */
  readonly containerHealth?: 'starting' | 'healthy' | 'unhealthy';
  /** When the container was started, by the Clock; startup deadlines count from here. */
  readonly startedAt: number;
  /**
   * When the newest answered listing of its node began, by the Clock; null: the node does not answer at present. Absent:
   * the way to the container cannot be cut.
   */
  readonly heardFrom?: number | null;
  /** What is known already, after a restart of ours: a replica that was ready is not started up or warmed again. */
  readonly resume: boolean;
  /** Nobody sends it requests any more: what it still runs decides when it is stopped. */
  readonly withdrawn?: true;
}

/** Milliseconds since the Unix epoch, steady: a step of the wall clock while the process runs does not move it. */
export interface Clock {
  now(): number;
  /** Resolves after the delay; rejects with the signal's reason. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
  /** Calls `ring` once after the delay, unless what it returned was called before. For what waits all the time, and cheaply. */
  alarm(delayMs: number, ring: () => void): () => void;
}

export interface Ids {
  /** 8 lower-case letters and digits, random. */
  replicaId(): string;
}
