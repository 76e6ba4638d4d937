import type { Desired } from '../core/desired.ts';
import {
  currentId,
  deviceKind,
  type GivenDevice,
  givenDevice,
  mayBeGiven,
  type NodePolicy,
  type Quarantine,
  quarantinedDevice,
} from '../core/node.ts';
import { type DeviceUse, deviceUses } from '../core/nodes/device-use.ts';
import type { Observed, ObservedDevice, ObservedNode } from '../core/observed.ts';
import { givenDevices, heldPlacement, type Replica } from '../core/replica.ts';
import { type ServiceSpec, splitKey } from '../core/spec.ts';
import type { DeviceHolderView, DeviceState, DeviceView, NodeState, NodeView } from './views.ts';

/** The nodes and their devices in words for people and programs, with who holds what. Pure. */
export function describeNodes(
  state: Desired,
  observed: Observed,
  policy: Pick<NodePolicy, 'quarantineMs'>,
): NodeView[] {
  const byNode = Map.groupBy(holdersOf(state, observed), h => h.node);
  // What is measured was measured by now, whenever that is.
  const uses = deviceUses(state, observed, Number.POSITIVE_INFINITY);
  return [...observed.nodes.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(node => describeNode(node, byNode.get(node.name) ?? [], { state, policy, uses }));
}

interface Scene {
  readonly state: Desired;
  readonly policy: Pick<NodePolicy, 'quarantineMs'>;
  /** By `node device`. */
  readonly uses: ReadonlyMap<string, DeviceUse>;
}

function describeNode(node: ObservedNode, holders: readonly Holder[], { state, policy, uses }: Scene): NodeView {
  const record = state.nodes.get(node.name);
  const drainingSince = record?.drainingSince ?? null;
  const quarantined = new Map(record?.quarantined.map(q => [currentId(node, quarantinedDevice(q)), q]));
  const gone = node.vanished.map(d => ({ ...d, id: currentId(node, givenDevice(d)) }));
  const vanished = new Set(gone.map(d => d.id));
  const devices = [...node.devices, ...gone];
  return {
    name: node.name,
    connection: node.connection,
    address: node.address,
    reach: node.reach,
    state: stateOf(node, drainingSince !== null, holders.length),
    answering: node.answering,
    ...(node.error === undefined || node.answering ? {} : { error: words(node.error, node.next) }),
    ...(node.silentSince === null ? {} : { silentSinceMs: node.silentSince }),
    ...(drainingSince === null ? {} : { drainingSinceMs: drainingSince }),
    cpus: node.cpus,
    memoryBytes: node.memoryBytes,
    keptCpus: node.keptCpus,
    keptMemoryBytes: node.keptMemoryBytes,
    reservedCpus: sum(holders, h => h.spec.resources.cpus),
    reservedMemoryBytes: sum(holders, h => h.spec.resources.memoryBytes),
    devices: devices.map(device =>
      describeDevice(device, {
        holders: holders.filter(h => h.devices.includes(device.id)),
        relative: relativeInUse(device, devices, holders) ?? unlistedInUse(device, node, holders),
        isVanished: vanished.has(device.id),
        quarantine: quarantined.get(device.id),
        quarantineMs: policy.quarantineMs,
        use: uses.get(`${node.name} ${device.id}`),
      }),
    ),
    ...(node.driverTrouble === undefined ? {} : { driverTrouble: node.driverTrouble }),
    replicas: holders.length,
    labels: node.labels,
  };
}

function stateOf(node: ObservedNode, draining: boolean, replicas: number): NodeState {
  if (node.leaving) return 'leaving';
  if (!node.answering) return 'silent';
  if (draining) return replicas === 0 ? 'drained' : 'draining';
  return 'answering';
}

interface DeviceFacts {
  readonly holders: readonly Holder[];
  /** The MIG slice or the device around it that is held, and thereby keeps this one from being given. */
  readonly relative: string | undefined;
  readonly isVanished: boolean;
  readonly quarantine: Quarantine | undefined;
  readonly quarantineMs: number;
  /** How what is measured of it compares with what is declared; undefined: that cannot be said. */
  readonly use: DeviceUse | undefined;
}

function describeDevice(device: ObservedDevice, facts: DeviceFacts): DeviceView {
  const holders = facts.holders.map(holderView);
  const { measured, ...rest } = device;
  const message = messageOf(facts);
  return {
    ...rest,
    kind: deviceKind(device),
    state: deviceState(facts),
    holders,
    declaredBytes: sum(facts.holders, h => declaredOf(h.spec) ?? device.memoryBytes ?? 0),
    ...(measured ? { measuredUsedBytes: measured.usedBytes, measuredFreeBytes: measured.freeBytes } : {}),
    ...(facts.use ? { use: { verdict: facts.use.verdict, message: facts.use.message } } : {}),
    ...(message === undefined ? {} : { message }),
    ...(facts.quarantine && !facts.isVanished
      ? { quarantinedUntilMs: facts.quarantine.since + facts.quarantineMs }
      : {}),
  };
}

function deviceState({ holders, isVanished, quarantine, relative }: DeviceFacts): DeviceState {
  if (isVanished) return 'vanished';
  if (quarantine !== undefined) return 'quarantined';
  if (holders.some(h => declaredOf(h.spec) === undefined)) return 'held';
  if (holders.length > 0) return 'shared';
  return relative === undefined ? 'free' : 'held';
}

function messageOf({ isVanished, quarantine, relative }: DeviceFacts): string | undefined {
  if (isVanished) return 'the node does not list it any more';
  if (quarantine !== undefined) return quarantine.reason;
  return relative === undefined ? undefined : `${relative} is in use`;
}

/** A device is not given beside a slice of it that is held, nor a slice beside its device. */
function relativeInUse(device: ObservedDevice, all: readonly ObservedDevice[], holders: readonly Holder[]) {
  const isPart = (slice: ObservedDevice, of: ObservedDevice) =>
    slice.slice !== undefined && (slice.slice.of === of.id || slice.slice.of === of.uuid);
  return all
    .filter(other => isPart(other, device) || isPart(device, other))
    .find(other => holders.some(h => h.devices.includes(other.id)))?.id;
}

/** What somebody holds that its node lists by no name any more, or not for sure, and that may be this device. */
function unlistedInUse(device: ObservedDevice, node: ObservedNode, holders: readonly Holder[]): string | undefined {
  if (!node.devices.includes(device)) return undefined;
  return holders.flatMap(h => h.given).find(d => mayBeGiven(node, d, device))?.id;
}

interface Holder {
  readonly replica: Replica;
  readonly node: string;
  /** By the ids that the node lists now. */
  readonly devices: readonly string[];
  readonly given: readonly GivenDevice[];
  readonly spec: ServiceSpec;
}

/** Everyone that holds a place: from the stored intent to the observed exit. */
function holdersOf(state: Desired, { nodes }: Observed): Holder[] {
  return [...state.replicas.values()].flatMap(replica => {
    const placement = heldPlacement(replica);
    const spec = placement && state.specOf(replica.service, replica.generation);
    if (!placement || !spec) return [];
    const { node } = placement;
    const given = givenDevices(placement);
    return [{ replica, node, devices: given.map(d => currentId(nodes.get(node), d)), given, spec }];
  });
}

function holderView({ replica, spec }: Holder): DeviceHolderView {
  const [namespace, service] = splitKey(replica.service);
  const memoryBytes = declaredOf(spec);
  return { namespace, service, replicaId: replica.id, ...(memoryBytes === undefined ? {} : { memoryBytes }) };
}

/** What one that shares said of its use; undefined: the device is all its own. */
function declaredOf({ resources: { gpu } }: ServiceSpec): number | undefined {
  return gpu?.exclusive ? undefined : gpu?.memoryBytes;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function words(error: string, next: string | undefined): string {
  return next === undefined ? error : `${error}. ${next}`;
}
