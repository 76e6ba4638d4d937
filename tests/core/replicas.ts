import type {
  EffectState,
  ImageState,
  ListedNode,
  NodeAnswer,
  Observed,
  ObservedContainer,
  ObservedNode,
  RegistryStanding,
} from '../../control-plane/core/observed.ts';
import type { PendingReason } from '../../control-plane/core/pending-reason.ts';
import type { Cause, Phase, PhaseKind, PhaseOf, Placement, Replica } from '../../control-plane/core/replica.ts';

export const PLACED: Placement = { node: 'local', devices: [] };
export const CAUSE: Cause = { kind: 'exited', message: 'exited with code 1', logTail: [] };

/** A replica in a phase of its own making; the rest is what a replica of one attempt has. */
export function aReplica(phase: Phase, given: Partial<Replica> = {}): Replica {
  return {
    id: 'r0000001',
    service: 'ns/svc',
    generation: 1,
    createdAt: 0,
    attempt: 1,
    failures: 0,
    wasReady: false,
    hasServed: phase.kind === 'ready',
    hasSeenDevices: false,
    replace: false,
    returnedAt: null,
    addresses: [],
    timings: [{ phase: phase.kind, at: phase.since }],
    phase,
    ...given,
  };
}

/** Each phase entered at `since`, on the node `local`, with the container `c1` where the phase has one. */
export function phaseOf<Kind extends PhaseKind>(kind: Kind, since: number, given: object = {}): PhaseOf<Kind> {
  const common = { since, placement: PLACED, container: { id: 'c1', seenAt: since } };
  const own: Record<PhaseKind, object> = {
    pending: { since, reasons: [] },
    pulling: { since, placement: PLACED },
    creating: { since, placement: PLACED },
    starting: common,
    warming: common,
    ready: { ...common, impaired: false },
    draining: { ...common, reason: 'scaled_down' },
    stopping: { ...common, afterwards: { kind: 'stopped' } },
    stopped: { since },
    backoff: { since, placement: PLACED, until: since + 10_000, cause: CAUSE },
    failed: { since, placement: PLACED, cause: CAUSE },
    lost: common,
  };
  return { kind, ...own[kind], ...given } as unknown as PhaseOf<Kind>;
}

/** What nodes lack, as it is stored of a replica that waits: so many CPUs. */
export function lack(cpus: number, ...nodes: string[]): PendingReason {
  return { kind: 'lack', constraint: 'cpus', requested: cpus, nodes, count: nodes.length };
}

/** A container of `aReplica`, running. */
export function aContainer(given: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: 'c1',
    name: 'ns-svc-r0000001',
    replicaId: 'r0000001',
    service: 'ns/svc',
    generation: 1,
    attempt: 1,
    image: 'image:1',
    state: 'running',
    addresses: [{ network: 'ns_default', ip: '10.0.0.2' }],
    publishedPorts: [],
    ...given,
  };
}

/** What a test says of a node; one that does not answer has been silent since it was last listed, where nothing else is said. */
export type GivenNode = Partial<ListedNode> & {
  readonly answering?: boolean;
  readonly silentSince?: number | null;
  readonly error?: string;
  readonly next?: string;
};

export function aNode({ answering = true, silentSince, error, next, ...given }: GivenNode = {}): ObservedNode {
  const listedFrom = given.listedFrom ?? 1_000_000;
  const answer: NodeAnswer = answering
    ? { answering, silentSince: null }
    : {
        answering,
        silentSince: silentSince ?? listedFrom,
        error: error ?? 'no answer',
        ...(next !== undefined && { next }),
      };
  return {
    name: 'local',
    ...answer,
    leaving: false,
    connection: 'local',
    address: '127.0.0.1',
    reach: 'containers',
    listedFrom: 1_000_000,
    cpus: 8,
    memoryBytes: 2 ** 34,
    reservedCpus: 0,
    reservedMemoryBytes: 0,
    devices: [],
    vanished: [],
    labels: {},
    images: new Set(),
    containers: [],
    ...given,
  };
}

/** What is observed, from the few things that a test cares about. Everybody has let go of everything. */
export function seen(
  given: {
    nodes?: readonly ObservedNode[];
    probes?: Observed['probes'];
    deviceReports?: Observed['deviceReports'];
    images?: Readonly<Record<string, ImageState>>;
    effects?: Readonly<Record<string, EffectState>>;
    withdrawn?: Observed['withdrawn'];
    standing?: Observed['standing'];
  } = {},
): Observed {
  return {
    nodes: new Map((given.nodes ?? [aNode()]).map(n => [n.name, n])),
    probes: given.probes ?? new Map(),
    deviceReports: given.deviceReports ?? new Map(),
    images: new Map(Object.entries(given.images ?? {})),
    effects: new Map(Object.entries(given.effects ?? {})),
    withdrawn: given.withdrawn ?? (() => true),
    standing: given.standing ?? (() => LET_GO),
  };
}

/** Announced while that is asked for, and never handed out where that is: a registry that is in nobody's way. */
export const LET_GO: RegistryStanding = { announced: true, withdrawable: true, letGoAt: Number.NEGATIVE_INFINITY };
