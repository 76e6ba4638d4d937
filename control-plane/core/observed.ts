import type { ErrorCode } from './errors.ts';
import type { ServiceKey } from './spec.ts';

/** What the controller sees of the world at one moment. Everything here is a report; nothing of it is a wish. */
export interface Observed {
  readonly nodes: ReadonlyMap<string, ObservedNode>;
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeReport>;
  /** By imageKey. */
  readonly images: ReadonlyMap<string, ImageState>;
  /** What running containers last said of the devices they were given, by container id. */
  readonly deviceReports: ReadonlyMap<string, DeviceReport>;
  /** What became of the effects that were asked for, by actionKey. */
  readonly effects: ReadonlyMap<string, EffectState>;
  /** Replica ids that every watcher and the registry have confirmed to have left. */
  readonly withdrawn: (service: ServiceKey, replicaId: string) => boolean;
  /** What is known of a replica's place in the registry. */
  readonly standing: (replicaId: string) => RegistryStanding;
}

/** A replica in the registry, as those see it who ask the registry itself and are heard of by nobody. */
export interface RegistryStanding {
  /** The registry hands it out, or said that it never will: nothing more is to be waited for. */
  readonly announced: boolean;
  /** False: it may hand it out, and does not answer, so that it would go on with that. */
  readonly withdrawable: boolean;
  /** By the Clock, since when it is known not to hand it out; negative infinity: it never did. Null: it may. */
  readonly letGoAt: number | null;
}

/**
 * One effect's state. `settled` holds until a listing that began later has shown its result; `failed` holds until the
 * effect is begun again. `queued`: it was asked for, and as much is under way on its node as may be. `firstAt`, by the Clock:
 * when the first of its tries in a row was begun, as far as that is remembered. `heardAt`, of a stop: when its node
 * first heard of it; absent while that is in doubt.
 */
export type EffectState =
  | { readonly kind: 'queued' }
  | { readonly kind: 'under_way'; readonly firstAt?: number; readonly heardAt?: number }
  | {
      readonly kind: 'settled';
      readonly at: number;
      readonly firstAt?: number;
      readonly heardAt?: number;
      readonly containerId?: string;
    }
  | {
      readonly kind: 'failed';
      readonly at: number;
      readonly firstAt?: number;
      readonly heardAt?: number;
      readonly code: ErrorCode;
      readonly message: string;
      /** Not to be begun again before; grows with each failure in a row. */
      readonly notBefore: number;
      /** Whoever refused it says that it stays so until a person does something about it. */
      readonly isForGood?: true;
    };

/** A node as it was last listed. Where its engine does not answer, nobody is stopped for that. */
export type ObservedNode = ListedNode & NodeAnswer;

/** Whether the engine answered its last question. */
export type NodeAnswer =
  | { readonly answering: true; readonly silentSince: null; readonly error?: never; readonly next?: never }
  | {
      readonly answering: false;
      /** By the Clock. */
      readonly silentSince: number;
      readonly error: string;
      /** What a person does about the error. */
      readonly next?: string;
    };

export interface ListedNode {
  readonly name: string;
  /** By the Clock: since when it answers, or answered the last time. Absent: it never did in this life of ours. */
  readonly answeringSince?: number;
  /** It has never answered yet, in no life of ours: nothing of ours is there. */
  readonly untouched?: boolean;
  /** It is not configured any more: its replicas move away, and what cannot be reached is forgotten. */
  readonly leaving: boolean;
  /** How its engine is reached, as a person writes it. */
  readonly connection: string;
  /** Under which its published ports are reached: a host name or an IP address. */
  readonly address: string;
  /** Whether clients elsewhere reach the containers' own addresses, or published ports only. */
  readonly reach: Reach;
  /** When the listing below began and ended, by the Clock; a container that we learnt of after `listedFrom` may be missing in it. */
  readonly listedFrom: number;
  /** All that the engine has, and what of it the operator keeps back from replicas. */
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly reservedCpus: number;
  readonly reservedMemoryBytes: number;
  readonly devices: readonly ObservedDevice[];
  /** Why NVIDIA's driver could not be asked the last time: `devices` are as they were last known, or known by name alone. */
  readonly driverTrouble?: string;
  /** Listed before and not any more. What holds one goes on; nobody is given it. */
  readonly vanished: readonly ObservedDevice[];
  /** The engine's and the operator's. */
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: its engine did not say. */
  readonly platform?: NodePlatform;
  /** References (`name:tag`) of the images that are there; a hint for placement. */
  readonly images: ReadonlySet<string>;
  readonly containers: readonly ObservedContainer[];
  /** Ids of the containers that this engine listed before and does not any more, of the newest few. Absent: none. */
  readonly removed?: ReadonlySet<string>;
}

