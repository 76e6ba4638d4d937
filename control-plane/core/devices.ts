import type { ObservedDevice } from './observed.ts';
import type { GpuRequest } from './spec.ts';

/** The devices of a node that are free for a request, or why there are not enough. Whole devices: one holder each. */
export function chooseDevices(
  request: GpuRequest | undefined,
  devices: readonly ObservedDevice[],
  taken: ReadonlySet<string>,
): { kind: 'chosen'; devices: string[] } | { kind: 'short'; reason: string } {
  if (!request) return { kind: 'chosen', devices: [] };
  if (devices.length === 0) {
    return { kind: 'short', reason: `needs ${describe(request)}, and no GPU is known on this node` };
  }
  if (request.deviceIds.length > 0) return chooseById(request.deviceIds, devices, taken);

  const fitting = devices.filter(d => fits(request, d));
  const free = fitting.filter(d => !taken.has(d.id));
  const count = request.count === -1 ? fitting.length : request.count;
  if (count > 0 && free.length >= count) return { kind: 'chosen', devices: free.slice(0, count).map(d => d.id) };
  const held = fitting.length - free.length;
  return {
    kind: 'short',
    reason: `needs ${describe(request)}: ${devices.length} on the node, ${fitting.length} fitting, ${held} of those held by others`,
  };
}

function chooseById(ids: readonly string[], devices: readonly ObservedDevice[], taken: ReadonlySet<string>) {
  const chosen: string[] = [];
  for (const wanted of ids) {
    const device = devices.find(d => d.id === wanted || d.id.endsWith(`=${wanted}`));
    if (!device) {
      return {
        kind: 'short' as const,
        reason: `device ${wanted} does not exist; the node has ${devices.map(d => d.id).join(', ')}`,
      };
    }
    if (taken.has(device.id))
      return { kind: 'short' as const, reason: `device ${device.id} is held by another replica` };
    chosen.push(device.id);
  }
  return { kind: 'chosen' as const, devices: chosen };
}

function fits(request: GpuRequest, device: ObservedDevice): boolean {
  const modelFits =
    request.models.length === 0 ||
    (device.model !== undefined && request.models.some(m => device.model?.toLowerCase().includes(m.toLowerCase())));
  const memoryFits =
    request.memoryBytes === undefined ||
    (device.memoryBytes !== undefined && device.memoryBytes >= request.memoryBytes);
  const driverFits = request.driver === undefined || request.driver === device.driver;
  return modelFits && memoryFits && driverFits;
}

function describe(request: GpuRequest): string {
  const count = request.count === -1 ? 'all GPUs' : `${request.count} GPU${request.count === 1 ? '' : 's'}`;
  const models = request.models.length > 0 ? ` of model ${request.models.join(' or ')}` : '';
  const memory = request.memoryBytes === undefined ? '' : ` with ${(request.memoryBytes / 2 ** 30).toFixed(1)} GiB`;
  return count + models + memory;
}
