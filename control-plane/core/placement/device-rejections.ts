import { bytesInWords, neededBytesInWords } from '../bytes-in-words.ts';
import { currentId, deviceKind, isCalled, mayBeGiven } from '../node.ts';
import type { ObservedDevice } from '../observed.ts';
import { givenDevices } from '../replica.ts';
import type { GpuRequest, ServiceKey, ServiceSpec } from '../spec.ts';
import { chooseDevices, type DeviceLedger, occupancyOf, withoutSliced } from './choose-devices.ts';
import type { NodeLedger } from './cluster-node.ts';
import { gpusInWords, misfitOf, neededOf, requestedOf, sharedMemoryOf, wantsAll } from './device-fit.ts';
import { idRejection, lastingRejection } from './lasting-rejection.ts';
import { REJECTION_CONSTRAINTS, type Rejection, type RejectionConstraint } from './rejection.ts';

/**
 * Why too few devices of a node can be given: the node's own rejection, then one for each device that does not do. Empty
 * where enough can. `lasting`: it is not for what others hold, so that waiting does not help.
 */
export function gpuRejections(ledger: NodeLedger, spec: ServiceSpec): { rejections: Rejection[]; lasting: boolean } {
  const { gpu } = spec.resources;
  const sharedBytes = sharedMemoryOf(spec);
  if (!gpu || chooseDevices(gpu, ledger.devices, sharedBytes)) return { rejections: [], lasting: false };
  const { vanished } = ledger.node;
  const asked = ledger.devices.filter(d => isMeant(gpu, d.device));
  const gone = vanished.filter(d => isMeant(gpu, d) && misfitOf(gpu, d) === null);
  const perDevice = [
    ...asked.flatMap(d => deviceRejection(ledger, d, spec) ?? []),
    ...gone.map((d): Rejection => {
      const message = 'is not listed by its node any more';
      return { node: ledger.node.name, device: d.id, constraint: 'gpu_vanished', message };
    }),
  ];
  const own =
    idRejection(ledger, gpu) ?? lastingRejection(ledger, gpu, asked, gone) ?? passingRejection(ledger, spec, perDevice);
  return { rejections: [own, ...perDevice], lasting: LASTING.has(own.constraint) };
}

const LASTING: ReadonlySet<RejectionConstraint> = new Set([
  'gpu_missing',
  'gpu_id',
  'gpu_kind',
  'gpu_driver',
  'gpu_model',
  'gpu_memory',
  'gpu_count',
]);

function isMeant(gpu: GpuRequest, device: ObservedDevice): boolean {
  return gpu.deviceIds.length === 0 || gpu.deviceIds.some(id => isCalled(device, id));
}

function deviceRejection(ledger: NodeLedger, device: DeviceLedger, spec: ServiceSpec): Rejection | null {
  const { gpu } = spec.resources;
  const sharedBytes = sharedMemoryOf(spec);
  const constraint = misfitOf(gpu!, device.device) ?? occupancyOf(device, sharedBytes);
  if (!constraint) return null;
  const common = { node: ledger.node.name, device: device.device.id, constraint };
  const { memoryBytes, model } = device.device;
  const holders = holdersOf(ledger, [device]);
  const by = holders.length > 0 ? ` by ${holders.join(', ')}` : '';
  switch (constraint) {
    case 'gpu_memory': {
      const found = memoryBytes === undefined ? 'of unknown memory' : `has ${bytesInWords(memoryBytes)}`;
      const known = memoryBytes === undefined ? unknown(device.device) : { total: memoryBytes };
      const message = `${found}, ${neededBytesInWords(gpu!.memoryBytes!)} are needed`;
      return { ...common, requested: gpu!.memoryBytes!, ...known, message };
    }
    case 'gpu_memory_left': {
      const free = memoryBytes! - device.declaredBytes;
      const message = `${bytesInWords(free)} of ${bytesInWords(memoryBytes!)} are free, ${neededBytesInWords(sharedBytes!)} are needed; the rest is held${by}`;
      return { ...common, requested: sharedBytes!, free, total: memoryBytes!, heldBy: holders, message };
    }
    case 'gpu_model': {
      const requested = gpu!.models.join(' or ');
      if (model === undefined)
        return { ...common, requested, ...unknown(device.device), message: 'is of unknown model' };
      return { ...common, requested, found: model, message: `is ${model}` };
    }
    case 'gpu_quarantined': {
      const { since, reason } = device.quarantine!;
      return { ...common, quarantinedSince: since, message: `is quarantined: ${reason}` };
    }
    case 'gpu_held': {
      if (!isUnsure(device, sharedBytes)) return { ...common, heldBy: holders, message: `is held${by}` };
      const heldBy = unlistedHoldersOf(ledger, [device]);
      return { ...common, heldBy, message: `may be what ${untold(heldBy)}` };
    }
    case 'gpu_slices': {
      const relatives = device.relatives;
      const others = [...new Set([...holdersOf(ledger, relatives), ...unlistedHoldersOf(ledger, relatives)])];
      if (relatives.every(l => l.holders === 0)) {
        const part = device.device.slice ? 'its whole GPU' : 'a slice of it';
        return { ...common, heldBy: others, message: `${part} may be what ${untold(others)}` };
      }
      const what = device.device.slice ? 'its whole GPU is' : 'slices of it are';
      return { ...common, heldBy: others, message: `${what} held by ${others.join(', ')}` };
    }
    default: {
      const found = deviceKind(device.device);
      const requested = constraint === 'gpu_kind' ? gpu!.kind : gpu!.driver;
      return {
        ...common,
        requested: requested ?? '',
        found,
        message: `is ${found}, by driver ${device.device.driver}`,
      };
    }
  }
}

