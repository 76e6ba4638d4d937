import { attributeOf, meets, parseConstraint } from './constraints.ts';
import { chooseDevices, type DeviceLedger, deviceLedgers } from './devices-choice.ts';
import { sharedMemoryOf } from './devices-fit.ts';
import type { NodeRecord } from './node.ts';
import type { ObservedNode } from './observed.ts';
import type { Placement } from './replica.ts';
import type { PublishedPort, ServiceKey, ServiceSpec } from './spec.ts';

/** A replica that holds part of a node. */
export interface Holder {
  readonly replicaId: string;
  readonly service: ServiceKey;
  readonly spec: ServiceSpec;
  readonly placement: Placement;
}

/** A way to place a replica on a node. Of two ways the one with the smaller cost is better. */
export interface Fit {
  readonly placement: Placement;
  readonly cost: number;
}

/** One node, and what replicas hold of it. CPUs are counted in millionths, so that sums of fractions are exact. */
export class NodeLedger {
  readonly node: ObservedNode;
  readonly record: NodeRecord | undefined;
  readonly devices: readonly DeviceLedger[];
  readonly holders: Map<string, Holder> = new Map();
  freeMicroCpus: number;
  freeMemoryBytes: number;
  /** Devices that nobody holds any part of. */
  freeDevices: number;
  readonly #deviceById: ReadonlyMap<string, DeviceLedger>;

  constructor(node: ObservedNode, record: NodeRecord | undefined) {
    this.node = node;
    this.record = record;
    this.devices = deviceLedgers(node.devices, record?.quarantined);
    this.#deviceById = new Map(this.devices.map(d => [d.device.id, d]));
    this.freeMicroCpus = microCpus(node.cpus) - microCpus(node.keptCpus);
    this.freeMemoryBytes = node.memoryBytes - node.keptMemoryBytes;
    this.freeDevices = this.devices.length;
  }

  /** Takes new replicas: it answers, and is neither drained nor on its way out. */
  get open(): boolean {
    return this.node.answering && !this.node.leaving && !this.record?.drainingSince;
  }

  hold(holder: Holder): void {
    this.holders.set(holder.replicaId, holder);
    this.#book(holder, 1);
  }

  release(replicaId: string): void {
    const holder = this.holders.get(replicaId);
    if (!holder) return;
    this.holders.delete(replicaId);
    this.#book(holder, -1);
  }

  #book({ spec, placement }: Holder, sign: 1 | -1): void {
    this.freeMicroCpus -= sign * microCpus(spec.resources.cpus);
    this.freeMemoryBytes -= sign * spec.resources.memoryBytes;
    const sharedBytes = sharedMemoryOf(spec);
    for (const id of placement.devices) {
      const ledger = this.#deviceById.get(id);
      if (!ledger) continue;
      const before = ledger.holders;
      ledger.holders += sign;
      if (sharedBytes === null) ledger.exclusiveHolders += sign;
      else ledger.declaredBytes += sign * sharedBytes;
      if (before === 0) this.freeDevices -= 1;
      else if (ledger.holders === 0) this.freeDevices += 1;
    }
  }

  /** The best way to place a replica of the spec here, with so many of its service here already; null: there is none. */
  fit(spec: ServiceSpec, siblings: number): Fit | null {
    const { cpus, memoryBytes, gpu } = spec.resources;
    const { constraints, maxPerNode } = spec.placement;
    if (!this.open || microCpus(cpus) > this.freeMicroCpus || memoryBytes > this.freeMemoryBytes) return null;
    if (maxPerNode !== undefined && siblings >= maxPerNode) return null;
    if (constraints.length > 0 && !constraints.every(c => meetsConstraint(this.node, c))) return null;
    if (spec.ports.length > 0 && this.takenPort(spec)) return null;
    const choice = chooseDevices(gpu, this.devices, sharedMemoryOf(spec));
    if (!choice) return null;
    const placement = { node: this.node.name, devices: choice.devices.map(d => d.device.id) };
    const cost = costOf({
      siblings,
      imageAbsent: !hasImage(this.node, spec.image),
      ...choice,
      freeDevices: this.freeDevices - choice.opened,
    });
    return { placement, cost };
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
}

export function microCpus(cpus: number): number {
  return Math.round(cpus * 1e6);
}

export function meetsConstraint(node: ObservedNode, text: string): boolean {
  const constraint = parseConstraint(text);
  const actual = constraint && attributeOf(node, constraint.attribute);
  return constraint !== null && actual !== undefined && actual !== null && meets(actual, constraint);
}

/** Whether the image is known to be there, by its reference with or without the tag that `latest` stands for. */
export function hasImage(node: ObservedNode, image: string): boolean {
  return node.images.has(image) || node.images.has(`${image}:latest`);
}

/**
 * The figures of a way to place a replica as one number, the first counting most. Each has a bound, so that the number is
 * exact: 16 + 1 + 6 + 12 + 10 + 8 bits, sizes in GiB.
 */
export function costOf(parts: {
  readonly siblings: number;
  readonly imageAbsent: boolean;
  readonly opened: number;
  readonly openedBytes: number;
  readonly leftBytes: number;
  readonly freeDevices: number;
}): number {
  let cost = Math.min(parts.siblings, 2 ** 16 - 1);
  cost = cost * 2 + (parts.imageAbsent ? 1 : 0);
  cost = cost * 2 ** 6 + Math.min(parts.opened, 2 ** 6 - 1);
  cost = cost * 2 ** 12 + Math.min(Math.floor(parts.openedBytes / 2 ** 30), 2 ** 12 - 1);
  cost = cost * 2 ** 10 + Math.min(Math.floor(parts.leftBytes / 2 ** 30), 2 ** 10 - 1);
  return cost * 2 ** 8 + Math.min(parts.freeDevices, 2 ** 8 - 1);
}

function clashes(a: PublishedPort, b: PublishedPort): boolean {
  const everywhere = (ip: string) => ip === '' || ip === '0.0.0.0' || ip === '::';
  const sameAddress = a.hostIp === b.hostIp || everywhere(a.hostIp) || everywhere(b.hostIp);
  return a.hostPort > 0 && a.hostPort === b.hostPort && a.protocol === b.protocol && sameAddress;
}
