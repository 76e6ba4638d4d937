import type { ErrorCode } from './errors.ts';

/** What the controller sees of the world at one moment. Everything here is a report; nothing of it is a wish. */
export interface Observed {
  readonly nodes: ReadonlyMap<string, ObservedNode>;
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeReport>;
  /** By `${node} ${image}`. */
  readonly images: ReadonlyMap<string, ImageState>;
  /** Keys of effects that were begun and have not settled (actions.ts: `actionKey`). */
  readonly inFlight: ReadonlySet<string>;
  /** Effects that settled since the last pass, each seen by exactly one pass. */
  readonly outcomes: readonly Outcome[];
  /** Replica ids whose withdrawal every watcher and the registry have confirmed. */
  readonly withdrawn: ReadonlySet<string>;
}

export interface ObservedNode {
  readonly name: string;
  /** The engine answered its last question. False: containers below are the last that were seen; nobody is stopped for it. */
  readonly answering: boolean;
  readonly error?: string;
  /** When the listing below began and ended, by the Clock; a container that we learnt of after `listedFrom` may be missing in it. */
  readonly listedFrom: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly devices: readonly ObservedDevice[];
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly ObservedContainer[];
}

export interface ObservedDevice {
  /** The id to request it by: a CDI name (`nvidia.com/gpu=0`) or an NVIDIA index or UUID. */
  readonly id: string;
  readonly driver: 'cdi' | 'nvidia';
  readonly model?: string;
  readonly memoryBytes?: number;
}

/** A container that carries this instance's labels. */
export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly replicaId: string;
  readonly service: string;
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
  /** The last failure in words, for `ps` and `inspect`. */
  readonly message?: string;
  /** Requests that run in the replica now, where it reports its load. */
  readonly inFlight?: number;
}

export type ImageState =
  | { readonly kind: 'present' }
  | { readonly kind: 'pulling'; readonly receivedBytes: number; readonly totalBytes: number }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly at: number };

export type Outcome =
  | {
      readonly kind: 'created';
      readonly replicaId: string;
      readonly attempt: number;
      readonly containerId: string;
      readonly at: number;
    }
  | {
      readonly kind: 'effect_failed';
      readonly effect: 'create' | 'start' | 'stop' | 'remove';
      readonly replicaId: string;
      readonly attempt: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly at: number;
    }
  | {
      readonly kind: 'settled';
      readonly effect: 'start' | 'stop' | 'remove';
      readonly replicaId: string;
      readonly containerId: string;
      readonly at: number;
    };
