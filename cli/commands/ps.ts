import type { ReplicaView, ServiceView } from '../../control-plane/views/views.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { namespaceOf } from '../project.ts';
import { bestAddress, isCurrent, phaseStyle, readiness, stateStyle } from '../render/phase.ts';
import { type Column, renderTable } from '../render/table.ts';
import { singleLine, truncate } from '../render/text.ts';
import { formatAge } from '../render/units.ts';
import { isScaledToZero, whyHint } from '../render/why-hint.ts';

export interface PsOptions extends ProjectOptions {
  all?: boolean;
  allProjects?: boolean;
  quiet?: boolean;
  services?: boolean;
  format?: string;
}

export interface PsRow {
  readonly service: ServiceView;
  readonly replica: ReplicaView | null;
}

export async function ps(context: Context, names: readonly string[], options: PsOptions): Promise<void> {
  const { out, signal } = context;
  const namespace = options.allProjects ? undefined : await namespaceOf(context, options);
  const client = await context.client();
  const all = await client.services(namespace, signal);
  const services = all.filter(s => names.length === 0 || names.includes(s.name));
  const shown = services.map(s => ({ ...s, replicas: options.all ? s.replicas : s.replicas.filter(isCurrent) }));
  if (options.services || options.quiet) {
    const replicas = shown.flatMap(service => service.replicas);
    const lines = options.services ? shown.map(s => s.name) : replicas.flatMap(r => r.containerId ?? []);
    if (context.options.json) out.json(lines);
    else for (const line of lines) out.line(line);
    return;
  }
  if (context.options.json || options.format === 'json') {
    out.json({ services: shown });
    return;
  }
  if (shown.length === 0) {
    context.err.line(namespace === undefined ? 'no services run' : `no services run in project "${namespace}"`);
    return;
  }
  const nowMs = Date.now();
  const rows = shown.flatMap((service): PsRow[] =>
    service.replicas.length === 0
      ? [{ service, replica: null }]
      : service.replicas.map(replica => ({ service, replica })),
  );
  const columns = psColumns(nowMs, options.allProjects === true, rows);
  for (const line of renderTable(columns, rows, { width: out.width(), style: out.style })) out.line(line);
  const noteworthy = shown.filter(s => s.state !== 'ready' || whyHint(s) !== null);
  const { trouble } = await client.status(signal);
  if (noteworthy.length > 0 || trouble !== undefined) out.line();
  if (trouble !== undefined) {
    const text = `The control plane cannot carry anything on at present (${singleLine(trouble)}); what runs is left as it is.`;
    out.line(out.style('red', truncate(text, out.width())));
  }
  for (const service of noteworthy) {
    const head = `${service.name}: ${service.state}, ${readiness(service)} ready`;
    const text = service.message === '' ? head : `${head}: ${singleLine(service.message)}`;
    out.line(out.style(stateStyle(service.state), truncate(text, out.width())));
    const hint = whyHint(service);
    if (hint !== null) out.line(out.style('dim', `  ${hint}`));
  }
}

/** Of a table that is too wide, the columns that tell least go first. */
export function psColumns(nowMs: number, withProject: boolean, rows: readonly PsRow[]): Column<PsRow>[] {
  const project: Column<PsRow> = { title: 'PROJECT', priority: 60, minWidth: 6, cell: r => r.service.namespace };
  const devices: Column<PsRow> = {
    title: 'DEVICES',
    priority: 30,
    minWidth: 4,
    cell: r => r.replica?.devices.join(',') ?? '',
  };
  // Where all are on one node, its name tells little.
  const nodes = new Set(rows.flatMap(r => r.replica?.node ?? []));
  const some = rows.some(r => (r.replica?.devices.length ?? 0) > 0);
  return [
    ...(withProject ? [project] : []),
    { title: 'SERVICE', priority: 100, minWidth: 8, cell: r => r.service.name },
    { title: 'REPLICA', priority: 70, minWidth: 6, cell: r => r.replica?.id ?? '-' },
    {
      title: 'PHASE',
      priority: 90,
      cell: r => (r.replica ? (r.replica.impaired ? 'impaired' : r.replica.phase) : withoutReplicas(r.service)),
      style: r =>
        r.replica ? (r.replica.impaired ? 'yellow' : phaseStyle(r.replica.phase)) : stateStyle(r.service.state),
    },
    { title: 'FOR', priority: 50, cell: r => (r.replica ? formatAge(nowMs - r.replica.sinceMs) : '') },
    { title: 'ADDRESS', priority: 80, minWidth: 12, cell: r => (r.replica ? bestAddress(r.replica) : '') },
    ...(some ? [devices] : []),
    { title: 'GEN', priority: 20, align: 'right', cell: r => String(r.replica?.generation ?? r.service.generation) },
    { title: 'NODE', priority: nodes.size > 1 ? 65 : 15, minWidth: 6, cell: r => r.replica?.node ?? '' },
    { title: 'IMAGE', priority: 10, minWidth: 10, cell: r => r.replica?.image ?? r.service.image },
  ];
}

/** Nothing of it is ready, whatever the service as a whole is. */
function withoutReplicas(service: ServiceView): string {
  return isScaledToZero(service) ? 'scaled to 0' : service.state;
}
