import type { GpuRequest } from '../../control-plane/core/spec.ts';
import type { Holding } from './holdings.ts';
import { NODE_GPUS } from './test-cluster.ts';

export type Request = Pick<GpuRequest, 'count' | 'models' | 'exclusive'> & { readonly memoryBytes?: number };

/** What must never be seen on the engines, whatever happens; empty where all is well. */
export function violations(live: readonly Holding[], requestOf: (h: Holding) => Request | null): readonly string[] {
  const found: string[] = [];
  for (const [device, holders] of byDevice(live)) {
    const requests = holders.map(requestOf);
    const names = holders
      .map(h => `${h.namespace}/${h.replicaId} (${h.state}, ${h.containerId.slice(0, 12)})`)
      .join(', ');
    if (holders.length > 1 && requests.some(r => r?.exclusive)) {
      found.push(`${device} has several holders, and one of them wants it alone: ${names}`);
    }
    const declared = requests.reduce((sum, r) => sum + (r?.memoryBytes ?? 0), 0);
    const total = memoryOf(Number(device.split(' ')[1]));
    if (declared > total) found.push(`${device} has ${total} bytes, its holders declare ${declared}: ${names}`);
  }
  for (const holding of live) {
    const request = requestOf(holding);
    const wanted = request?.count ?? 0;
    if (holding.devices.length !== wanted) {
      found.push(
        `${holding.namespace}/${holding.replicaId} asked for ${wanted} devices and has ${holding.devices.length}`,
      );
    }
    const unfit = holding.devices.filter(index => request && !fits(index, request));
    if (unfit.length > 0)
      found.push(`${holding.namespace}/${holding.replicaId} has devices that it must not: ${unfit}`);
  }
  return found;
}

/**
 * Replicas that had two running containers at one moment. Nodes are listed one after the other, so one listing proves
 * nothing: a container that both listings show was there while the earlier one saw the other.
 */
export function doubled(earlier: readonly Holding[], later: readonly Holding[]): readonly string[] {
  const stayed = new Set(later.map(h => h.containerId));
  return [...Map.groupBy(earlier, h => h.replicaId)]
    .filter(([, of]) => of.length > 1 && of.some(h => stayed.has(h.containerId)))
    .map(([id, of]) => `replica ${id} has ${of.length} containers: ${of.map(h => `${h.node} ${h.state}`).join(', ')}`);
}

/** The nodes that have room for one more replica with this request, as far as the engines show. */
export function nodesWithRoom(
  live: readonly Holding[],
  requestOf: (h: Holding) => Request | null,
  nodes: readonly string[],
  request: Request | null,
) {
  if (!request) return nodes;
  const holdersOf = byDevice(live);
  return nodes.filter(node => {
    const free = NODE_GPUS.filter((_, index) => {
      const requests = (holdersOf.get(`${node} ${index}`) ?? []).map(requestOf);
      if (!fits(index, request)) return false;
      if (request.exclusive) return requests.length === 0;
      const declared = requests.reduce((sum, r) => sum + (r?.memoryBytes ?? 0), request.memoryBytes ?? 0);
      return !requests.some(r => r?.exclusive) && declared <= memoryOf(index);
    });
    return free.length >= request.count;
  });
}

/** By node and index, such as `a 3`. */
function byDevice(live: readonly Holding[]): ReadonlyMap<string, readonly Holding[]> {
  const devices = new Map<string, Holding[]>();
  for (const holding of live) {
    for (const index of holding.devices) {
      const device = `${holding.node} ${index}`;
      devices.set(device, [...(devices.get(device) ?? []), holding]);
    }
  }
  return devices;
}

function fits(index: number, request: Request): boolean {
  const model = NODE_GPUS[index]?.model ?? '';
  return (
    (request.models.length === 0 || request.models.includes(model)) && (request.memoryBytes ?? 0) <= memoryOf(index)
  );
}

function memoryOf(index: number): number {
  return (NODE_GPUS[index]?.memoryMib ?? 0) * 2 ** 20;
}
