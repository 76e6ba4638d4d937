import type { ObservedDevice, ObservedNode } from './observed.ts';

/** What was decided about a node; stored. A node that nothing was decided about has no record. */
export interface NodeRecord {
  readonly name: string;
  /** Since when it takes no new replicas and gives its present ones away; null: it does neither. */
  readonly drainingSince: number | null;
  readonly quarantined: readonly Quarantine[];
}

/** A device that is listed and given to nobody, because a container lost sight of it. */
export interface Quarantine {
  readonly device: string;
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

/**
 * The listed device that a placement or a quarantine means. Devices are listed by other ids once CDI names appear, or the
 * operator states them: then its number or its UUID tells. What vanished is no other one, whatever number that has now.
 */
export function deviceOf(node: Pick<ObservedNode, 'devices' | 'vanished'>, id: string): ObservedDevice | undefined {
  const exact = node.devices.find(d => d.id === id);
  if (exact || node.vanished.some(d => d.id === id)) return exact;
  return node.devices.find(d => isAlias(d, id));
}

/** The id by which the node lists the device now; one that it does not list keeps its own. */
export function currentId(node: Pick<ObservedNode, 'devices' | 'vanished'> | undefined, id: string): string {
  return (node && deviceOf(node, id)?.id) ?? id;
}

/** Whether a device that was listed as the first is listed as the second now. Two that have UUIDs go by these. */
export function isSameDevice(before: ObservedDevice, now: ObservedDevice): boolean {
  if (before.id === now.id) return true;
  if (before.uuid !== undefined && now.uuid !== undefined) return before.uuid === now.uuid;
  return isAlias(now, before.id) || isAlias(before, now.id);
}

/** Slices have a kind of their own in CDI, and a UUID that says no kind. */
function isAlias(device: ObservedDevice, id: string): boolean {
  const [vendor] = deviceKind({ id }).split('/');
  if (isCalled(device, id)) return true;
  const bare = id.slice(id.indexOf('=') + 1).replace(/^mig(?=\d)/, '');
  return deviceKind(device).startsWith(`${vendor}/`) && (device.uuid === bare || device.index === bare);
}
