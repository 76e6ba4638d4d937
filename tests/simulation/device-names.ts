import type { ObservedDevice } from '../../control-plane/core/observed.ts';

/** The device as a node lists it that knows no CDI names: by its UUID. */
export function byUuid(device: ObservedDevice): ObservedDevice {
  const { slice, uuid } = device;
  if (uuid === undefined) return device;
  return { ...device, id: uuid, driver: 'nvidia', ...(slice && { slice: { ...slice, of: uuidOf(slice.of) } }) };
}

/** The UUID of a simulated device by its CDI name; slices have their own kind. */
export function uuidOf(cdiName: string): string {
  return cdiName.replace('nvidia.com/gpu=', 'GPU-').replace('nvidia.com/mig=', 'MIG-');
}

/** What the setup of its node calls the device, by whichever id it is listed. */
export function setupId(id: string): string {
  return id.replace(/^GPU-/, 'nvidia.com/gpu=').replace(/^MIG-/, 'nvidia.com/mig=');
}
