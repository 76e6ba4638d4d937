import type { ObservedDevice, ObservedNode } from './observed.ts';

/** What is known of a node for good, and what was decided about it; stored. */
export interface NodeRecord {
  readonly name: string;
  /** How its engine was reached when it had this name: under another name it is known by that. Absent: never noted. */
  readonly connection?: string;
  /** Since when it takes no new replicas and gives its present ones away; null: it does neither. */
  readonly drainingSince: number | null;
  readonly quarantined: readonly Quarantine[];
}

/** A device that is listed and given to nobody, because a container lost sight of it. */
export interface Quarantine {
  readonly device: string;
  /** Its UUID, where one was known. */
  readonly uuid?: string;
  readonly since: number;
  /** In words: which replica, and what it saw. */
  readonly reason: string;
}

/** How long silence is waited out; the operator's to set. */
export interface NodePolicy {
  /** A node that did not answer for so long makes its unheard replicas `lost`. */
  readonly lostAfterMs: number;
  /** A replica that was lost for so long is replaced, where there is room. */
  readonly replaceAfterMs: number;
  /** A quarantined device that is listed is trusted again after so long. */
  readonly quarantineMs: number;
}

export const DEFAULT_NODE_POLICY: NodePolicy = {
  lostAfterMs: 30_000,
  replaceAfterMs: 60_000,
  quarantineMs: 10 * 60_000,
};

/** The CDI kind, vendor and class: `nvidia.com/gpu`, `amd.com/gpu`. An id that is no CDI name is NVIDIA's. */
export function deviceKind({ id }: Pick<ObservedDevice, 'id'>): string {
  return /^([^/=]+\/[^/=]+)=/.exec(id)?.[1] ?? 'nvidia.com/gpu';
}

/**
 * Whether a person who writes this name means the device: its id, its index, its UUID, or its CDI name without the kind.
 * CDI files name a device several times, so an index or a UUID may come with the kind as well.
 */
export function isCalled(device: ObservedDevice, name: string): boolean {
  if (device.id === name) return true;
  const kind = `${deviceKind(device)}=`;
  const bare = name.startsWith(kind) ? name.slice(kind.length) : name;
  return device.uuid === bare || device.index === bare || device.id === kind + bare;
}

/** Nothing is known of the node that nobody could find out anew. */
export function isEmptyRecord({ connection, drainingSince, quarantined }: NodeRecord): boolean {
  return connection === undefined && drainingSince === null && quarantined.length === 0;
}

/**
 * A device as it was listed when it was given to somebody: drivers number devices anew, and ids change their form, while a
 * UUID stays.
 */
export interface GivenDevice {
  readonly id: string;
  readonly uuid?: string;
  /** Of a slice: the UUID or id of its device. */
  readonly of?: string;
}

/** What of a device tells it from others later. */
export function givenDevice({ id, uuid, slice }: ObservedDevice): GivenDevice {
  return { id, ...(uuid === undefined ? {} : { uuid }), ...(slice === undefined ? {} : { of: slice.of }) };
}

/** The device in quarantine, as it was given. */
export function quarantinedDevice({ device: id, uuid }: Quarantine): GivenDevice {
  return uuid === undefined ? { id } : { id, uuid };
}

/**
 * The listed device that a placement or a quarantine means: its UUID tells, where both have one. Otherwise its id, or its
 * number in an id of another form, as devices are listed by other ids once CDI names appear, or the operator states them.
 * What vanished is no other one, whatever number that has now.
 */
export function deviceOf(
  node: Pick<ObservedNode, 'devices' | 'vanished'>,
  given: GivenDevice | string,
): ObservedDevice | undefined {
  const device = typeof given === 'string' ? { id: given } : given;
  const { id } = device;
  const uuid = uuidOf(device);
  const exact = node.devices.find(d => d.id === id);
  if (uuid !== undefined) {
    if (exact && uuidOf(exact) === uuid) return exact;
    const same = node.devices.find(d => uuidOf(d) === uuid);
    if (same) return same;
  }
  const mayBe = (d: ObservedDevice) => uuid === undefined || uuidOf(d) === undefined;
  if (exact) return mayBe(exact) ? exact : undefined;
  if (node.vanished.some(d => d.id === id)) return undefined;
  return node.devices.find(d => mayBe(d) && isAlias(d, id));
}

