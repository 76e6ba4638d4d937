import type { Desired } from '../core/desired.ts';
import { currentId, deviceKind, type GivenDevice, givenDevice, mayBeGiven, type NodePolicy } from '../core/node.ts';
import { type DeviceUse, deviceUses } from '../core/nodes/device-use.ts';
import type { Observed, ObservedDevice, ObservedNode } from '../core/observed.ts';
import { type DeviceLedger, occupancyOf } from '../core/placement/choose-devices.ts';
import { NodeLedger } from '../core/placement/cluster-node.ts';
import { sharedMemoryOf } from '../core/placement/device-fit.ts';
import { givenDevices, heldPlacement, type Placement, type Replica } from '../core/replica.ts';
import { type ServiceSpec, splitKey } from '../core/spec.ts';
import type { DeviceHolderView, DeviceState, DeviceView, NodeState, NodeView } from './views.ts';

/** The nodes and their devices in words for people and programs, with who holds what. Pure. */
export function describeNodes(
  state: Desired,
  observed: Observed,
  policy: Pick<NodePolicy, 'quarantineMs'>,
): NodeView[] {
  const byNode = Map.groupBy(holdersOf(state, observed), h => h.placement.node);
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
  const ledger = new NodeLedger(node, record, 0);
  for (const { replica, spec, placement } of holders)
    ledger.hold({ replicaId: replica.id, service: replica.service, spec, placement });
  const { quarantineMs } = policy;
  const devices = ledger.devices.map(listed => {
    const { id } = listed.device;
    return describeDevice(listed, {
      holders: thoseWith(id, holders),
      message: messageOf(listed, node, holders),
      use: uses.get(`${node.name} ${id}`),
      quarantineMs,
    });
  });
  const vanished = node.vanished.map(device => {
    const id = currentId(node, givenDevice(device));
    return describeVanished({ ...device, id }, thoseWith(id, holders));
  });
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
    reservedCpus: node.reservedCpus,
    reservedMemoryBytes: node.reservedMemoryBytes,
    heldCpus: sum(holders, h => h.spec.resources.cpus),
    heldMemoryBytes: sum(holders, h => h.spec.resources.memoryBytes),
    devices: [...devices, ...vanished],
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

function thoseWith(id: string, holders: readonly Holder[]): readonly Holder[] {
  return holders.filter(h => h.devices.includes(id));
}

interface DeviceFacts {
  readonly holders: readonly Holder[];
  /** Why it is quarantined, or what else keeps it from being given. */
  readonly message: string | undefined;
  /** How what is measured of it compares with what is declared; undefined: that cannot be said. */
  readonly use: DeviceUse | undefined;
  readonly quarantineMs: number;
}

function describeDevice(listed: DeviceLedger, { holders, message, use, quarantineMs }: DeviceFacts): DeviceView {
  return {
    ...commonOf(listed.device, holders),
    state: deviceState(listed),
    ...(use ? { use: { verdict: use.verdict, message: use.message } } : {}),
    ...(message === undefined ? {} : { message }),
    ...(listed.quarantine ? { quarantinedUntilMs: listed.quarantine.since + quarantineMs } : {}),
  };
}

function describeVanished(device: ObservedDevice, holders: readonly Holder[]): DeviceView {
  return { ...commonOf(device, holders), state: 'vanished', message: 'the node does not list it any more' };
}

function commonOf({ measured, ...rest }: ObservedDevice, holders: readonly Holder[]): Omit<DeviceView, 'state'> {
  return {
    ...rest,
    kind: deviceKind(rest),
    holders: holders.map(holderView),
    declaredBytes: sum(holders, h => sharedMemoryOf(h.spec) ?? rest.memoryBytes ?? 0),
    ...(measured ? { measuredUsedBytes: measured.usedBytes, measuredFreeBytes: measured.freeBytes } : {}),
  };
}

/** As whoever would share it finds it, however full its memory is. */
function deviceState(listed: DeviceLedger): DeviceState {
  const occupancy = occupancyOf(listed, 0);
  if (occupancy === 'gpu_quarantined') return 'quarantined';
  if (occupancy === 'gpu_held' || occupancy === 'gpu_slices') return 'held';
  return listed.holders > 0 ? 'shared' : 'free';
}

function messageOf(
  { device, quarantine, relatives, unlistedHolders }: DeviceLedger,
  node: ObservedNode,
  holders: readonly Holder[],
): string | undefined {
  if (quarantine) return quarantine.reason;
  // A device is not given beside a slice of it that is held, nor a slice beside its device.
  const relative = relatives.find(r => r.holders > 0);
  if (relative) return `${relative.device.id} is in use`;
  if (unlistedHolders > 0) return unsureInWords(device, 'this one', { node, holders });
  const unsure = relatives.find(r => r.unlistedHolders > 0)?.device;
  return unsure && unsureInWords(unsure, unsure.id, { node, holders });
}

/** What somebody holds that its node lists by no name any more, or not for sure, and that may be this device. */
function unsureInWords(
  device: ObservedDevice,
  called: string,
  { node, holders }: { readonly node: ObservedNode; readonly holders: readonly Holder[] },
): string | undefined {
  for (const { replica, given } of holders) {
    const held = given.find(d => mayBeGiven(node, d, device));
    if (held === undefined) continue;
    const what = `${replica.service} holds what was ${held.id} when it was given`;
    return `${what}, and the node does not tell which device that is now: it may be ${called}`;
  }
  return undefined;
}

interface Holder {
  readonly replica: Replica;
  readonly placement: Placement;
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
    const node = nodes.get(placement.node);
    const given = givenDevices(placement);
    return [{ replica, placement, devices: given.map(d => currentId(node, d)), given, spec }];
  });
}

function holderView({ replica, spec }: Holder): DeviceHolderView {
  const [namespace, service] = splitKey(replica.service);
  const memoryBytes = sharedMemoryOf(spec);
  return { namespace, service, replicaId: replica.id, ...(memoryBytes === null ? {} : { memoryBytes }) };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function words(error: string, next: string | undefined): string {
  return next === undefined ? error : `${error}. ${next}`;
}
