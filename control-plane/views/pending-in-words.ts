import type { HeldByLower, ImageFirst, PendingReason } from '../core/pending-reason.ts';
import type { NodesLack } from '../core/placement/rejection.ts';
import type { LackWords } from './lack-in-words.ts';

/** What a replica without a place waits for, in words for people. @param words for what nodes lack */
export function pendingInWords(reason: PendingReason, words: LackWords): string {
  switch (reason.kind) {
    case 'dependency':
      return `waits for service ${reason.service} to be ${reason.condition}`;
    case 'surge':
      return `waits for others of ${reason.service} to leave`;
    case 'room_made':
      return 'others are on their way out and make room for it';
    case 'image_first':
      return imageFirstInWords(reason);
    case 'untidy_node':
      return `${reason.node}: containers of an earlier time are ended there first`;
    case 'held_by_lower':
      return heldInWords(reason);
    case 'lack':
      return `${nodesInWords(reason.nodes, reason.count)}${words(reason)}`;
    case 'other_lacks':
      return `${reason.count} more ${reason.count === 1 ? 'node' : 'nodes'}: other reasons`;
    default:
      return reason satisfies never;
  }
}

/**
 * All of them in one line: what the closest nodes lack, and how many others there are. That somebody drains a node is known to
 * them: what the others lack comes first. Where the closest do not answer, what those lack that do is told as well: that is
 * what somebody can do something about while the others are away.
 */
export function briefly(given: readonly PendingReason[], words: LackWords): string {
  const reasons = emptiedLast(given);
  const closest = reasons.findIndex(r => nodesOf(r) > 0);
  const told = (reason: PendingReason) => pendingInWords(reason, words);
  if (closest === -1) return reasons.map(told).join('; ');
  const rest = reasons.slice(closest + 1);
  const silent = rest.filter(isSilence);
  const answering = rest.filter(r => !isSilence(r));
  const next = isSilence(reasons[closest]!) && answering[0]?.kind === 'lack' ? 1 : 0;
  const others = answering.slice(next).reduce((sum, r) => sum + nodesOf(r), 0);
  const more = others === 0 ? [] : [`and ${others} more ${others === 1 ? 'node' : 'nodes'}`];
  const near = [...reasons.slice(0, closest + 1), ...answering.slice(0, next)];
  return [...near.map(told), ...silenceInWords(silent), ...more].join('; ');
}

function isSilence(reason: PendingReason): reason is NodesLack & { readonly constraint: 'silent' } {
  return reason.kind === 'lack' && reason.constraint === 'silent';
}

/** Any of them may have what the others lack, so that they are told of; why each is silent stands elsewhere. */
function silenceInWords(lacks: readonly NodesLack[]): string[] {
  const count = lacks.reduce((sum, lack) => sum + nodesOf(lack), 0);
  if (count === 0) return [];
  const [first] = lacks.flatMap(lack => lack.nodes);
  return [count === 1 ? `${first} does not answer` : `${count} nodes do not answer`];
}

function emptiedLast(reasons: readonly PendingReason[]): readonly PendingReason[] {
  const isEmptied = (r: PendingReason) =>
    r.kind === 'lack' && (r.constraint === 'draining' || r.constraint === 'leaving');
  const isOther = (r: PendingReason) => r.kind === 'other_lacks';
  const plain = reasons.filter(r => !isEmptied(r) && !isOther(r));
  return [...plain, ...reasons.filter(isEmptied), ...reasons.filter(isOther)];
}

/** It is about what others do, and not about what the nodes lack. */
export function isAboutOthers({ kind }: PendingReason): boolean {
  return kind !== 'lack' && kind !== 'other_lacks';
}

function imageFirstInWords({ image, node, by, refusal }: ImageFirst): string {
  const [first, ...others] = by;
  const more = others.length === 0 ? 'gives' : `and ${others.length} more give`;
  const who = first === undefined ? 'another replica gives' : `${first} ${more}`;
  const trouble = refusal === undefined ? '' : ` (its pull is tried again; it was refused: ${refusal})`;
  return `waits for image ${image} to be on node ${node} before ${who} way${trouble}`;
}

function heldInWords({ services, because }: HeldByLower): string {
  const [has, them] = [services.length === 1 ? 'has' : 'have', services.length === 1 ? 'its' : 'their'];
  const who = `${services.join(', ')}, of lower priority, ${has} its room`;
  switch (because) {
    case 'busy':
      return `${who} and ${services.length === 1 ? 'is' : 'are'} not idle`;
    case 'load_unknown':
      return `${who}, and ${them} load is unknown (no load metrics that count requests)`;
    case 'measured_use':
      return `${who}, and ${services.length === 1 ? 'stays' : 'stay'}: others use memory of the device that nobody declares, so that there would be too little`;
    case 'needed':
      return `${who}, and ${services.length === 1 ? 'stays' : 'stay'}: this service depends on ${services.length === 1 ? 'it' : 'them'}, and could not start without`;
    default:
      return because satisfies never;
  }
}

/** What a person can do about what others do. */
export function helpWith(reason: PendingReason): readonly string[] {
  if (reason.kind !== 'held_by_lower') return [];
  const [first] = reason.services;
  const [namespace, name] = (first ?? '').split('/');
  switch (reason.because) {
    case 'busy':
      return [`wait until ${first} has no requests, or outrigger scale -p ${namespace} ${name}=0`];
    case 'load_unknown':
      return [
        `have ${first} report its load: docs/sidecar.md says which metrics are read`,
        `outrigger scale -p ${namespace} ${name}=0`,
      ];
    case 'measured_use':
      return ['nvidia-smi on the node shows which processes use the memory: end those that are not needed'];
    case 'needed':
      return ['add a node with room for both', `take ${name} out of depends_on, so that it may give way`];
    default:
      return reason.because satisfies never;
  }
}

/** How many nodes it is about. */
function nodesOf(reason: PendingReason): number {
  switch (reason.kind) {
    case 'lack':
    case 'other_lacks':
      return reason.count;
    case 'untidy_node':
      return 1;
    case 'dependency':
    case 'surge':
    case 'room_made':
    case 'image_first':
    case 'held_by_lower':
      return 0;
    default:
      return reason satisfies never;
  }
}

function nodesInWords(named: readonly string[], count: number): string {
  if (count === 0) return '';
  if (count === 1) return `${named[0]}: `;
  return `${count} nodes (${named.join(', ')}${count > named.length ? ', …' : ''}): `;
}