/** Nobody holds it for sure in the way of the request, and somebody may. */
function isUnsure(device: DeviceLedger, sharedBytes: number | null): boolean {
  const isHeld = device.exclusiveHolders > 0 || (sharedBytes === null && device.holders > 0);
  return device.unlistedHolders > 0 && !isHeld;
}

/** The node lists what they were given by no name that it had then, or by one that another may have now. */
function untold(holders: readonly string[]): string {
  return `${holders.join(', ')} ${holders.length === 1 ? 'holds' : 'hold'}: the node does not tell which device that is now`;
}

/** Of a device of which that is not known all that there is to tell is its kind. */
function unknown(device: ObservedDevice): Pick<Rejection, 'found' | 'isUnknown'> {
  return { found: deviceKind(device), isUnknown: true };
}

/** Enough devices would do, but others hold them, or they are quarantined. */
function passingRejection(ledger: NodeLedger, spec: ServiceSpec, perDevice: readonly Rejection[]): Rejection {
  const gpu = spec.resources.gpu!;
  const needed = neededOf(gpu);
  const meant = meantOnes(ledger, gpu);
  const isMissed = (r: Rejection) => !wantsAll(gpu) || meant.some(l => l.device.id === r.device);
  const occupied = perDevice.filter(r => !LASTING.has(r.constraint) && isMissed(r));
  const counted = [...Map.groupBy(occupied, r => r.constraint)].sort(
    ([a, some], [b, others]) =>
      others.length - some.length || REJECTION_CONSTRAINTS.indexOf(a) - REJECTION_CONSTRAINTS.indexOf(b),
  );
  const constraint = counted[0]?.[0] ?? 'gpu_held';
  const fitting = meant.length;
  const free = fitting - occupied.filter(r => r.constraint !== 'gpu_vanished').length;
  const heldBy = [...new Set(occupied.flatMap(r => r.heldBy ?? []))].sort();
  const common = { node: ledger.node.name, constraint, ...(heldBy.length > 0 ? { heldBy } : {}) };
  const words = `needs ${gpusInWords(gpu)}`;
  const why = counted
    .map(([c, some]) =>
      c === 'gpu_held' ? heldInWords(ledger, spec, some, heldBy) : `${some.length} ${REASONS[c] ?? c}`,
    )
    .join(', ');
  if (constraint === 'gpu_memory_left') {
    const left = occupied.flatMap(r => r.free ?? []);
    // Where every device is needed, the fullest one decides.
    if (wantsAll(gpu)) {
      const [fullest] = occupied.filter(r => r.free !== undefined).sort((a, b) => a.free! - b.free!);
      const { free: least, total } = fullest!;
      const message = `${words}: ${free} of ${fitting} ${free === 1 ? 'has' : 'have'} that left, the fullest ${bytesInWords(least!)} of ${bytesInWords(total!)}, the rest is held${by(heldBy)}`;
      return { ...common, requested: gpu.memoryBytes!, free: least!, total: total!, message };
    }
    const most = Math.max(...left);
    const total = Math.max(...occupied.map(r => r.total ?? 0));
    const message = `${words}: at most ${bytesInWords(most)} of ${bytesInWords(total)} are free on one, the rest is held${by(heldBy)}`;
    return { ...common, requested: gpu.memoryBytes!, free: most, total, message };
  }
  const apart = free < needed ? '' : kindsApart(gpu, freeOnes(ledger, gpu, perDevice));
  const message = `${words}: ${free} of ${fitting} ${areFree(free)}${apart}, ${why}`;
  return { ...common, requested: requestedOf(gpu), free, total: fitting, message };
}

