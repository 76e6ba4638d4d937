import type { ObservedDevice } from '../../core/observed.ts';
import { type CdiDevice, cdiDevices } from './cdi-devices.ts';
import type { SmiGpu, SmiMemory, SmiReading, SmiSlice } from './nvidia-smi.ts';

/** What the engine itself says of devices: CDI names (since API 1.50) and runtimes. */
export interface EngineDevices {
  readonly Runtimes?: Readonly<Record<string, unknown>> | null;
  readonly DiscoveredDevices?: readonly { readonly Source: string; readonly ID: string }[] | null;
}

/**
 * A reading of the driver, with the Clock's time at which it began. Unless `numbered`, devices may have other numbers by
 * now, and only UUIDs tell which is meant.
 */
export type DriverReading = SmiReading & { readonly at: number; readonly numbered: boolean };

/**
 * One entry a device: those that have CDI names, otherwise NVIDIA's by UUID, which outlives a reboot, where the engine can
 * hand those over. A GPU in MIG mode is left out, as only its slices can be used.
 */
export function discoverDevices(
  engine: EngineDevices,
  reading: DriverReading | null,
  { handsOverNvidia }: { handsOverNvidia: boolean },
): readonly ObservedDevice[] {
  const names = (engine.DiscoveredDevices ?? []).filter(({ Source }) => Source === 'cdi').map(({ ID }) => ID);
  const cdi = cdiDevices(names);
  if (cdi.some(({ kind }) => kind.startsWith(NVIDIA)) || !reading || !handsOverNvidia) {
    return describeCdi(cdi, reading);
  }
  const whole = reading.gpus.filter(gpu => !gpu.divided).map(gpu => wholeDevice(gpu.uuid, 'nvidia', gpu, reading.at));
  const slices = reading.slices.map(slice => sliceDevice(slice.uuid, 'nvidia', slice, reading, []));
  return [...describeCdi(cdi, reading), ...whole, ...slices];
}

/**
 * Stated devices with what a reading adds: where the operator said something, that stands. Of two that turn out to be one,
 * the first counts, as each would be given to somebody.
 */
export function describeStated(
  stated: readonly ObservedDevice[],
  reading: DriverReading | null,
): readonly ObservedDevice[] {
  if (!reading) return stated;
  const read = [
    ...reading.gpus.map(gpu => wholeDevice(gpu.uuid, 'nvidia', gpu, reading.at)),
    ...reading.slices.map(slice => sliceDevice(slice.uuid, 'nvidia', slice, reading, [])),
  ];
  const described = stated.map(device => {
    if (device.driver === 'cdi' && !device.id.startsWith(NVIDIA)) return device;
    const name = device.uuid ?? device.id.slice(device.id.indexOf('=') + 1);
    const found = read.find(d => d.uuid === name || (reading.numbered && d.index === (device.index ?? name)));
    if (!found) return device;
    // The measured part is of the real memory; what the operator gives away of it may be less.
    return { ...found, ...device };
  });
  const seen = new Set<string>();
  return described.filter(({ uuid }) => {
    if (uuid === undefined) return true;
    const isFirst = !seen.has(uuid);
    seen.add(uuid);
    return isFirst;
  });
}

function describeCdi(devices: readonly CdiDevice[], reading: DriverReading | null): readonly ObservedDevice[] {
  const whole = devices.filter(d => d.kind.startsWith(NVIDIA) && d.slice === undefined);
  return devices.flatMap((device): ObservedDevice[] => {
    const { id, index, uuid, slice } = device;
    const plain = { id, driver: 'cdi' as const, ...(index !== undefined && { index }), ...(uuid && { uuid }) };
    if (!device.kind.startsWith(NVIDIA)) return [plain];
    if (slice) {
      const found = reading?.slices.find(
        s => s.uuid === uuid || (reading.numbered && s.gpuIndex === slice.gpuIndex && s.index === slice.index),
      );
      if (reading && found) return [{ ...sliceDevice(id, 'cdi', found, reading, devices), ...plain }];
      return [{ ...plain, slice: { of: `${device.kind}=${slice.gpuIndex}`, profile: 'unknown' } }];
    }
    if (device.uuid?.startsWith('MIG-')) {
      const found = reading?.slices.find(s => s.uuid === uuid);
      return [reading && found ? sliceDevice(id, 'cdi', found, reading, devices) : plain];
    }
    const found = reading && findGpu(device, whole, reading);
    if (!found) return [plain];
    return found.divided ? [] : [{ ...wholeDevice(id, 'cdi', found, reading.at), ...plain }];
  });
}

/**
 * By UUID where that is known, otherwise by index. A container that was given some of a machine's GPUs numbers them anew:
 * where as many are read as there are names, their order tells.
 */
function findGpu(
  device: CdiDevice,
  whole: readonly CdiDevice[],
  { gpus, numbered }: DriverReading,
): SmiGpu | undefined {
  if (device.uuid !== undefined) return gpus.find(gpu => gpu.uuid === device.uuid);
  if (!numbered) return undefined;
  const indexed = whole.filter(d => d.index !== undefined);
  // Everything at once, under the one name that there is.
  if (device.index === undefined) return gpus.length === 1 ? gpus[0] : undefined;
  if (indexed.length === gpus.length) return gpus.toSorted((a, b) => a.index - b.index)[indexed.indexOf(device)];
  return gpus.find(gpu => String(gpu.index) === device.index);
}

function wholeDevice(id: string, driver: ObservedDevice['driver'], gpu: SmiGpu, at: number): ObservedDevice {
  return { id, driver, index: String(gpu.index), uuid: gpu.uuid, model: gpu.model, ...memoryOf(gpu.memory, at) };
}

function sliceDevice(
  id: string,
  driver: ObservedDevice['driver'],
  slice: SmiSlice,
  { gpus, at }: DriverReading,
  cdi: readonly CdiDevice[],
): ObservedDevice {
  const parent = gpus.find(gpu => gpu.index === slice.gpuIndex);
  const listed = cdi.find(
    d => d.slice === undefined && (d.uuid === parent?.uuid || d.index === String(slice.gpuIndex)),
  );
  return {
    id,
    driver,
    index: `${slice.gpuIndex}:${slice.index}`,
    uuid: slice.uuid,
    ...(parent && { model: `${parent.model} MIG ${slice.profile}` }),
    ...memoryOf(slice.memory, at),
    slice: { of: parent?.uuid ?? listed?.id ?? String(slice.gpuIndex), profile: slice.profile },
  };
}

function memoryOf(memory: SmiMemory | undefined, at: number): Pick<ObservedDevice, 'memoryBytes' | 'measured'> {
  if (!memory) return {};
  const { totalBytes: memoryBytes, usedBytes, freeBytes } = memory;
  if (usedBytes === undefined || freeBytes === undefined) return { memoryBytes };
  return { memoryBytes, measured: { usedBytes, freeBytes, at } };
}

const NVIDIA = 'nvidia.com/';
