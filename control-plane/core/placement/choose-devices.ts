import { deviceOf, isCalled, type Quarantine, quarantinedDevice } from '../node.ts';
import type { ObservedDevice, ObservedNode } from '../observed.ts';
import type { GpuRequest } from '../spec.ts';
import { gibOf } from './cost.ts';
import { misfitOf } from './device-fit.ts';
import { type DeviceType, DeviceTypes } from './device-types.ts';
import type { RejectionConstraint } from './rejection.ts';

/** One device of a node, and what replicas hold of it. */
export interface DeviceLedger {
  readonly device: ObservedDevice;
  readonly type: DeviceType;
  readonly quarantine: Quarantine | null;
  /** The slices of this GPU, or the GPU of this slice: what is never held beside it. */
  readonly relatives: DeviceLedger[];
  holders: number;
  /** Those of the holders that share it with nobody. */
  exclusiveHolders: number;
  /** What the others declared, together. */
  declaredBytes: number;
  /** Who holds a device that is not listed any more and may be this one, part of it, or around it. */
  unlistedHolders: number;
}

/** The devices given to a request, and what counts against that choice (cost.ts). */
export interface DeviceChoice {
  readonly devices: readonly DeviceLedger[];
  /** How many of them nobody held before. */
  readonly opened: number;
  /** Their memory: a small device that does is better than a large one. */
  readonly openedGib: number;
  /** What was free on those that were shared already: a full device is better than an empty one. */
  readonly roomGib: number;
}

const NO_DEVICES: DeviceChoice = { devices: [], opened: 0, openedGib: 0, roomGib: 0 };

/** The ledgers of a node's devices, in the order of the listing, nothing held. */
export function deviceLedgers(
  node: Pick<ObservedNode, 'devices' | 'vanished'>,
  quarantined: readonly Quarantine[] = [],
  types = new DeviceTypes(),
): DeviceLedger[] {
  const inQuarantine = new Map(quarantined.map(q => [deviceOf(node, quarantinedDevice(q)), q]));
  const ledgers = node.devices.map(
    (device): DeviceLedger => ({
      device,
      type: types.of(device),
      quarantine: inQuarantine.get(device) ?? null,
      relatives: [],
      holders: 0,
      exclusiveHolders: 0,
      declaredBytes: 0,
      unlistedHolders: 0,
    }),
  );
  for (const slice of ledgers) {
    const { of } = slice.device.slice ?? {};
    if (of === undefined) continue;
    const whole = ledgers.find(l => l !== slice && (l.device.id === of || l.device.uuid === of));
    whole?.relatives.push(slice);
    if (whole) slice.relatives.push(whole);
  }
  return ledgers;
}

/** Why the device cannot be given at present, as far as its holders go; null: it can. */
export function occupancyOf(ledger: DeviceLedger, sharedBytes: number | null): RejectionConstraint | null {
  if (ledger.quarantine) return 'gpu_quarantined';
  if (ledger.exclusiveHolders > 0 || ledger.unlistedHolders > 0) return 'gpu_held';
  if (ledger.relatives.length > 0 && ledger.relatives.some(r => r.holders + r.unlistedHolders > 0)) return 'gpu_slices';
  if (sharedBytes === null) return ledger.holders > 0 ? 'gpu_held' : null;
  return ledger.declaredBytes + sharedBytes > (ledger.device.memoryBytes ?? 0) ? 'gpu_memory_left' : null;
}

/**
 * The best devices of one node for a request, or null where too few can be given. `sharedBytes`: what it declares on each
 * of them; null: it takes them whole. Several devices are of one kind, unless they are asked for by their ids.
 */
export function chooseDevices(
  request: GpuRequest | undefined,
  ledgers: readonly DeviceLedger[],
  sharedBytes: number | null,
): DeviceChoice | null {
  if (!request) return NO_DEVICES;
  if (request.deviceIds.length > 0) return chooseCalled(request, ledgers, sharedBytes);
  const fitting = ledgers.filter(l => misfitOf(request, l.device) === null);
  if (request.count === -1) {
    const all = withoutSliced(fitting.filter(l => !l.quarantine));
    return all.length > 0 && all.every(l => occupancyOf(l, sharedBytes) === null) ? priced(all) : null;
  }
  const free = withoutSliced(fitting.filter(l => occupancyOf(l, sharedBytes) === null));
  if (free.length < request.count || request.count === 0) return null;
  if (request.count === 1) return priced([tightest(free)[0]!]);
  const choices = [...Map.groupBy(free, l => l.type.kind).values()]
    .filter(same => same.length >= request.count)
    .map(same => priced(tightest(same).slice(0, request.count)));
  return choices.sort((a, b) => a.opened - b.opened || a.openedGib - b.openedGib)[0] ?? null;
}

