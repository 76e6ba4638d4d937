import { parseConstraint } from './constraints.ts';
import { gibInWords } from './device-fit.ts';
import type { Asking } from './explain.ts';
import { isTooSmall } from './nearness.ts';
import type { Rejection } from './rejection.ts';

/** Nodes that fail at the same constraint. */
export interface Failed {
  readonly closest: Rejection;
  /** The closest node first. */
  readonly group: readonly Rejection[];
  /** The rejections of these nodes' devices. */
  readonly devices: readonly Rejection[];
  /** What all nodes fail at. */
  readonly all: readonly Rejection[];
  readonly asking: Asking | undefined;
}

/** What a person can do, the simplest first; nothing where nothing of it would help. */
export function helpFor(failed: Failed): string[] {
  const { closest, group, devices } = failed;
  const { constraint, requested, found } = closest;
  const total = closest.total ?? 0;
  const free = closest.free ?? 0;
  const nodes = group.map(r => r.node);
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
      return labelHelp(failed);
    case 'image':
      return [
        `the image ${requested} is on ${found}: have it on more nodes, or let it be pulled (pull_policy: missing)`,
      ];
    case 'gpu_missing':
      return missingHelp(failed);
    case 'gpu_id':
      return [found ? `ask for one of ${found}, or for a count instead` : 'ask for a count of GPUs instead of ids'];
    case 'gpu_kind':
    case 'gpu_driver':
      return [`ask for what there is: ${whatIsThere(group)}`];
    case 'gpu_model':
      return [modelHelp(failed)];
    case 'gpu_memory':
      return free > 0 ? [`lower x-outrigger.gpu.memory to at most ${gibInWords(free)}`] : [STATE_MEMORY];
    case 'gpu_memory_left':
      return [...(free > 0 ? [`lower x-outrigger.gpu.memory to at most ${gibInWords(free)}`] : []), ...freeing(failed)];
    case 'gpu_count':
      return free > 0 ? [`ask for at most ${free} ${free === 1 ? 'GPU' : 'GPUs'}, or add a node that has more`] : [];
    case 'gpu_vanished':
      return [`see why a GPU is not listed any more: outrigger nodes inspect ${nodes[0]}`];
    case 'gpu_quarantined':
      return devices
        .filter(d => d.constraint === 'gpu_quarantined')
        .slice(0, NAMED)
        .map(d => `wait until its quarantine ends, or end it: outrigger nodes undrain ${d.node} --device ${d.device}`);
    case 'gpu_held':
    case 'gpu_slices':
      return [...freeing(failed), ...sharing(failed)];
    case 'cpus':
      if (isTooSmall(closest)) return [`ask for at most ${total} CPUs: ${noneHasMore(failed)}`];
      return [
        ...(free > 0 ? [`ask for at most ${Math.floor(free * 1_000) / 1_000} CPUs`] : []),
        'stop or scale down a service on these nodes',
      ];
    case 'memory':
      if (isTooSmall(closest)) return [`ask for at most ${gibInWords(total)} of memory: ${noneHasMore(failed)}`];
      return [
        ...(free > 0 ? [`ask for at most ${gibInWords(free)} of memory`] : []),
        'stop or scale down a service on these nodes',
      ];
    case 'max_per_node':
      return ['raise deploy.placement.max_replicas_per_node, lower the number of replicas, or add a node'];
    case 'host_port':
      return [`publish another port than ${requested}, or let the engine choose one`, ...freeing(failed)];
    default:
      return constraint satisfies never;
  }
}

const STATE_MEMORY = "state the devices' memory in the nodes file: it is not known";

/** Nodes that fail at something else may well have more. */
function noneHasMore({ group, all }: Failed): string {
  const these = new Set(group.map(r => r.node));
  return all.every(r => these.has(r.node)) ? 'no node here has more' : 'none of these nodes has more';
}

/** A node's name and role are what they are: nobody gives a node another one for the sake of a service. */
function labelHelp({ closest, group, all }: Failed): string[] {
  const text = String(closest.requested);
  const constraint = parseConstraint(text);
  const attribute = constraint?.attribute.toLowerCase();
  const drop = `drop "${text}" from deploy.placement.constraints`;
  if (!constraint || attribute === undefined || /^(node|engine)\.labels\./.test(attribute)) {
    return [`give a node a label that meets "${text}" in the nodes file, or change deploy.placement.constraints`];
  }
  if (attribute === 'node.role') return [`${drop}: every node here is a worker`];
  if (!constraint.equal) return [`${drop} to have ${listed(group.map(r => r.node))} taken as well`];
  const names = [...new Set(all.map(r => r.node))].sort();
  const meant = names.find(name => name.toLowerCase() === constraint.value.toLowerCase());
  if (meant === undefined) return [`there is no node ${constraint.value}; there ${are(names)} ${listed(names)}`];
  return [`that is ${meant}: see what it lacks, or ${drop}`];
}

/** A node without GPUs is no matter where others have some. */
function missingHelp({ group, all }: Failed): string[] {
  const without = new Set(group.map(r => r.node));
  if (all.some(r => !without.has(r.node))) return [];
  const isFromFile = without.size > 1 || !without.has(LOCAL);
  const doctor = isFromFile ? 'outrigger doctor --nodes FILE' : 'outrigger doctor';
  return [`add a node that has a GPU, or see with ${doctor} why none is found on ${isFromFile ? 'these' : 'this one'}`];
}

/** The name of the only node where there is no nodes file. */
const LOCAL = 'local';

function modelHelp({ closest, devices }: Failed): string {
  const models = new Set(devices.filter(d => d.constraint === 'gpu_model').flatMap(d => d.found ?? []));
  return `ask for ${[...models].slice(0, NAMED).join(' or ')}, or add a node that has a GPU of model ${closest.requested}`;
}

/** A service does not make room for itself: those that are there already would be too few then. */
function freeing({ group, asking }: Failed): string[] {
  const others = holdersOf(group).filter(key => key !== asking?.service);
  return others.length === 0
    ? []
    : [`stop or scale down ${listed(others)}, which hold${others.length === 1 ? 's' : ''} it`];
}

/** Who has to declare what it uses of a device, so that several may have it. */
function sharing({ group, asking }: Failed): string[] {
  const holders = holdersOf(group);
  if (!asking) return ['declare x-outrigger.gpu.memory on both sides, so that they may share'];
  const declares = (spec: Asking['spec'] | undefined) => spec?.resources.gpu?.exclusive === false;
  const silent = holders.filter(key => key !== asking.service && !declares(asking.specOf(key)));
  const self = declares(asking.spec) ? [] : [asking.service];
  const missing = [...self, ...silent];
  return missing.length === 0
    ? []
    : [`declare x-outrigger.gpu.memory for ${missing.slice(0, NAMED).join(' and ')}, so that they may share`];
}

function holdersOf(group: readonly Rejection[]): string[] {
  return [...new Set(group.flatMap(r => r.heldBy ?? []))].sort();
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

function are(names: readonly string[]): string {
  return names.length === 1 ? 'is' : 'are';
}

const NAMED = 3;
