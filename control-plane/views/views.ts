import type { EndpointAddress } from '../core/endpoint.ts';
import type { Reach } from '../core/observed.ts';
import type { PhaseKind } from '../core/replica.ts';

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
  /** The id of the apply request that created it; '' where that had none. */
  readonly createdBy: string;
  /** Of the one that named it last; '' where that had none. */
  readonly askedBy: string;
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
  /** What its phase waits for, or why it is there. */
  readonly message: string;
  /** What it is there for, where that is not to be one of those that are wanted: whose place it is to take, and why. */
  readonly purpose?: string;
  readonly node?: string;
  /** By the ids that the node lists now; by those they were given as, or their UUIDs, where it does not list them. */
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
  /** How its engine is reached, as a person writes it: `unix:///var/run/docker.sock`, `ssh://user@host`. */
  readonly connection: string;
  /** Under which its published ports are reached. */
  readonly address: string;
  /** Whether clients elsewhere reach the containers' own addresses, or published ports only. */
  readonly reach: Reach;
  readonly state: NodeState;
  readonly answering: boolean;
  readonly error?: string;
  readonly silentSinceMs?: number;
  readonly drainingSinceMs?: number;
  /** All that the engine has; `reserved` of it is the operator's, `held` what replicas hold. */
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly reservedCpus: number;
  readonly reservedMemoryBytes: number;
  readonly heldCpus: number;
  readonly heldMemoryBytes: number;
  readonly devices: readonly DeviceView[];
  /** Why NVIDIA's driver could not be asked the last time: the devices are as they were last known, or known by name alone. */
  readonly driverTrouble?: string;
  /** How many replicas hold a place on it. */
  readonly replicas: number;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * answering: takes replicas; silent: did not answer its last question; draining: takes none and gives its own away;
 * drained: has none left; leaving: it is not configured any more and goes once it is empty. The first that is true of
 * leaving, silent, draining or drained.
 */
export type NodeState = 'answering' | 'silent' | 'draining' | 'drained' | 'leaving';

export interface DeviceView {
  /** The id to request it by. */
  readonly id: string;
  readonly driver: 'cdi' | 'nvidia';
  /** The CDI kind, such as `nvidia.com/gpu`. */
  readonly kind: string;
  readonly index?: string;
  readonly uuid?: string;
  readonly model?: string;
  readonly memoryBytes?: number;
  /** A MIG slice: its device, and its profile such as `1g.10gb`. */
  readonly slice?: { readonly of: string; readonly profile: string };
  readonly state: DeviceState;
  readonly holders: readonly DeviceHolderView[];
  /** What the holders together say they use of its memory. */
  readonly declaredBytes: number;
  /** What the driver measured, over all processes. Absent where it cannot be read. */
  readonly measuredUsedBytes?: number;
  readonly measuredFreeBytes?: number;
  /** How what is measured compares with what the holders declare. Absent while that cannot be said. */
  readonly use?: DeviceUseView;
  /** Why it is quarantined or counts as vanished, or what else keeps it from being given. */
  readonly message?: string;
  /** Of a quarantined one: when it is trusted again by itself, where the node lists it then. */
  readonly quarantinedUntilMs?: number;
}

/**
 * shared: held by replicas that leave the rest of its memory to others; held: by one that does not; quarantined: listed,
 * but given to nobody; vanished: not listed any more.
 */
export type DeviceState = 'free' | 'shared' | 'held' | 'quarantined' | 'vanished';

export interface DeviceUseView {
  readonly verdict: 'as_declared' | 'overused' | 'underused';
  /** In words, with what to do about it. */
  readonly message: string;
}

export interface DeviceHolderView {
  readonly namespace: string;
  readonly service: string;
  readonly replicaId: string;
  /** What it declared to use; absent: the whole device. */
  readonly memoryBytes?: number;
}

/** Why the replicas of one service are where they are, and what the others wait for. */
export interface WhyView {
  readonly namespace: string;
  readonly name: string;
  readonly state: ServiceState;
  readonly message: string;
  /** All its replicas, and those of them that wait: of many that are alike not all are listed. */
  readonly total: number;
  readonly waiting: number;
  readonly replicas: readonly WhyReplicaView[];
}

export interface WhyReplicaView {
  readonly id: string;
  readonly generation: number;
  readonly phase: PhaseKind;
  /** With phase ready: its readiness probe fails at present. */
  readonly impaired: boolean;
  readonly sinceMs: number;
  /** It is not ready, and is meant to be. */
  readonly waiting: boolean;
  readonly node?: string;
  readonly devices: readonly string[];
  readonly retryAtMs?: number;
  /** The reasons in a few lines. */
  readonly summary: readonly string[];
  /** The reasons by what they have in common, with what would help. */
  readonly groups: readonly WhyGroupView[];
  /** Of a replica without a place: each reason of each node by itself. */
  readonly rejections: readonly RejectionView[];
}

export interface WhyGroupView {
  /** A stable word: what was not met. */
  readonly constraint: string;
  readonly nodes: readonly string[];
  /** In words; where several nodes are meant, of the one that comes closest. So are the figures. */
  readonly message: string;
  readonly requested?: Amount;
  readonly free?: number;
  readonly total?: number;
  /** The services, as `namespace/name`, whose replicas hold what is missing. */
  readonly heldBy: readonly string[];
  /** What a person can do, the simplest first. */
  readonly help: readonly string[];
}

export interface RejectionView {
  /** Empty where there is no node at all. */
  readonly node: string;
  readonly device?: string;
  readonly constraint: string;
  readonly message: string;
  /** In the unit of the constraint: cores, bytes, devices; or a text such as a model or a label. */
  readonly requested?: Amount;
  readonly free?: number;
  readonly total?: number;
  /** What is there instead. */
  readonly found?: string;
  /** The services, as `namespace/name`, whose replicas hold what is missing. */
  readonly heldBy: readonly string[];
}

export type Amount = number | string;

export interface StatusView {
  readonly version: string;
  readonly instance: string;
  readonly startedAtMs: number;
  readonly pid: number;
  readonly registry: { readonly kind: string; readonly healthy: boolean; readonly message?: string };
  readonly listen: readonly string[];
  readonly services: number;
  /** Why nothing can be carried on at present; what runs is left as it is. Absent: nothing is wrong. */
  readonly trouble?: string;
  readonly exitWhenIdle: boolean;
  /** The nodes file in use, an absolute path; absent: there is none, and this machine's engine is the only node. */
  readonly nodesFile?: string;
  /** Who says that it is this one: whoever started the control plane, the state folder, or the last start. */
  readonly nodesFileFrom?: 'named' | 'state_folder' | 'last_start';
  /** What is wrong with the newest nodes file, a line for each; the nodes are those of the one before. */
  readonly nodesProblem?: string;
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
