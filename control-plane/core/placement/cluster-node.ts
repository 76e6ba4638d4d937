import { deviceOf, type GivenDevice, isCertain, mayTouch, type NodeRecord } from '../node.ts';
import type { ObservedDevice, ObservedNode } from '../observed.ts';
import { givenDevices, type Placement } from '../replica.ts';
import type { PublishedPort, ServiceKey, ServiceSpec } from '../spec.ts';
import {
  chooseDevices,
  type DeviceChoice,
  type DeviceLedger,
  deviceLedgers,
  occupancyOf,
  priced,
} from './choose-devices.ts';
import { costOf, packingOf } from './cost.ts';
import { sharedMemoryOf } from './device-fit.ts';
import type { DeviceTypes } from './device-types.ts';
import { microCpus } from './need.ts';
import { DEVICE_FREE, DEVICE_SHARED, DEVICE_TAKEN, type MeantTypes, NodeRows } from './node-rows.ts';

/** What a replica holds of a node. */
export interface HeldPlace {
  readonly replicaId: string;
  readonly service: ServiceKey;
  readonly spec: ServiceSpec;
  readonly placement: Placement;
  /** The devices of the placement, by whoever has just chosen them; else they are looked up. */
  readonly devices?: readonly DeviceLedger[] | undefined;
}

/** A way to place a replica on a node. Of two ways the one with the smaller cost is better. */
export interface Fit {
  readonly ledger: NodeLedger;
  readonly devices: readonly DeviceLedger[];
  readonly cost: number;
}

/**
 * One node, and what replicas hold of it. What is free stands in a row beside those of the other nodes; CPUs are counted in
 * millionths, so that sums of fractions are exact.
 */
export class NodeLedger {
  readonly node: ObservedNode;
  readonly record: NodeRecord | undefined;
  /** Its place in the order of the names. */
  readonly index: number;
  readonly devices: readonly DeviceLedger[];
  /** By the id of the replica that holds it. */
  readonly held: Map<string, HeldPlace> = new Map();
  /** Takes new replicas: it answers, and is neither drained nor on its way out. */
  readonly isOpen: boolean;
  readonly #rows: NodeRows;
  readonly #row: number;
  /** Its row tells all that there is to know of its devices: no slices, nothing measured. */
  #isPlain: boolean;

