import type { GpuRequest, ServiceSpec } from '../spec.ts';
import { gibOf, packingOf } from './cost.ts';
import { sharedMemoryOf } from './device-fit.ts';

/** What a request takes of a node, as far as figures tell. */
export interface Need {
  /** Equal needs have the same. */
  readonly text: string;
  readonly microCpus: number;
  readonly memoryBytes: number;
  readonly devices:
    | { readonly kind: 'none' }
    | { readonly kind: 'whole'; readonly count: number }
    | { readonly kind: 'share'; readonly bytes: number }
    /** Devices, but which of them is not a question of figures. */
    | { readonly kind: 'some' };
}

export function needOf(spec: ServiceSpec): Need {
  const { cpus, memoryBytes, gpu } = spec.resources;
  const devices: Need['devices'] = gpu ? devicesOf(gpu, sharedMemoryOf(spec)) : { kind: 'none' };
  const number = devices.kind === 'whole' ? devices.count : devices.kind === 'share' ? devices.bytes : 0;
  return {
    text: `${cpus} ${memoryBytes} ${devices.kind} ${number}`,
    // Who needs nothing fits where more is held than there is.
    microCpus: cpus > 0 ? microCpus(cpus) : -Number.MAX_VALUE,
    memoryBytes: memoryBytes > 0 ? memoryBytes : -Number.MAX_VALUE,
    devices,
  };
}

/** Millionths of a CPU, so that sums of fractions are exact. */
export function microCpus(cpus: number): number {
  return Math.round(cpus * 1e6);
}

/**
 * What it packs like at best (cost.ts) where CPUs and memory suffice and there is so much of devices; infinite where that is
 * too little. `whole`: free devices that it may be given; `smallestGib`: the memory of the smallest; `roomGib`: what is left
 * on the fullest shared device that has room for it, -1: none has.
 */
export function packingAtLeast(
  devices: Need['devices'],
  freeDevices: number,
  whole: number,
  smallestGib: number,
  roomGib: number,
): number {
  switch (devices.kind) {
    case 'none':
      return packingOf(0, 0, 0, freeDevices);
    case 'whole': {
      const { count } = devices;
      if (whole < count) return Number.POSITIVE_INFINITY;
      return packingOf(count, count * smallestGib, 0, freeDevices - count);
    }
    case 'share':
      if (roomGib >= 0) return packingOf(0, 0, roomGib, 0);
      return whole === 0 ? Number.POSITIVE_INFINITY : packingOf(1, smallestGib, 0, freeDevices - 1);
    case 'some':
      return 0;
    default:
      return devices satisfies never;
  }
}

/** The same where nothing could be better; `smallestGib`: the memory of the smallest device that it may be given. */
export function packingAtBest(devices: Need['devices'], smallestGib: number): number {
  switch (devices.kind) {
    case 'whole':
      return packingAtLeast(devices, devices.count, devices.count, smallestGib, -1);
    case 'share':
      return packingAtLeast(devices, 0, 0, 0, gibOf(devices.bytes));
    default:
      return packingAtLeast(devices, 0, 0, 0, -1);
  }
}

function devicesOf(gpu: GpuRequest, sharedBytes: number | null): Need['devices'] {
  if (gpu.deviceIds.length > 0 || gpu.count === -1) return { kind: 'some' };
  if (sharedBytes === null) return { kind: 'whole', count: gpu.count };
  return gpu.count === 1 ? { kind: 'share', bytes: sharedBytes } : { kind: 'some' };
}
