import type { EndpointAddress } from './core/endpoint.ts';
import type { PhaseKind } from './core/replica.ts';

/**
 * What the control plane shows of itself. The HTTP API sends these as JSON; the gRPC API sends the messages of the same
 * names in proto/outrigger/v1, field by field. Times are milliseconds since the Unix epoch; an absent optional field
 * does not apply.
 */
export interface ServiceView {
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly image: string;
  readonly protocol: 'grpc' | 'http' | 'tcp';
  readonly port?: number;
  readonly wantedReplicas: number;
  readonly readyReplicas: number;
  readonly state: ServiceState;
  readonly message: string;
  readonly deleting: boolean;
  readonly origin: string;
  readonly acceptedAtMs: number;
  readonly replicas: readonly ReplicaView[];
  /** The last update, where it failed: which generation, why, and whether the one before runs again. */
  readonly failedRollout?: FailedRolloutView;
  /** The accepted spec; what is secret in it, by its name, is masked. */
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface FailedRolloutView {
  readonly generation: number;
  readonly rolledBack: boolean;
  readonly message: string;
  readonly exitCode?: number;
  readonly logTail: readonly string[];
}

/**
 * starting: not enough replicas were ready yet in this generation; ready: as wanted; updating: a new generation is on
 * its way in; degraded: fewer ready than wanted, being mended; failed: gave up, see message; deleting: on its way out.
 */
export type ServiceState = 'starting' | 'ready' | 'updating' | 'degraded' | 'failed' | 'deleting';

export interface ReplicaView {
  readonly id: string;
  readonly generation: number;
  /** Of this replica's generation; during an update it differs from the service's. */
  readonly image: string;
  readonly phase: PhaseKind;
  readonly sinceMs: number;
  readonly message: string;
  readonly node?: string;
  readonly devices: readonly string[];
  readonly containerId?: string;
  readonly containerName: string;
  readonly attempt: number;
  readonly impaired: boolean;
  readonly retryAtMs?: number;
  readonly exitCode?: number;
  readonly logTail: readonly string[];
  readonly addresses: readonly EndpointAddress[];
  readonly pulledBytes?: number;
  readonly pullTotalBytes?: number;
  readonly createdAtMs: number;
  readonly timings: readonly { readonly phase: PhaseKind; readonly enteredAtMs: number }[];
}

export interface NodeView {
  readonly name: string;
  readonly answering: boolean;
  readonly error?: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly reservedCpus: number;
  readonly reservedMemoryBytes: number;
  readonly devices: readonly {
    readonly id: string;
    readonly driver: string;
    readonly model?: string;
    readonly memoryBytes?: number;
    readonly heldBy?: string;
  }[];
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface StatusView {
  readonly version: string;
  readonly instance: string;
  readonly startedAtMs: number;
  readonly pid: number;
  readonly registry: { readonly kind: string; readonly healthy: boolean; readonly message?: string };
  readonly listen: readonly string[];
  readonly services: number;
  readonly exitWhenIdle: boolean;
}

export interface EventView {
  readonly sequence: number;
  readonly atMs: number;
  /** Namespace and service are absent where it is about a node alone. */
  readonly namespace?: string;
  readonly service?: string;
  readonly node?: string;
  readonly replicaId?: string;
  readonly type: string;
  readonly message: string;
}

export interface LogLineView {
  readonly service: string;
  readonly replicaId: string;
  readonly stream: 'stdout' | 'stderr';
  readonly timestamp: string;
  readonly text: string;
}