  /** `cluster`: what is kept of all nodes together. */
  constructor(
    node: ObservedNode,
    record: NodeRecord | undefined,
    index: number,
    cluster?: { readonly types: DeviceTypes; readonly rows: NodeRows },
  ) {
    this.node = node;
    this.record = record;
    this.index = index;
    this.isOpen = node.answering && !node.leaving && (record?.drainingSince ?? null) === null;
    this.devices = deviceLedgers(node, record?.quarantined, cluster?.types);
    this.#rows = cluster?.rows ?? new NodeRows([this.devices.length]);
    this.#row = cluster ? index : 0;
    this.#rows.add(this.#row, {
      microCpus: microCpus(node.cpus) - microCpus(node.reservedCpus),
      memoryBytes: node.memoryBytes - node.reservedMemoryBytes,
      devices: this.devices.length,
    });
    this.#isPlain = this.devices.every(ledger => ledger.relatives.length === 0);
    for (const [nth, ledger] of this.devices.entries()) {
      this.#rows.setType(this.#row, nth, ledger.type.index);
      this.#tell(nth);
    }
  }

  get freeMicroCpus(): number {
    return this.#rows.freeMicroCpus(this.#row);
  }

  get freeMemoryBytes(): number {
    return this.#rows.freeMemoryBytes(this.#row);
  }

  /** Devices that nobody holds any part of. */
  get freeDevices(): number {
    return this.#rows.freeDevices(this.#row);
  }

  hold(place: HeldPlace): void {
    this.held.set(place.replicaId, place);
    this.#book(place, 1);
  }

  release(place: HeldPlace): void {
    this.held.delete(place.replicaId);
    this.#book(place, -1);
  }

  /**
   * The best way to place a replica of the spec here, with so many of its service here already; null: there is none at
   * present. What holds for good (labels, images, being open) is the shortlist's to ask. `known`: the devices that it may
   * be given and whether the image is absent, from whoever knows.
   */
  fit(spec: ServiceSpec, siblings: number, known?: { meant: MeantTypes; imageAbsent: boolean }): Fit | null {
    if (!this.hasRoom(spec, siblings)) return null;
    const { gpu } = spec.resources;
    const isOne = known && this.#isPlain && gpu?.count === 1 && gpu.deviceIds.length === 0;
    const sharedBytes = sharedMemoryOf(spec);
    const choice = isOne ? this.#chooseOne(sharedBytes, known.meant) : chooseDevices(gpu, this.devices, sharedBytes);
    if (!choice) return null;
    const { devices, opened, openedGib, roomGib } = choice;
    // What joins others on devices that are shared already leaves as many free as before, wherever it goes.
    const stayFree = opened === 0 && devices.length > 0 ? 0 : this.freeDevices - opened;
    const packing = packingOf(opened, openedGib, roomGib, stayFree);
    const imageAbsent = known ? known.imageAbsent : !hasImage(this.node, spec.image);
    return { ledger: this, devices, cost: costOf(siblings, imageAbsent, packing) };
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
  takenPort(spec: ServiceSpec): { port: PublishedPort; holder: HeldPlace } | null {
    for (const port of spec.ports) {
      if (port.hostPort === 0) continue;
      for (const holder of this.held.values()) {
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
      this.#isPlain = false;
      this.#tell(this.devices.indexOf(ledger));
      found = true;
    }
    return found;
  }

  /** What `chooseDevices` finds, without a look at the devices that it passes over. */
  #chooseOne(sharedBytes: number | null, meant: MeantTypes): DeviceChoice | null {
    let nth = sharedBytes === null ? -1 : this.#rows.fullestShared(this.#row, meant, sharedBytes);
    if (nth < 0) nth = this.#rows.smallestWhole(this.#row, meant);
    return nth < 0 ? null : priced([this.devices[nth]!]);
  }

  #book({ spec, placement, devices }: HeldPlace, sign: 1 | -1): void {
    const sharedBytes = sharedMemoryOf(spec);
    let freed = 0;
    const held = devices ? { listed: devices, touched: [] } : this.#heldBy(placement);
    for (const ledger of held.touched) {
      ledger.unlistedHolders += sign;
      this.#tellWithRelatives(ledger);
    }
    for (const ledger of held.listed) {
      if (ledger.holders === 0) freed -= 1;
      ledger.holders += sign;
      if (ledger.holders === 0) freed += 1;
      if (sharedBytes === null) ledger.exclusiveHolders += sign;
      else ledger.declaredBytes += sign * sharedBytes;
      this.#tellWithRelatives(ledger);
    }
    this.#rows.add(this.#row, {
      microCpus: -sign * microCpus(spec.resources.cpus),
      memoryBytes: -sign * spec.resources.memoryBytes,
      devices: freed,
    });
  }

  /** The ledger of a device that somebody was given; undefined: it is not listed. */
  ledgerOf(given: GivenDevice): DeviceLedger | undefined {
    return this.#ledger(deviceOf(this.node, given));
  }

  /**
   * The ledgers of what a placement means, and those of all that its devices may be besides: what is not listed by any name
   * that it is known by is held all the same.
   */
  #heldBy(placement: Placement): { listed: readonly DeviceLedger[]; touched: readonly DeviceLedger[] } {
    if (placement.devices.length === 0) return NOTHING_HELD;
    const given = givenDevices(placement).map(device => ({ device, listed: deviceOf(this.node, device) }));
    const vague = given.filter(({ device, listed }) => !isCertain(device, listed));
    const mayHold = (d: ObservedDevice) => vague.some(g => g.listed !== d && mayTouch(g.device, d));
    return {
      listed: given.flatMap(({ listed }) => this.#ledger(listed) ?? []),
      touched: vague.length === 0 ? [] : this.devices.filter(l => mayHold(l.device)),
    };
  }

  #ledger(device: ObservedDevice | undefined): DeviceLedger | undefined {
    return device && this.devices.find(l => l.device === device);
  }

  #tellWithRelatives(ledger: DeviceLedger): void {
    this.#tell(this.devices.indexOf(ledger));
    for (const relative of ledger.relatives) this.#tell(this.devices.indexOf(relative));
  }

  /** Writes what can be given of the device now. */
  #tell(nth: number): void {
    const ledger = this.devices[nth]!;
    const { memoryBytes = 0 } = ledger.device;
    if (ledger.holders === 0) {
      const state = occupancyOf(ledger, null) === null ? DEVICE_FREE : DEVICE_TAKEN;
      this.#rows.setDevice(this.#row, nth, state, memoryBytes);
    } else {
      const state = occupancyOf(ledger, 0) === null ? DEVICE_SHARED : DEVICE_TAKEN;
      this.#rows.setDevice(this.#row, nth, state, memoryBytes - ledger.declaredBytes);
    }
  }
}

const NOTHING_HELD = { listed: [], touched: [] };

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
