import { gibInWords } from './device-fit.ts';
import type { Rejection, RejectionConstraint } from './rejection.ts';

/** Nodes that fail at the same constraint, with what would help. */
export interface Explanation {
  readonly constraint: RejectionConstraint;
  readonly nodes: readonly string[];
  /** The rejections of these nodes' devices. */
  readonly devices: readonly Rejection[];
  /** Of the node that comes closest. */
  readonly requested?: number | string;
  readonly free?: number;
  readonly total?: number;
  readonly heldBy: readonly string[];
  /** In words, of the node that comes closest. */
  readonly message: string;
  /** What a person can do, the simplest first. */
  readonly help: readonly string[];
}

/** Groups rejections by what the nodes lack, what a person would name first before the rest. */
export function explain(rejections: readonly Rejection[]): readonly Explanation[] {
  const devices = Map.groupBy(
    rejections.filter(r => r.device !== undefined),
    r => r.node,
  );
  const own = rejections.filter(r => r.device === undefined);
  return [...Map.groupBy(own, r => r.constraint)]
    .map(([constraint, group]): Explanation => {
      const closest = group.reduce((best, r) => (isCloser(r, best) ? r : best));
      const nodes = [...new Set(group.map(r => r.node))];
      const { requested, free, total, message } = closest;
      return {
        constraint,
        nodes,
        devices: constraint.startsWith('gpu_') ? nodes.flatMap(node => devices.get(node) ?? []) : [],
        ...(requested === undefined ? {} : { requested }),
        ...(free === undefined ? {} : { free }),
        ...(total === undefined ? {} : { total }),
        heldBy: [...new Set(group.flatMap(r => r.heldBy ?? []))].sort(),
        message,
        help: helpFor(closest, group),
      };
    })
    .sort((a, b) => distance(a) - distance(b));
}

/** A node that is large enough is closer than one with more free that never will be. */
function isCloser(a: Rejection, b: Rejection): boolean {
  if (isTooSmall(a) !== isTooSmall(b)) return isTooSmall(b);
  return (a.free ?? -1) > (b.free ?? -1);
}

function isTooSmall({ constraint, requested, total }: Pick<Rejection, 'constraint' | 'requested' | 'total'>): boolean {
  return (constraint === 'cpus' || constraint === 'memory') && Number(requested) > total!;
}

/** How far nodes are from a place: those that lack only what others hold come first, those of the wrong kind last. */
function distance(group: Explanation): number {
  return BY_DISTANCE.indexOf(group.constraint) + (isTooSmall(group) ? BY_DISTANCE.length : 0);
}

const BY_DISTANCE: readonly RejectionConstraint[] = [
  'unknown_constraint',
  'gpu_memory_left',
  'gpu_held',
  'gpu_slices',
  'gpu_quarantined',
  'gpu_vanished',
  'host_port',
  'max_per_node',
  'cpus',
  'memory',
  'draining',
  'leaving',
  'silent',
  'gpu_count',
  'gpu_memory',
  'gpu_model',
  'gpu_driver',
  'gpu_kind',
  'gpu_id',
  'label',
  'image',
  'gpu_missing',
  'no_node',
];

function helpFor(closest: Rejection, group: readonly Rejection[]): string[] {
  const { constraint, requested, found } = closest;
  const total = closest.total ?? 0;
  const free = closest.free ?? 0;
  const nodes = group.map(r => r.node);
  const heldBy = [...new Set(group.flatMap(r => r.heldBy ?? []))].sort();
  switch (constraint) {
    case 'no_node':
      return ['name a Docker engine in the nodes file, or start the one of this machine'];
    case 'silent':
      return [`see what is wrong with ${listed(nodes)}: outrigger nodes inspect ${nodes[0]}`];
    case 'leaving':
      return [`put ${listed(nodes)} back into the nodes file, or add another node`];
    case 'draining':
      return nodes.slice(0, NAMED).map(node => `undrain node ${node}: outrigger nodes undrain ${node}`);
    case 'unknown_constraint':
      return [`write the constraint "${requested}" over node.labels or node.hostname`];
    case 'label':
      return [
        `give a node a label that meets "${requested}" in the nodes file, or change deploy.placement.constraints`,
      ];
    case 'image':
      return [
        `the image ${requested} is on ${found}: have it on more nodes, or let it be pulled (pull_policy: missing)`,
      ];
    case 'gpu_missing':
      return ['add a node that has a GPU, or see with outrigger doctor why none is found on this one'];
    case 'gpu_id':
      return [found ? `ask for one of ${found}, or for a count instead` : 'ask for a count of GPUs instead of ids'];
    case 'gpu_kind':
    case 'gpu_driver':
      return [`ask for what there is: ${whatIsThere(group)}`];
    case 'gpu_model':
      return [`no node has a GPU of model ${requested}; there are ${whatIsThere(group)}`];
    case 'gpu_memory':
      return free > 0 ? [`lower x-outrigger.gpu.memory to at most ${gibInWords(free)}`] : [STATE_MEMORY];
    case 'gpu_memory_left':
      return [...(free > 0 ? [`lower x-outrigger.gpu.memory to at most ${gibInWords(free)}`] : []), ...freeing(heldBy)];
    case 'gpu_count':
      return free > 0 ? [`ask for at most ${free} ${free === 1 ? 'GPU' : 'GPUs'}, or add a node that has more`] : [];
    case 'gpu_vanished':
      return [`see why a GPU is not listed any more: outrigger nodes inspect ${nodes[0]}`];
    case 'gpu_quarantined':
      return [`wait until the quarantine ends, or end it: outrigger nodes undrain ${nodes[0]} --device ID`];
    case 'gpu_held':
    case 'gpu_slices':
      return [...freeing(heldBy), 'declare x-outrigger.gpu.memory on both sides, so that they may share'];
    case 'cpus':
      if (isTooSmall(closest)) return [`ask for at most ${total} CPUs: no node here has more`];
      return [
        ...(free > 0 ? [`ask for at most ${Math.floor(free * 1_000) / 1_000} CPUs`] : []),
        'stop or scale down a service on these nodes',
      ];
    case 'memory':
      if (isTooSmall(closest)) return [`ask for at most ${gibInWords(total)} of memory: no node here has more`];
      return [
        ...(free > 0 ? [`ask for at most ${gibInWords(free)} of memory`] : []),
        'stop or scale down a service on these nodes',
      ];
    case 'max_per_node':
      return ['raise deploy.placement.max_replicas_per_node, lower the number of replicas, or add a node'];
    case 'host_port':
      return [`publish another port than ${requested}, or let the engine choose one`, ...freeing(heldBy)];
    default:
      return constraint satisfies never;
  }
}

const STATE_MEMORY = "state the devices' memory in the nodes file: it is not known";

function freeing(services: readonly string[]): string[] {
  return services.length === 0
    ? []
    : [`stop or scale down ${listed(services)}, which hold${services.length === 1 ? 's' : ''} it`];
}

/** `4 × H100 with 80 GiB (gpu-a, gpu-b)`. */
function whatIsThere(group: readonly Rejection[]): string {
  const alike = Map.groupBy(
    group.filter(r => r.found),
    r => r.found!,
  );
  return [...alike]
    .slice(0, NAMED)
    .map(([what, some]) => `${what} (${listed(some.map(r => r.node))})`)
    .join('; ');
}

function listed(names: readonly string[]): string {
  const some = names.slice(0, NAMED).join(', ');
  return names.length > NAMED ? `${some} and ${names.length - NAMED} more` : some;
}

const NAMED = 3;