/**
 * The devices that do for the request whoever holds them. Who wants all is not kept waiting by what chooseDevices passes over:
 * by those in quarantine while there are others, by a GPU of which slices are there, by what is not listed any more.
 */
function meantOnes({ devices }: NodeLedger, gpu: GpuRequest): readonly DeviceLedger[] {
  const fitting = devices.filter(d => isMeant(gpu, d.device) && misfitOf(gpu, d.device) === null);
  if (!wantsAll(gpu)) return fitting;
  const usable = withoutSliced(fitting.filter(d => !d.quarantine));
  return usable.length > 0 ? usable : fitting;
}

/** @param heldBy by whom all that is occupied is held */
function heldInWords(
  ledger: NodeLedger,
  spec: ServiceSpec,
  held: readonly Rejection[],
  heldBy: readonly string[],
): string {
  const sharedBytes = sharedMemoryOf(spec);
  const vague = new Set(ledger.devices.filter(d => isUnsure(d, sharedBytes)).map(d => d.device.id));
  const unsure = held.filter(r => r.device !== undefined && vague.has(r.device));
  if (unsure.length === 0) return `${held.length} held${by(heldBy)}`;
  const sure = held.filter(r => !unsure.includes(r));
  const byWhom = (some: readonly Rejection[]) => [...new Set(some.flatMap(r => r.heldBy ?? []))].sort();
  return [
    ...(sure.length > 0 ? [`${sure.length} held${by(byWhom(sure))}`] : []),
    `${unsure.length} that may be what ${untold(byWhom(unsure))}`,
  ].join(', ');
}

/** Those that fit and that nothing keeps from being given. */
function freeOnes(
  { devices }: NodeLedger,
  gpu: GpuRequest,
  perDevice: readonly Rejection[],
): readonly ObservedDevice[] {
  const rejected = new Set(perDevice.map(r => r.device));
  return devices.map(d => d.device).filter(d => isMeant(gpu, d) && !rejected.has(d.id));
}

/** Enough of them are free, but those of a request are of one kind. */
function kindsApart({ count, deviceIds }: GpuRequest, free: readonly ObservedDevice[]): string {
  const kinds = [...Map.groupBy(free, deviceKind)];
  if (count <= 1 || deviceIds.length > 0 || kinds.length < 2) return '';
  return ` but of different kinds (${kinds.map(([kind, some]) => `${some.length} × ${kind}`).join(', ')})`;
}

const REASONS: Partial<Record<RejectionConstraint, string>> = {
  gpu_quarantined: 'quarantined',
  gpu_vanished: 'not listed any more',
  gpu_slices: 'in use in part, or as slices',
  gpu_memory_left: 'without so much memory left',
};

function by(holders: readonly string[]): string {
  if (holders.length === 0) return '';
  const some = holders.slice(0, NAMED_HOLDERS).join(', ');
  return ` by ${some}${holders.length > NAMED_HOLDERS ? ` and ${holders.length - NAMED_HOLDERS} more` : ''}`;
}

const NAMED_HOLDERS = 3;

function areFree(count: number): string {
  return count === 1 ? 'is free' : 'are free';
}

/** The services whose replicas hold any of the devices. */
function holdersOf({ held, node }: NodeLedger, devices: readonly DeviceLedger[]): ServiceKey[] {
  const ids = new Set(devices.map(d => d.device.id));
  const those = [...held.values()].filter(h => givenDevices(h.placement).some(d => ids.has(currentId(node, d))));
  return [...new Set(those.map(h => h.service))].sort();
}

/** Those that hold what is not listed, or not for sure, and may be any of the devices. */
function unlistedHoldersOf(ledger: NodeLedger, devices: readonly DeviceLedger[]): ServiceKey[] {
  const those = [...ledger.held.values()].filter(h =>
    givenDevices(h.placement).some(d => devices.some(l => mayBeGiven(ledger.node, d, l.device))),
  );
  return [...new Set(those.map(h => h.service))].sort();
}
