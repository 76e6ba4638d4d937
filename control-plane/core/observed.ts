import type { ErrorCode } from './errors.ts';

/** What the controller sees of the world at one moment. Everything here is a report; nothing of it is a wish. */
export interface Observed {
  readonly nodes: ReadonlyMap<string, ObservedNode>;
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeReport>;
  /** By imageKey. */
  readonly images: ReadonlyMap<string, ImageState>;
  /** What became of the effects that were asked for, by actionKey. */
  readonly effects: ReadonlyMap<string, EffectState>;
  /** Replica ids that every watcher and the registry have confirmed to have left. */
  readonly withdrawn: (service: string, replicaId: string) => boolean;
}

/**
 * One effect's state. `settled` holds until a listing that began later has shown its result; `failed` holds until the
 * effect is begun again.
 */
export type EffectState =
  | { readonly kind: 'under_way' }
  | { readonly kind: 'settled'; readonly at: number; readonly containerId?: string }
  | {
      readonly kind: 'failed';
      readonly at: number;
      readonly code: ErrorCode;
      readonly message: string;
      /** Not to be begun again before; grows with each failure in a row. */
      readonly notBefore: number;
    };

export interface ObservedNode {
  readonly name: string;
  /** The engine answered its last question. False: containers below are the last that were seen; nobody is stopped for it. */
  readonly answering: boolean;
  readonly error?: string;
  /** What a person does about the error. */
  readonly next?: string;
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
  /** What the replica last said of its load, where it says anything; `at` by the Clock. */
  readonly load?: { readonly inFlight: number; readonly at: number };
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
