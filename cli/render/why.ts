import type { WhyGroupView, WhyReplicaView, WhyView } from '../../control-plane/views/views.ts';
import type { Style } from '../output.ts';
import { phaseStyle, stateStyle } from './phase.ts';
import { singleLine } from './text.ts';
import { formatAge, formatDuration } from './units.ts';
import { wrap } from './wrap.ts';

export interface WhyOptions {
  readonly nowMs: number;
  readonly width: number;
  readonly style: (style: Style, text: string) => string;
}

/** Why a service waits, for people: what waits first, replicas with the same reasons told once. */
export function whyLines(why: WhyView, options: WhyOptions): string[] {
  const { style } = options;
  const waiting = why.replicas.filter(r => r.waiting);
  const others = why.replicas.filter(r => !r.waiting);
  return [
    ...wrap(`${why.namespace}/${why.name}: ${headline(why)}`, options.width, '  ').map(line =>
      style(stateStyle(why.state), line),
    ),
    ...alike(waiting).flatMap(same => ['', ...replicaLines(same, options)]),
    ...(others.length > 0 ? ['', ...alike(others).flatMap(same => replicaLines(same, options))] : []),
  ];
}

function headline({ total, waiting, state, message }: WhyView): string {
  if (total === 0) return `${state}; ${message || 'it has no replicas'}`;
  if (waiting === 0) return `${state}; nothing waits`;
  return `${state}; ${waiting} of ${counted(total)} ${waiting === 1 ? 'waits' : 'wait'}`;
}

/** Replicas that are in the same phase for the same reasons. Those that have a place are each where they are. */
function alike(replicas: readonly WhyReplicaView[]): WhyReplicaView[][] {
  const key = ({ phase, impaired, node, devices, groups }: WhyReplicaView) =>
    JSON.stringify([phase, impaired, node, devices, groups]);
  return [...Map.groupBy(replicas, key).values()];
}

function replicaLines(same: readonly WhyReplicaView[], { nowMs, width, style }: WhyOptions): string[] {
  const { phase, impaired, node, devices, groups, retryAtMs } = same[0]!;
  const condition = impaired ? 'impaired' : phase;
  const where = node === undefined ? '' : ` on ${[node, ...devices].join(', ')}`;
  const [youngest, oldest] = [Math.max, Math.min].map(most => formatAge(nowMs - most(...same.map(r => r.sinceMs))));
  const age = youngest === oldest ? oldest : `${youngest} to ${oldest}`;
  const again = retryAtMs === undefined ? '' : `, starts again in ${formatDuration(retryAtMs - nowMs)}`;
  const names = same.map(r => r.id).join(', ');
  const head = `${names}: ${condition} for ${age}${where}${again}`;
  return [
    ...wrap(head, width, '  ').map(line => coloured(line, condition, impaired ? 'yellow' : phaseStyle(phase), style)),
    ...groups.flatMap(group => groupLines(group, { width, style, ownNode: node })),
  ];
}

/** The phase is what a person looks for in the line. */
function coloured(line: string, condition: string, colour: Style, style: WhyOptions['style']): string {
  return line.replace(`: ${condition} `, () => `: ${style(colour, condition)} `);
}

function groupLines(
  { nodes, message, heldBy, help }: WhyGroupView,
  { width, style, ownNode }: { width: number; style: WhyOptions['style']; ownNode: string | undefined },
): string[] {
  // Where a replica is stands in its line already.
  const where = nodes.filter(node => node !== ownNode);
  const text = `${where.length === 0 ? '' : `${nodesInWords(where)}: `}${singleLine(message)}`;
  const holders = heldBy.length === 0 || heldBy.every(key => message.includes(key)) ? [] : [`held by ${fewOf(heldBy)}`];
  return [
    ...bullet('-', text, width),
    ...holders.flatMap(line => wrap(line, width - 4).map(part => `    ${style('dim', part)}`)),
    ...help.flatMap(line => bullet(style('dim', '→'), singleLine(line), width, '    ')),
  ];
}

function bullet(mark: string, text: string, width: number, indent = '  '): string[] {
  const lines = wrap(text, Math.max(20, width - indent.length - 2));
  return lines.map((line, i) => `${indent}${i === 0 ? mark : ' '} ${line}`);
}

const NAMED = 4;

function nodesInWords(nodes: readonly string[]): string {
  if (nodes.length === 1) return nodes[0]!;
  const named = nodes.slice(0, NAMED).join(', ');
  return nodes.length <= NAMED ? named : `${named} and ${nodes.length - NAMED} more nodes`;
}

function fewOf(services: readonly string[]): string {
  const named = services.slice(0, NAMED).join(', ');
  return services.length <= NAMED ? named : `${named} and ${services.length - NAMED} more services`;
}

function counted(replicas: number): string {
  return `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
}
