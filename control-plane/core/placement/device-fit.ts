import { neededBytesInWords } from '../bytes-in-words.ts';
import { deviceKind } from '../node.ts';
import type { ObservedDevice } from '../observed.ts';
import type { GpuRequest, ServiceSpec } from '../spec.ts';
import type { RejectionConstraint } from './rejection.ts';

/** The memory that a replica declares on each device that it shares with others; null: it has its devices to itself. */
export function sharedMemoryOf({ resources: { gpu } }: ServiceSpec): number | null {
  return gpu && !gpu.exclusive && gpu.memoryBytes !== undefined ? gpu.memoryBytes : null;
}

/** What the device itself lacks for the request, whoever holds it; null: nothing. */
export function misfitOf(request: GpuRequest, device: ObservedDevice): RejectionConstraint | null {
  if (request.kind !== undefined && deviceKind(device) !== request.kind) return 'gpu_kind';
  if (request.driver === 'cdi' && device.driver !== 'cdi') return 'gpu_driver';
  if (request.driver === 'nvidia' && !deviceKind(device).startsWith('nvidia.com/')) return 'gpu_driver';
  const model = device.model?.toLowerCase();
  if (request.models.length > 0 && !request.models.some(m => model?.includes(m.toLowerCase()))) return 'gpu_model';
  if (request.memoryBytes !== undefined && !(device.memoryBytes! >= request.memoryBytes)) return 'gpu_memory';
  return null;
}

/** How many devices it takes at least. */
export function neededOf({ deviceIds, count }: GpuRequest): number {
  if (deviceIds.length > 0) return new Set(deviceIds).size;
  return count === -1 ? 1 : count;
}

/** All of a node's devices are asked for, however many these are. */
export function wantsAll({ deviceIds, count }: GpuRequest): boolean {
  return deviceIds.length === 0 && count === -1;
}

/** The number of devices that a rejection says are requested. `all` is the same on nodes that have more and that have fewer. */
export function requestedOf(gpu: GpuRequest): number | 'all' {
  return wantsAll(gpu) ? 'all' : neededOf(gpu);
}

/** `2 GPUs of model H100 with 20 GiB each`. */
export function gpusInWords(request: GpuRequest): string {
  const { count, deviceIds, models, memoryBytes } = request;
  if (deviceIds.length > 0) return `${deviceIds.length === 1 ? 'the GPU' : 'the GPUs'} ${deviceIds.join(', ')}`;
  const many = count !== 1;
  const number = count === -1 ? 'all GPUs' : `${count} GPU${many ? 's' : ''}`;
  const kind = request.kind === undefined ? '' : ` of kind ${request.kind}`;
  const model = models.length > 0 ? ` of model ${models.join(' or ')}` : '';
  const memory = memoryBytes === undefined ? '' : ` with ${neededBytesInWords(memoryBytes)}${many ? ' each' : ''}`;
  return number + kind + model + memory;
}
