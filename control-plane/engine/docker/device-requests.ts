import type { DeviceRequest } from 'dockerode';
import type { GpuRequest } from '../../core/spec.ts';

/**
 * Explicit device ids as the Docker API wants them. A CDI name (`nvidia.com/gpu=0`) goes to the engine's CDI driver,
 * anything else is an NVIDIA index or UUID. `Count` is never used: for Docker it means "the first n" for everyone.
 */
export function deviceRequests(devices: readonly string[], gpu: GpuRequest | undefined): DeviceRequest[] {
  const cdi = devices.filter(isCdiName);
  const nvidia = devices.filter(id => !isCdiName(id));
  const capabilities = [...new Set(['gpu', ...(gpu?.capabilities ?? [])])];
  return [
    ...(cdi.length > 0 ? [{ Driver: 'cdi', DeviceIDs: cdi }] : []),
    ...(nvidia.length > 0 ? [{ Driver: 'nvidia', DeviceIDs: nvidia, Capabilities: [capabilities] }] : []),
  ];
}

/** `vendor/class=name`, https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md */
export function isCdiName(id: string): boolean {
  return /^[^/=]+\/[^/=]+=[^=]+$/.test(id);
}
