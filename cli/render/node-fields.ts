import type { NodeView } from '../../control-plane/views/views.ts';
import { fields } from './fields.ts';
import { isUnheardOf, labelsInWords, offered, stateInWords } from './nodes.ts';
import { singleLine } from './text.ts';
import { formatBytes, formatCpus } from './units.ts';

/** Everything about one node but its devices and replicas, a line for each. */
export function nodeFields(node: NodeView, { nowMs, width }: { nowMs: number; width: number }): string[] {
  const { cpus, memoryBytes } = offered(node);
  const held = (some: string, all: string, kept: string | null) => {
    if (isUnheardOf(node)) return '-';
    return `${some} of ${all} held${kept === null ? '' : `; ${kept} kept from replicas`}`;
  };
  const error = node.error === undefined ? '' : `: ${singleLine(node.error)}`;
  return fields(
    [
      ['node', node.name],
      ['state', `${stateInWords(node, nowMs)}${error}`],
      ['connection', node.connection],
      [
        'address',
        `${node.address} (${node.reach === 'containers' ? "and the containers' own" : 'published ports only'})`,
      ],
      [
        'CPUs',
        held(formatCpus(node.heldCpus), formatCpus(cpus), node.reservedCpus > 0 ? formatCpus(node.reservedCpus) : null),
      ],
      [
        'memory',
        held(
          formatBytes(node.heldMemoryBytes),
          formatBytes(memoryBytes),
          node.reservedMemoryBytes > 0 ? formatBytes(node.reservedMemoryBytes) : null,
        ),
      ],
      ['replicas', String(node.replicas)],
      ['labels', labelsInWords(node.labels)],
      ...(node.driverTrouble === undefined
        ? []
        : [['GPU driver', `could not be asked: ${singleLine(node.driverTrouble)}`] as const]),
    ],
    width,
  );
}
