import { bytesInWords, neededBytesInWords } from '../bytes-in-words.ts';
import { type ServiceSpec, serviceKey } from '../spec.ts';
import type { NodeLedger } from './cluster-node.ts';
import { attributeOf, meets, parseConstraint, unknownIn } from './constraints.ts';
import { gpuRejections } from './device-rejections.ts';
import { microCpus } from './need.ts';
import type { Rejection } from './rejection.ts';

/** What a request meets on a node, apart from what the node itself has. */
export interface Circumstances {
  /** Replicas of the service there. */
  readonly siblings: number;
  /** The nodes that have the image. */
  readonly imageAt: readonly string[];
  /** This one was asked for it, and does not have it. */
  readonly isImageAbsent: boolean;
}

/**
 * Everything that a node lacks for a replica of the spec; empty where nothing is lacking. What is so for good hides what
 * other replicas hold: nobody makes room on a node of the wrong kind.
 */
export function rejectionsOf(
  ledger: NodeLedger,
  spec: ServiceSpec,
  { siblings, imageAt, isImageAbsent }: Circumstances,
): readonly Rejection[] {
  const gpus = gpuRejections(ledger, spec);
  const sizes = sizeRejections(ledger, spec);
  const lasting = [
    ...labelRejections(ledger, spec),
    ...imageRejections(ledger, spec, { imageAt, isImageAbsent }),
    ...(gpus.lasting ? gpus.rejections : []),
    ...sizes.filter(r => Number(r.requested) > r.total!),
  ];
  // Of a node that never answered nothing is known.
  const isKnown = ledger.node.answering || ledger.node.cpus > 0;
  const closed = closedRejection(ledger, isKnown);
  if (lasting.length > 0 && isKnown) return lasting;
  return closed ? [closed] : [...sizes, ...gpus.rejections, ...countRejections(ledger, spec, siblings)];
}

function closedRejection({ node, record }: NodeLedger, isKnown: boolean): Rejection | null {
  if (!node.answering) {
    const error = node.error ?? 'no listing yet';
    const unknown = isKnown ? {} : { isUnknown: true as const };
    return { node: node.name, constraint: 'silent', found: error, ...unknown, message: `no answer: ${error}` };
  }
  if (node.leaving) return { node: node.name, constraint: 'leaving', message: 'not configured any more' };
  if (record && record.drainingSince !== null) {
    return { node: node.name, constraint: 'draining', message: 'drained: takes no new replicas' };
  }
  return null;
}

function labelRejections({ node }: NodeLedger, spec: ServiceSpec): Rejection[] {
  return spec.placement.constraints.flatMap((text): Rejection[] => {
    const constraint = parseConstraint(text);
    const actual = constraint ? attributeOf(node, constraint.attribute) : undefined;
    if (!constraint || actual === undefined) {
      const message = unknownIn(text) ?? '';
      return [{ node: node.name, constraint: 'unknown_constraint', requested: text, message }];
    }
    if (meets(actual, constraint)) return [];
    const found = actual === '' ? `no ${constraint.attribute}` : `${constraint.attribute} is ${actual}`;
    const message = `the constraint "${text}" is not met: ${found}`;
    return [{ node: node.name, constraint: 'label', requested: text, found: actual, message }];
  });
}

/**
 * An image that is never pulled, or was refused to a node, is waited for where it is. Nowhere: the engine says so, for it
 * knows more names of images.
 */
function imageRejections(
  { node }: NodeLedger,
  spec: ServiceSpec,
  { imageAt, isImageAbsent }: Pick<Circumstances, 'imageAt' | 'isImageAbsent'>,
): Rejection[] {
  const { pullPolicy, image: requested } = spec;
  const { name, connection } = node;
  if (imageAt.includes(name)) return [];
  // What can be pulled is waited for nowhere but beside those that have it.
  if (imageAt.length === 0 && (!isImageAbsent || pullPolicy !== 'never')) return [];
  const refusal = isImageAbsent ? 'its pull was refused' : 'its pull was refused on another node';
  const why = pullPolicy === 'never' ? 'is never pulled' : refusal;
  const message = `the image ${requested} is not there, and ${why}`;
  return [{ node: name, connection, constraint: 'image', requested, found: imageAt.join(', '), message }];
}

function sizeRejections(ledger: NodeLedger, spec: ServiceSpec): Rejection[] {
  const { node, freeMicroCpus, freeMemoryBytes } = ledger;
  const { cpus, memoryBytes } = spec.resources;
  const rejections: Rejection[] = [];
  if (cpus > 0 && microCpus(cpus) > freeMicroCpus) {
    const [free, total] = [freeMicroCpus / 1e6, (microCpus(node.cpus) - microCpus(node.reservedCpus)) / 1e6];
    const message = `needs ${cpus} CPUs, ${inCores(free)} of ${inCores(total)} are free`;
    const held = heldBy(ledger, spec, s => s.resources.cpus);
    rejections.push({ node: node.name, constraint: 'cpus', requested: cpus, free, total, ...held, message });
  }
  if (memoryBytes > 0 && memoryBytes > freeMemoryBytes) {
    const [free, total] = [freeMemoryBytes, node.memoryBytes - node.reservedMemoryBytes];
    const message = `needs ${neededBytesInWords(memoryBytes)} of memory, ${bytesInWords(free)} of ${bytesInWords(total)} are free`;
    const held = heldBy(ledger, spec, s => s.resources.memoryBytes);
    rejections.push({ node: node.name, constraint: 'memory', requested: memoryBytes, free, total, ...held, message });
  }
  return rejections;
}

/** Whose replicas hold any of it, and what those of the service itself hold. */
function heldBy(
  ledger: NodeLedger,
  spec: ServiceSpec,
  of: (spec: ServiceSpec) => number,
): Pick<Rejection, 'heldBy' | 'own'> {
  const those = [...ledger.held.values()].filter(h => of(h.spec) > 0);
  const own = those.filter(h => h.service === serviceKey(spec));
  const held = own.reduce((sum, h) => sum + of(h.spec), 0);
  return {
    ...(those.length > 0 && { heldBy: [...new Set(those.map(h => h.service))].sort() }),
    ...(own.length > 0 && { own: { held, count: own.length } }),
  };
}

function countRejections(ledger: NodeLedger, spec: ServiceSpec, siblings: number): Rejection[] {
  const { node } = ledger;
  const rejections: Rejection[] = [];
  const { maxPerNode } = spec.placement;
  if (maxPerNode !== undefined && siblings >= maxPerNode) {
    const message = `${siblings} ${siblings === 1 ? 'replica' : 'replicas'} of the service there already, at most ${maxPerNode} per node wanted`;
    const figures = { requested: 1, free: 0, total: maxPerNode };
    rejections.push({ node: node.name, constraint: 'max_per_node', ...figures, message });
  }
  const taken = ledger.takenPort(spec);
  if (taken) {
    const { port, holder } = taken;
    const message = `host port ${port.hostPort} is taken by another replica, of ${holder.service}`;
    const heldBy = [holder.service];
    rejections.push({ node: node.name, constraint: 'host_port', requested: port.hostPort, heldBy, message });
  }
  return rejections;
}

function inCores(cpus: number): number {
  return Math.round(cpus * 1_000) / 1_000;
}
