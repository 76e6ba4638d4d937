import { deviceOf, type NodeRecord } from '../node.ts';
import type { ObservedNode } from '../observed.ts';
import type { Placement } from '../replica.ts';
import type { PublishedPort, ServiceKey, ServiceSpec } from '../spec.ts';
import { chooseDevices, type DeviceLedger, deviceLedgers } from './choose-devices.ts';
import { costOf, packingOf } from './cost.ts';
import { sharedMemoryOf } from './device-fit.ts';
import type { DeviceTypes } from './device-types.ts';

/** A replica that holds part of a node. */
export interface Holder {
  readonly replicaId: string;
  readonly service: ServiceKey;
  readonly spec: ServiceSpec;
  readonly placement: Placement;
}

/** A way to place a replica on a node. Of two ways the one with the smaller cost is better. */
export interface Fit {
  readonly ledger: NodeLedger;
  readonly devices: readonly DeviceLedger[];
  readonly cost: number;
}

/** One node, and what replicas hold of it. CPUs are counted in millionths, so that sums of fractions are exact. */
export class NodeLedger {
  readonly node: ObservedNode;
  readonly record: NodeRecord | undefined;
  /** Its place in the order of the names. */
  readonly index: number;
  readonly devices: readonly DeviceLedger[];
  readonly holders: Map<string, Holder> = new Map();
  /** Takes new replicas: it answers, and is neither drained nor on its way out. */
  readonly isOpen: boolean;
  freeMicroCpus: number;
  freeMemoryBytes: number;
  /** Devices that nobody holds any part of. */
  freeDevices: number;

  constructor(node: ObservedNode, record: NodeRecord | undefined, index: number, types?: DeviceTypes) {
    this.node = node;
    this.record = record;
    this.index = index;
    this.isOpen = node.answering && !node.leaving && (record?.drainingSince ?? null) === null;
    this.devices = deviceLedgers(node.devices, record?.quarantined, types);
    this.freeMicroCpus = microCpus(node.cpus) - microCpus(node.keptCpus);
    this.freeMemoryBytes = node.memoryBytes - node.keptMemoryBytes;
    this.freeDevices = this.devices.length;
  }

  hold(holder: Holder): void {
    this.holders.set(holder.replicaId, holder);
    this.#book(holder, 1);
  }

  release(holder: Holder): void {
    this.holders.delete(holder.replicaId);
    this.#book(holder, -1);
  }

  /**
   * The best way to place a replica of the spec here, with so many of its service here already; null: there is none at
   * present. What holds for good (labels, images, being open) is the shortlist's to ask.
   */
  fit(spec: ServiceSpec, siblings: number): Fit | null {
    if (!this.hasRoom(spec, siblings)) return null;
    const choice = chooseDevices(spec.resources.gpu, this.devices, sharedMemoryOf(spec));
    if (!choice) return null;
    const { devices, opened, openedGib, roomGib } = choice;
    // What joins others on devices that are shared already leaves as many free as before, wherever it goes.
    const stayFree = opened === 0 && devices.length > 0 ? 0 : this.freeDevices - opened;
    const packing = packingOf(opened, openedGib, roomGib, stayFree);
    return { ledger: this, devices, cost: costOf(siblings, !hasImage(this.node, spec.image), packing) };
  }

  /** Whether there is room but for devices. */
  hasRoom(spec: ServiceSpec, siblings: number): boolean {
    const { cpus, memoryBytes } = spec.resources;
    const { maxPerNode } = spec.placement;
    if (cpus > 0 && microCpus(cpus) > this.freeMicroCpus) return false;
    if (memoryBytes > 0 && memoryBytes > this.freeMemoryBytes) return false;
    if (maxPerNode !== undefined && siblings >= maxPerNode) return false;
    return spec.ports.length === 0 || this.takenPort(spec) === null;
  }

  /** The first fixed host port of the spec that a replica here has, and that replica. */
  takenPort(spec: ServiceSpec): { port: PublishedPort; holder: Holder } | null {
    for (const port of spec.ports) {
      if (port.hostPort === 0) continue;
      for (const holder of this.holders.values()) {
        if (holder.spec.ports.some(other => clashes(port, other))) return { port, holder };
      }
    }
    return null;
  }

  /** Takes what others use of devices that can be shared for held. Returns whether any do. */
  countMeasured(): boolean {
    let found = false;
    for (const ledger of this.devices) {
      const { measured, memoryBytes } = ledger.device;
      if (!measured || memoryBytes === undefined) continue;
      const beyond = memoryBytes - measured.freeBytes - ledger.declaredBytes;
      if (beyond <= 0) continue;
      ledger.declaredBytes += beyond;
      found = true;
    }
    return found;
  }

  #book({ spec, placement }: Holder, sign: 1 | -1): void {
    this.freeMicroCpus -= sign * microCpus(spec.resources.cpus);
    this.freeMemoryBytes -= sign * spec.resources.memoryBytes;
    const sharedBytes = sharedMemoryOf(spec);
    for (const id of placement.devices) {
      // What means no listed device is held all the same, and takes from no other.
      const device = deviceOf(this.node, id);
      const ledger = device && this.devices.find(l => l.device === device);
      if (!ledger) continue;
      if (ledger.holders === 0) this.freeDevices -= 1;
      ledger.holders += sign;
      if (ledger.holders === 0) this.freeDevices += 1;
      if (sharedBytes === null) ledger.exclusiveHolders += sign;
      else ledger.declaredBytes += sign * sharedBytes;
    }
  }
}

export function microCpus(cpus: number): number {
  return Math.round(cpus * 1e6);
}

/** Whether the image is known to be there, by its reference with or without the tag that `latest` stands for. */
export function hasImage(node: Pick<ObservedNode, 'images'>, image: string): boolean {
  return node.images.has(image) || node.images.has(withLatest(image));
}

/** `name:latest` of a plain name. */
export function withLatest(image: string): string {
  return `${image}:latest`;
}

function clashes(a: PublishedPort, b: PublishedPort): boolean {
  const everywhere = (ip: string) => ip === '' || ip === '0.0.0.0' || ip === '::';
  const sameAddress = a.hostIp === b.hostIp || everywhere(a.hostIp) || everywhere(b.hostIp);
  return a.hostPort > 0 && a.hostPort === b.hostPort && a.protocol === b.protocol && sameAddress;
}
