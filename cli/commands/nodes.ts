import type { NodeView } from '../../control-plane/views.ts';
import type { Context } from '../context.ts';
import { type Column, renderTable } from '../render/table.ts';
import { singleLine } from '../render/text.ts';
import { formatBytes, formatCpus } from '../render/units.ts';

export async function nodes(context: Context): Promise<void> {
  const { out, signal } = context;
  const all = await (await context.client()).nodes(signal);
  if (context.options.json) {
    out.json({ nodes: all });
    return;
  }
  for (const line of renderTable(COLUMNS, all, { width: out.width(), style: out.style })) out.line(line);
  const devices = all.flatMap(node => node.devices.map(device => ({ node: node.name, ...device })));
  if (devices.length > 0) {
    out.line();
    for (const line of renderTable(DEVICE_COLUMNS, devices, { width: out.width(), style: out.style })) out.line(line);
  }
  for (const node of all) if (node.error) context.err.line(`${node.name}: ${singleLine(node.error)}`);
}

const COLUMNS: readonly Column<NodeView>[] = [
  { title: 'NODE', priority: 100, minWidth: 8, cell: n => n.name },
  {
    title: 'STATE',
    priority: 90,
    cell: n => (n.answering ? 'answering' : 'silent'),
    style: n => (n.answering ? 'green' : 'red'),
  },
  { title: 'REPLICAS', priority: 60, align: 'right', cell: n => String(n.replicas) },
  { title: 'CPUS', priority: 70, align: 'right', cell: n => `${formatCpus(n.reservedCpus)}/${formatCpus(n.cpus)}` },
  {
    title: 'MEMORY',
    priority: 65,
    align: 'right',
    cell: n => `${formatBytes(n.reservedMemoryBytes)}/${formatBytes(n.memoryBytes)}`,
  },
  {
    title: 'GPUS',
    priority: 80,
    align: 'right',
    cell: n => `${n.devices.filter(d => d.holders.length > 0).length}/${n.devices.length}`,
  },
];

const DEVICE_COLUMNS: readonly Column<NodeView['devices'][number] & { node: string }>[] = [
  { title: 'DEVICE', priority: 100, minWidth: 8, cell: d => d.id },
  { title: 'NODE', priority: 50, minWidth: 6, cell: d => d.node },
  { title: 'DRIVER', priority: 40, cell: d => d.driver },
  { title: 'MODEL', priority: 60, minWidth: 8, cell: d => d.model ?? '' },
  {
    title: 'MEMORY',
    priority: 55,
    align: 'right',
    cell: d => (d.memoryBytes === undefined ? '' : formatBytes(d.memoryBytes)),
  },
  { title: 'HELD BY', priority: 90, minWidth: 8, cell: d => d.holders.map(h => h.replicaId).join(', ') || d.state },
];
