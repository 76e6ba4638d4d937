import { deviceKind } from '../../control-plane/core/node.ts';
import type { ObservedDevice, ObservedNode } from '../../control-plane/core/observed.ts';
import type { PlacementRequest } from '../../control-plane/core/placement/cluster.ts';
import type { GpuRequest, ServiceSpec } from '../../control-plane/core/spec.ts';

/** What is left of one node; plain sums of its own, nothing of the scheduler's. */
interface Left {
  readonly node: ObservedNode;
  cpus: number;
  memoryBytes: number;
  readonly devices: { readonly device: ObservedDevice; holders: number; whole: boolean; declaredBytes: number }[];
}

/**
 * Tries every way to place all of the requests on open nodes. The fewest devices that any of them uses; null: there is no
 * way. For CPUs, memory and devices by count, memory, model and kind.
 */
export function fewestDevices(nodes: readonly ObservedNode[], requests: readonly PlacementRequest[]): number | null {
  const lefts = nodes.map(
    (node): Left => ({
      node,
      cpus: node.cpus,
      memoryBytes: node.memoryBytes,
      devices: node.devices.map(device => ({ device, holders: 0, whole: false, declaredBytes: 0 })),
    }),
  );
  let fewest: number | null = null;
  const used = () => lefts.reduce((sum, l) => sum + l.devices.filter(d => d.holders > 0).length, 0);
  const place = (at: number): void => {
    if (fewest !== null && used() >= fewest) return;
    const request = requests[at];
    if (!request) {
      fewest = used();
      return;
    }
    const { spec } = request;
    for (const left of lefts) {
      if (left.cpus + 1e-9 < spec.resources.cpus || left.memoryBytes < spec.resources.memoryBytes) continue;
      for (const some of setsFor(spec, left)) {
        take(left, spec, some, 1);
        place(at + 1);
        take(left, spec, some, -1);
      }
    }
  };
  place(0);
  return fewest;
}

function setsFor({ resources: { gpu } }: ServiceSpec, { devices }: Left): readonly Left['devices'][] {
  if (!gpu) return [[]];
  return subsetsOf(devices).filter(some => {
    const isAll = gpu.count === -1;
    const wanted = isAll ? devices.filter(d => suits(gpu, d.device) && !slices(d.device, devices).length) : [];
    if (isAll ? some.length !== wanted.length || some.length === 0 : some.length !== gpu.count) return false;
    if (new Set(some.map(d => deviceKind(d.device))).size > 1 && !isAll) return false;
    return some.every(d => isFree(gpu, d, devices) && !slices(d.device, some).length);
  });
}

function suits(gpu: GpuRequest, { model, memoryBytes }: ObservedDevice): boolean {
  return (
    (gpu.models.length === 0 || gpu.models.some(m => model?.toLowerCase().includes(m.toLowerCase()))) &&
    (gpu.memoryBytes === undefined || (memoryBytes ?? 0) >= gpu.memoryBytes)
  );
}

function isFree(gpu: GpuRequest, d: Left['devices'][number], all: Left['devices']): boolean {
  if (!suits(gpu, d.device)) return false;
  const kin = all.filter(o => slices(d.device, [o]).length > 0 || slices(o.device, [d]).length > 0);
  if (d.whole || kin.some(o => o.holders > 0)) return false;
  return gpu.exclusive ? d.holders === 0 : d.declaredBytes + gpu.memoryBytes! <= d.device.memoryBytes!;
}

/** Those of the devices that are slices of this one. */
function slices(device: ObservedDevice, all: Left['devices']): Left['devices'] {
  return all.filter(o => o.device.slice?.of === device.id);
}

function take(left: Left, { resources: { cpus, memoryBytes, gpu } }: ServiceSpec, some: Left['devices'], sign: 1 | -1) {
  left.cpus -= sign * cpus;
  left.memoryBytes -= sign * memoryBytes;
  for (const d of some) {
    d.holders += sign;
    if (gpu?.exclusive) d.whole = sign === 1;
    else d.declaredBytes += sign * (gpu?.memoryBytes ?? 0);
  }
}

function subsetsOf<T>(all: readonly T[]): T[][] {
  let sets: T[][] = [[]];
  for (const one of all) sets = sets.concat(sets.map(set => [...set, one]));
  return sets;
}
