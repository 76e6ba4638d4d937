import { chooseDevices } from './devices.ts';
import type { ObservedNode } from './observed.ts';
import type { Placement } from './replica.ts';
import type { ServiceSpec } from './spec.ts';

/** What placed replicas hold on one node. Changed only by `take`. */
export interface Holdings {
  cpus: number;
  memoryBytes: number;
  readonly devices: Set<string>;
  /** Fixed ports of the host; those that the engine chooses cannot clash. */
  readonly hostPorts: ServiceSpec['ports'][number][];
  /** Replicas by service, to spread a service over nodes. */
  readonly replicas: Map<string, number>;
}

export function emptyHoldings(): Holdings {
  return { cpus: 0, memoryBytes: 0, devices: new Set(), hostPorts: [], replicas: new Map() };
}

/** Books a placement, so that the next replica of the same pass sees it. */
export function take(holdings: Holdings, spec: ServiceSpec, placement: Placement): void {
  holdings.cpus += spec.resources.cpus;
  holdings.memoryBytes += spec.resources.memoryBytes;
  for (const device of placement.devices) holdings.devices.add(device);
  holdings.hostPorts.push(...spec.ports.filter(p => p.hostPort > 0));
  const key = `${spec.namespace}/${spec.name}`;
  holdings.replicas.set(key, (holdings.replicas.get(key) ?? 0) + 1);
}

/**
 * Finds a node for one replica: filters the nodes that have room, takes the one with the fewest replicas of the service,
 * then the fewest free devices (GPU work packs tightly), then the name, so that equal input gives equal output. Without
 * a node, each one's reason.
 */
export function schedule(
  spec: ServiceSpec,
  nodes: readonly ObservedNode[],
  holdings: ReadonlyMap<string, Holdings>,
): { kind: 'placed'; placement: Placement } | { kind: 'unplaceable'; reasons: string[] } {
  const candidates: { placement: Placement; siblings: number; freeDevices: number }[] = [];
  const reasons: string[] = [];
  for (const node of nodes) {
    const held = holdings.get(node.name) ?? emptyHoldings();
    const fit = fitOn(node, held, spec);
    if (fit.kind === 'short') {
      reasons.push(`${node.name}: ${fit.reason}`);
      continue;
    }
    candidates.push({
      placement: { node: node.name, devices: fit.devices },
      siblings: held.replicas.get(`${spec.namespace}/${spec.name}`) ?? 0,
      freeDevices: node.devices.length - held.devices.size,
    });
  }
  candidates.sort(
    (a, b) =>
      a.siblings - b.siblings || a.freeDevices - b.freeDevices || (a.placement.node < b.placement.node ? -1 : 1),
  );
  const best = candidates[0];
  if (best) return { kind: 'placed', placement: best.placement };
  return { kind: 'unplaceable', reasons: reasons.length > 0 ? reasons : ['no node is known yet'] };
}

function fitOn(
  node: ObservedNode,
  held: Holdings,
  spec: ServiceSpec,
): { kind: 'fits'; devices: string[] } | { kind: 'short'; reason: string } {
  if (!node.answering) return { kind: 'short', reason: `does not answer: ${node.error ?? 'no listing yet'}` };
  const { cpus, memoryBytes, gpu } = spec.resources;
  const freeCpus = node.cpus - held.cpus;
  // Sums of fractions such as 0.1 drift; a millionth of a core is no reason to refuse.
  if (cpus > freeCpus + 1e-6) {
    return { kind: 'short', reason: `needs ${cpus} CPUs, ${round(freeCpus)} of ${node.cpus} are free` };
  }
  const freeMemory = node.memoryBytes - held.memoryBytes;
  if (memoryBytes > freeMemory) {
    return {
      kind: 'short',
      reason: `needs ${mib(memoryBytes)} of memory, ${mib(freeMemory)} of ${mib(node.memoryBytes)} are free`,
    };
  }
  const unmet = spec.placement.constraints.find(c => !meets(node, c));
  if (unmet !== undefined) return { kind: 'short', reason: `does not meet the constraint "${unmet}"` };
  const clash = spec.ports.find(p => held.hostPorts.some(other => clashes(p, other)));
  if (clash) return { kind: 'short', reason: `host port ${clash.hostPort} is taken by another replica` };
  const choice = chooseDevices(gpu, node.devices, held.devices);
  return choice.kind === 'chosen' ? { kind: 'fits', devices: choice.devices } : choice;
}

function clashes(a: ServiceSpec['ports'][number], b: ServiceSpec['ports'][number]): boolean {
  const everywhere = (ip: string) => ip === '' || ip === '0.0.0.0' || ip === '::';
  const sameAddress = a.hostIp === b.hostIp || everywhere(a.hostIp) || everywhere(b.hostIp);
  return a.hostPort > 0 && a.hostPort === b.hostPort && a.protocol === b.protocol && sameAddress;
}

/** Compose's `node.labels.key == value` and `!=`, over node labels; `node.hostname` is the node's name. */
function meets(node: ObservedNode, constraint: string): boolean {
  const match = /^\s*node\.(hostname|labels\.(\S+?))\s*(==|!=)\s*(.*?)\s*$/.exec(constraint);
  if (!match) return false;
  const actual = match[2] === undefined ? node.name : node.labels[match[2]];
  return (actual === match[4]) === (match[3] === '==');
}

function round(cpus: number): number {
  return Math.round(cpus * 1_000) / 1_000;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