/** In the engine's own words, as Swarm takes them too: `linux`, and `x86_64` or `aarch64` (not `amd64`, `arm64`). */
export interface NodePlatform {
  readonly os: string;
  readonly architecture: string;
}

export type Reach = 'containers' | 'published';

export interface ObservedDevice {
  /** The id to request it by: a CDI name (`nvidia.com/gpu=0`) or an NVIDIA UUID. */
  readonly id: string;
  readonly driver: 'cdi' | 'nvidia';
  /** The driver's number for it: `0`; of a MIG slice `0:1`. */
  readonly index?: string;
  readonly uuid?: string;
  readonly model?: string;
  readonly memoryBytes?: number;
  /** A MIG slice: the UUID or id of its device, and its profile such as `1g.10gb`. */
  readonly slice?: { readonly of: string; readonly profile: string };
  /** What the driver last measured, over all processes; `at` by the Clock. Absent where it cannot be read. */
  readonly measured?: { readonly usedBytes: number; readonly freeBytes: number; readonly at: number };
}

/** Whether a container still sees its devices. `unknown`: it has nothing to ask with, which speaks for neither. */
export interface DeviceReport {
  readonly kind: 'sees' | 'lost' | 'unknown';
  /** The service's own check says so, and has never said anything else in this container: it may be the check that is wrong. */
  readonly unproven?: true;
  /** What it saw instead. */
  readonly message: string;
  readonly at: number;
}

/** A container that carries this instance's labels. */
export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly replicaId: string;
  readonly service: ServiceKey;
  readonly generation: number;
  readonly attempt: number;
  readonly image: string;
  readonly state: 'created' | 'running' | 'exited';
  /** State of Docker's own healthcheck; absent without one. */
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  readonly startedAt?: number;
  readonly addresses: readonly NetworkAddress[];
  readonly publishedPorts: readonly PublishedAddress[];
  /** Present once state is `exited`. */
  readonly exit?: ContainerExit;
}

export interface NetworkAddress {
  readonly network: string;
  readonly ip: string;
}

export interface PublishedAddress {
  readonly containerPort: number;
  readonly hostIp: string;
  readonly hostPort: number;
  readonly protocol: 'tcp' | 'udp';
}

export interface ContainerExit {
  readonly code: number;
  readonly oomKilled: boolean;
  /** The engine's own words, such as why a start failed; empty mostly. */
  readonly error: string;
  /** Last lines of stdout and stderr, oldest first, at most 20. */
  readonly logTail: readonly string[];
}

/** What the sidecar says about one container. */
export interface ProbeReport {
  readonly containerId: string;
  /** `passed` stays passed for the life of the container. */
  readonly startup: 'pending' | 'passed' | 'failed';
  readonly warmup: 'pending' | 'done' | 'failed';
  readonly readiness: 'unknown' | 'passing' | 'failing';
  readonly liveness: 'unknown' | 'passing' | 'failing';
  /** Since when liveness is failing, by the Clock. */
  readonly notAliveSince?: number;
  /** Since when a failure of liveness waits for its node to be heard: it counts only then. */
  readonly doubtedSince?: number;
  /** The last failure in words, for `ps` and `inspect`. */
  readonly message?: string;
  /** What the replica last said of its load, where it says anything; `at` by the Clock. */
  readonly load?: {
    readonly inFlight: number;
    readonly at: number;
    /**
     * Since when every reading said that nothing is in flight, and none counted a request that the one before had not; null:
     * something is. Absent: it counts no requests, so that nobody knows what came between two readings.
     */
    readonly idleSince?: number | null;
  };
  /** It was not asked for its load yet. Absent: it was, and without `load` it tells none. */
  readonly loadUnread?: true;
}

export type ImageState =
  /** `at`: when it was last made sure of. */
  | { readonly kind: 'present'; readonly at: number }
  | { readonly kind: 'pulling'; readonly receivedBytes: number; readonly totalBytes: number }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly at: number };

/** Policies and platforms apart: what one of them fails to get, another may have. */
export function imageKey(pull: { node: string; image: string; policy: string; platform?: string }): string {
  return `${pull.node} ${pull.policy} ${pull.platform ?? 'any'} ${pull.image}`;
}

/** What an imageKey is about: no name of a node, policy or platform has a space. */
export function partsOf(key: string): { readonly node: string; readonly image: string } {
  const [node = '', , , ...image] = key.split(' ');
  return { node, image: image.join(' ') };
}