/**
 * All choices that differ in more than which of two equal devices they take, the best first; at most `most`. What
 * `chooseDevices` gives is one of them.
 */
export function deviceChoices(
  request: GpuRequest | undefined,
  ledgers: readonly DeviceLedger[],
  { sharedBytes, most }: { readonly sharedBytes: number | null; readonly most: number },
): readonly DeviceChoice[] {
  const best = chooseDevices(request, ledgers, sharedBytes);
  if (!best) return [];
  // By name, or all: there is one choice.
  if (!request || request.deviceIds.length > 0 || request.count === -1) return [best];
  const free = ledgers.filter(l => misfitOf(request, l.device) === null && occupancyOf(l, sharedBytes) === null);
  const choices: DeviceChoice[] = [];
  for (const same of Map.groupBy(free, l => l.type.kind).values()) {
    const alike = [...Map.groupBy(same, stateOf).values()];
    collect(
      alike,
      request.count,
      [],
      chosen => choices.push(priced(chosen)),
      () => choices.length < most,
    );
  }
  return choices.sort((a, b) => a.opened - b.opened || a.openedGib - b.openedGib || a.roomGib - b.roomGib);
}

/** Equal for devices that it makes no difference to choose between. */
export function stateOf({
  device,
  type,
  quarantine,
  relatives,
  holders,
  exclusiveHolders,
  declaredBytes,
  unlistedHolders,
}: DeviceLedger) {
  const own = relatives.length > 0 ? device.id : '';
  return `${type.index} ${quarantine ? 'q' : ''} ${holders > 0} ${exclusiveHolders + unlistedHolders > 0} ${declaredBytes} ${own}`;
}

/** Every way to take `count` devices from these stacks of equal ones. */
function collect(
  stacks: readonly (readonly DeviceLedger[])[],
  count: number,
  chosen: readonly DeviceLedger[],
  found: (chosen: readonly DeviceLedger[]) => void,
  goesOn: () => boolean,
): void {
  if (count === 0) found(chosen);
  const [stack, ...others] = stacks;
  if (count === 0 || !stack) return;
  for (let taken = Math.min(count, stack.length); taken >= 0 && goesOn(); taken -= 1) {
    const next = stack.slice(0, taken);
    if (next.some(l => l.relatives.some(r => chosen.includes(r)))) continue;
    collect(others, count - taken, [...chosen, ...next], found, goesOn);
  }
}

/** The ids that name one device only choose first: `0` may be a device of each of two vendors. */
function chooseCalled(
  request: GpuRequest,
  ledgers: readonly DeviceLedger[],
  sharedBytes: number | null,
): DeviceChoice | null {
  const wanted = request.deviceIds
    .map(id => ledgers.filter(l => isCalled(l.device, id) && misfitOf(request, l.device) === null))
    .sort((a, b) => a.length - b.length);
  const chosen = new Set<DeviceLedger>();
  for (const candidates of wanted) {
    if (candidates.length === 1 && chosen.has(candidates[0]!)) continue;
    const next = candidates.find(
      l => !chosen.has(l) && occupancyOf(l, sharedBytes) === null && !l.relatives.some(r => chosen.has(r)),
    );
    if (!next) return null;
    chosen.add(next);
  }
  return priced(ledgers.filter(l => chosen.has(l)));
}

/** Where a GPU and slices of it could both be given, the slices: they are never fewer. */
export function withoutSliced(ledgers: readonly DeviceLedger[]): readonly DeviceLedger[] {
  if (ledgers.every(l => l.relatives.length === 0)) return ledgers;
  return ledgers.filter(l => l.device.slice !== undefined || !l.relatives.some(r => ledgers.includes(r)));
}

/** Those that are shared already first, the fullest of them, then the smallest; the listing's order decides. */
function tightest(ledgers: readonly DeviceLedger[]): readonly DeviceLedger[] {
  const rank = (l: DeviceLedger) => (l.holders > 0 ? 0 : 1);
  const left = (l: DeviceLedger) => (l.device.memoryBytes ?? 0) - l.declaredBytes;
  return ledgers.toSorted((a, b) => rank(a) - rank(b) || left(a) - left(b));
}

export function priced(devices: readonly DeviceLedger[]): DeviceChoice {
  let [opened, openedGib, roomGib] = [0, 0, 0];
  for (const { device, holders, declaredBytes } of devices) {
    if (holders === 0) {
      opened += 1;
      openedGib += gibOf(device.memoryBytes);
    } else roomGib += gibOf((device.memoryBytes ?? 0) - declaredBytes);
  }
  return { devices, opened, openedGib, roomGib };
}
