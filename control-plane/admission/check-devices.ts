import path from 'node:path';
import type { ServiceSpec } from '../core/spec.ts';
import type { Denial } from './denial.ts';
import type { AdmissionPolicy } from './policy.ts';

/** Devices that would come to a container past the scheduler, in each way that NVIDIA's runtime and Docker know. */
export function checkDevices(spec: ServiceSpec, { allow }: AdmissionPolicy): Denial[] {
  return [
    ...spec.devices.flatMap((device, i) => checkDevice(device, i, allow.devices)),
    ...Object.keys(spec.environment).flatMap(checkVariable),
    ...spec.mounts.flatMap((mount, i) => checkTarget(mount.target, i)),
  ];
}

function checkDevice(device: string, index: number, allowed: readonly string[]): Denial[] {
  const host = device.split(':')[0] as string;
  // Allowed by name means as it stands: what only looks different (/dev/../dev/mem) is not what the operator wrote.
  if (allowed.includes(host) && (!host.startsWith('/') || path.posix.normalize(host) === host)) return [];
  return [
    {
      keyPath: `devices[${index}]`,
      message: `the device ${host} is the host's`,
      next: `For GPUs use deploy.resources.reservations.devices, so that they are scheduled; otherwise have the operator add "${host}" to allow.devices.`,
    },
  ];
}

function checkVariable(name: string): Denial[] {
  if (/[=\0]/.test(name)) {
    return [
      {
        keyPath: `environment.${name}`,
        message: `"${name}" is no name of an environment variable`,
        next: 'Expected a name without "=".',
      },
    ];
  }
  if (!DEVICE_VARIABLES.test(name)) return [];
  return [
    {
      keyPath: `environment.${name}`,
      message: `${name} would give the container GPUs that the scheduler does not know of`,
      next: 'Take it out, and ask for GPUs with deploy.resources.reservations.devices.',
    },
  ];
}

/** https://github.com/NVIDIA/nvidia-container-toolkit: what its runtime and hook read from a container's environment. */
const DEVICE_VARIABLES = /^NVIDIA_(VISIBLE_DEVICES|MIG_CONFIG_DEVICES|MIG_MONITOR_DEVICES|IMEX_CHANNELS)$/;

/** The runtime also takes the names of mounts below this folder for a list of devices. */
function checkTarget(target: string, index: number): Denial[] {
  const normal = path.posix.normalize(target);
  if (!/^(\/var)?\/run\/nvidia-container-devices(\/|$)/.test(normal)) return [];
  return [
    {
      keyPath: `volumes[${index}]`,
      message: `a mount at ${target} asks NVIDIA's runtime for GPUs that the scheduler does not know of`,
      next: 'Take it out, and ask for GPUs with deploy.resources.reservations.devices.',
    },
  ];
}