/** The id by which the node lists the device now; one that it does not list keeps its own, unless another has that now. */
export function currentId(
  node: Pick<ObservedNode, 'devices' | 'vanished'> | undefined,
  given: GivenDevice | string,
): string {
  const device = typeof given === 'string' ? { id: given } : given;
  const listed = node && deviceOf(node, device);
  if (listed) return listed.id;
  const isTaken = node?.devices.some(d => d.id === device.id) === true;
  return isTaken ? (uuidOf(device) ?? device.id) : device.id;
}

/** Whether a device that was listed as the first is listed as the second now. Two that have UUIDs go by these. */
export function isSameDevice(before: ObservedDevice, now: ObservedDevice): boolean {
  const [uuid, other] = [uuidOf(before), uuidOf(now)];
  if (uuid !== undefined && other !== undefined) return uuid === other;
  return before.id === now.id || isAlias(now, before.id) || isAlias(before, now.id);
}

/**
 * Whether a device that somebody was given, and that is listed by no name it is known by, may be this one, part of it, or
 * around it. Only UUIDs tell two apart: what has none may have any other name now.
 */
export function mayTouch(given: GivenDevice, listed: ObservedDevice): boolean {
  if (vendorOf(given.id) !== vendorOf(listed.id)) return false;
  const of = listed.slice?.of;
  if (given.of !== undefined && of === undefined) return !areApart({ id: given.of }, listed);
  // What was given without a UUID may be a slice that nobody told us of.
  if (given.of === undefined && of !== undefined && uuidOf(given) !== undefined) return !areApart({ id: of }, given);
  const [uuid, other] = [uuidOf(given), uuidOf(listed)];
  return uuid === undefined || other === undefined || uuid === other;
}

/**
 * Whether what `deviceOf` takes a given device for is that for sure. Where the one has a UUID and the other none, devices
 * may have been numbered anew since: then the same id says nothing.
 */
export function isCertain(given: GivenDevice, listed: ObservedDevice | undefined): listed is ObservedDevice {
  return listed !== undefined && (uuidOf(given) === undefined || uuidOf(listed) !== undefined);
}

/** Whether a listed device may be what somebody was given, beside what `deviceOf` takes that for. */
export function mayBeGiven(
  node: Pick<ObservedNode, 'devices' | 'vanished'>,
  given: GivenDevice,
  device: ObservedDevice,
): boolean {
  const listed = deviceOf(node, given);
  return listed !== device && !isCertain(given, listed) && mayTouch(given, device);
}

/** A GPU by the name that a slice of it has for it, and one that is known better. */
function areApart(named: GivenDevice, gpu: GivenDevice): boolean {
  const [uuid, other] = [uuidOf(named), uuidOf(gpu)];
  if (uuid !== undefined) return other !== undefined && uuid !== other;
  return gpu.id.includes('=') && uuidOf({ id: gpu.id }) === undefined && named.id !== gpu.id;
}

/** Also one that stands in its id. */
function uuidOf({ id, uuid }: GivenDevice): string | undefined {
  return uuid ?? /^(?:[^=]+=)?((?:GPU|MIG)-.*)$/.exec(id)?.[1];
}

function vendorOf(id: string): string {
  return deviceKind({ id }).replace(/\/.*/, '');
}

/** Slices have a kind of their own in CDI, and a UUID that says no kind; a number may have its class before it. */
function isAlias(device: ObservedDevice, id: string): boolean {
  if (isCalled(device, id)) return true;
  if (vendorOf(device.id) !== vendorOf(id)) return false;
  const bare = bareOf(id);
  return device.uuid === bare || device.index === bare || bareOf(device.id) === bare;
}

/** `0` of `nvidia.com/gpu=gpu0`, `0:1` of `nvidia.com/mig=mig0:1`. */
function bareOf(id: string): string {
  return id.slice(id.indexOf('=') + 1).replace(/^(?:gpu|mig)(?=\d)/, '');
}
