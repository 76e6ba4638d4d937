import type { ObservedDevice } from './observed.ts';

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
