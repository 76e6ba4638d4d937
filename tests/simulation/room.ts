import { deviceKind } from '../../control-plane/core/node.ts';
import type { Placement } from '../../control-plane/core/replica.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import { setupId } from './device-names.ts';
import type { SimulatedNode } from './simulated-node.ts';
import type { Stored } from './witness.ts';

/** What takes room on a node: a container that runs, or a replica that has a place. */
export interface Holder {
  readonly request: { readonly placement: Placement; readonly spec: ServiceSpec };
}

/** Nodes, what is stored of them, and what takes room on them. */
interface Rooms<H extends Holder> {
  readonly nodes: readonly SimulatedNode[];
  readonly stored: Stored;
  readonly running: () => readonly H[];
}

/**
 * A node that could take one more replica, counted without the scheduler's code: in a whole world from what really runs.
 * `counts`: whose containers are in the way.
 */
export function nodeWithRoom<H extends Holder>(
  world: Rooms<H>,
  spec: ServiceSpec,
  counts: (holder: H) => boolean,
): SimulatedNode | undefined {
  return world.nodes.find(node => {
    if (!takes(world, node)) return false;
    const there = world.running().filter(c => c.request.placement.node === node.name && counts(c));
    const used = there.reduce((sum, c) => sum + c.request.spec.resources.cpus, 0);
    const zone = /==\s*(\S+)$/.exec(spec.placement.constraints[0] ?? '')?.[1];
    const own = there.filter(c => c.request.spec.name === spec.name).length;
    return (
      used + spec.resources.cpus <= node.setup.cpus &&
      (zone === undefined || node.setup.labels?.['zone'] === zone) &&
      own < (spec.placement.maxPerNode ?? Number.POSITIVE_INFINITY) &&
      hasDevices(world, node, spec, there)
    );
  });
}

/** It is known to answer, and gives nothing away. */
function takes(world: Pick<Rooms<Holder>, 'stored'>, node: SimulatedNode): boolean {
  const drained = world.stored.node(node.name)?.drainingSince ?? null;
  return node.isKnownToAnswer && drained === null;
}

function hasDevices(
  world: Pick<Rooms<Holder>, 'stored'>,
  node: SimulatedNode,
  spec: ServiceSpec,
  there: readonly Holder[],
): boolean {
  const { gpu } = spec.resources;
  if (!gpu) return true;
  const quarantined = new Set(world.stored.node(node.name)?.quarantined.map(q => setupId(q.device)));
  const related = (a: string, b: string) => setupId(a) === setupId(b) || isPart(node, a, b) || isPart(node, b, a);
  const fitting = node.machine.devices.filter(
    ({ model, memoryBytes = 0 }) =>
      (gpu.models.length === 0 || gpu.models.some(m => model?.includes(m))) && memoryBytes >= (gpu.memoryBytes ?? 0),
  );
  const free = fitting.filter(({ id, memoryBytes = 0 }) => {
    if (quarantined.has(setupId(id))) return false;
    const holders = there.filter(c => c.request.placement.devices.some(d => related(d, id)));
    if (gpu.exclusive || gpu.memoryBytes === undefined) return holders.length === 0;
    const shares = holders.map(({ request }) => {
      const { gpu: theirs } = request.spec.resources;
      return theirs && !theirs.exclusive && request.placement.devices.some(d => setupId(d) === setupId(id))
        ? theirs.memoryBytes
        : undefined;
    });
    const sum = shares.reduce<number>((total, bytes) => total + (bytes ?? Number.POSITIVE_INFINITY), 0);
    return sum + gpu.memoryBytes <= memoryBytes;
  });
  if (gpu.count === -1) return fitting.length > 0 && free.length === fitting.length;
  // A slice and its device are not free together, and several devices are of one kind.
  const apart = free.filter(({ id }) => !free.some(other => isPart(node, other.id, id)));
  const kinds = Map.groupBy(apart, ({ id }) => deviceKind({ id }));
  return [...kinds.values()].some(same => same.length >= gpu.count);
}

function isPart(node: SimulatedNode, slice: string, of: string): boolean {
  return node.setup.devices.find(d => d.id === setupId(slice))?.slice?.of === setupId(of);
}
