import type { DeviceRequest } from 'dockerode';
import type { GpuRequest } from '../../core/spec.ts';

/**
 * Explicit device ids as the Docker API wants them. A CDI name (`nvidia.com/gpu=0`, `amd.com/gpu=1`) goes to the engine's
 * CDI driver, whatever driver the file named; anything else is an NVIDIA UUID. `Count` is never used: for Docker it means
 * "the first n" for everyone. Nor is NVIDIA_VISIBLE_DEVICES, which is the image's word against the scheduler's.
 */
export function deviceRequests(devices: readonly string[], gpu: GpuRequest | undefined): DeviceRequest[] {
  const unique = [...new Set(devices)];
  const cdi = unique.filter(isCdiName);
  const nvidia = unique.filter(id => !isCdiName(id));
  return [
    ...(cdi.length > 0 ? [{ Driver: 'cdi', DeviceIDs: cdi }] : []),
    ...(nvidia.length > 0
      ? [{ Driver: 'nvidia', DeviceIDs: nvidia, Capabilities: [capabilitiesOf(gpu?.capabilities ?? [])] }]
      : []),
  ];
}

/**
 * `gpu` selects the driver. Parts of NVIDIA's software that are named (`compute`, `video`) replace those that a container
 * gets by default, so `utility` goes with them: without it there is no `nvidia-smi` to ask whether the devices are there.
 * https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
 */
function capabilitiesOf(named: readonly string[]): string[] {
  const parts = named.filter(name => name !== 'gpu' && name !== 'nvidia');
  return [...new Set(['gpu', ...named, ...(parts.length > 0 ? ['utility'] : [])])];
}

/** `vendor/class=name`, https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md */
export function isCdiName(id: string): boolean {
  return /^[^/=]+\/[^/=]+=[^=]+$/.test(id);
}
