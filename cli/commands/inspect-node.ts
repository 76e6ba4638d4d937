import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import type { Context } from '../context.ts';
import { nodeFields } from '../render/node-fields.ts';
import { deviceColumns, deviceNotes } from '../render/nodes.ts';
import { phaseStyle } from '../render/phase.ts';
import { type Column, renderTable } from '../render/table.ts';
import { formatAge } from '../render/units.ts';
import { wrap } from '../render/wrap.ts';
import { requireNode } from '../require-node.ts';

/** Everything about one node: how it is reached, what is held of it, its devices, and the replicas that are placed on it. */
export async function inspectNode(context: Context, given: string | undefined): Promise<void> {
  const { out, signal } = context;
  const client = await context.client();
  const node = requireNode(await client.nodes(signal), given);
  const { name } = node;
  if (context.options.json) {
    out.json(node);
    return;
  }
  const services = await client.services(undefined, signal);
  const nowMs = Date.now();
  const options = { width: out.width(), style: out.style };
  for (const line of nodeFields(node, { nowMs, width: out.width() })) out.line(line);
  const devices = node.devices.map(device => ({ node: node.name, device }));
  if (devices.length > 0) {
    out.line();
    for (const line of renderTable(deviceColumns(devices, { withNode: false }), devices, options)) out.line(line);
  }
  const placed = services.flatMap(service =>
    service.replicas.filter(r => r.node === name).map(replica => ({ service, replica })),
  );
  if (placed.length > 0) {
    out.line();
    for (const line of renderTable(replicaColumns(nowMs), placed, options)) out.line(line);
  }
  const notes = deviceNotes(node, nowMs);
  if (notes.length > 0) out.line();
  for (const { text, style } of notes) {
    for (const line of wrap(text, out.width(), '  ')) out.line(out.style(style, line));
  }
}

interface Placed {
  readonly service: ServiceView;
  readonly replica: ReplicaView;
}

function replicaColumns(nowMs: number): Column<Placed>[] {
  return [
    { title: 'SERVICE', priority: 100, minWidth: 8, cell: r => `${r.service.namespace}/${r.service.name}` },
    { title: 'REPLICA', priority: 80, minWidth: 6, cell: r => r.replica.id },
    { title: 'PHASE', priority: 90, cell: r => r.replica.phase, style: r => phaseStyle(r.replica.phase) },
    { title: 'FOR', priority: 50, cell: r => formatAge(nowMs - r.replica.sinceMs) },
    { title: 'DEVICES', priority: 70, minWidth: 8, cell: r => r.replica.devices.join(', ') },
  ];
}
