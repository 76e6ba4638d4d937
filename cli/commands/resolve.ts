import { OutriggerError } from '../../control-plane/core/errors.ts';
import { hostAndPort } from '../address.ts';
import type { Context, ProjectOptions } from '../context.ts';
import type { SnapshotView } from '../control-client.ts';
import { namespaceOf } from '../project.ts';
import { type Column, renderTable } from '../render/table.ts';
import { isScaledToZero, scaleUp } from '../render/why-hint.ts';
import { inWords } from '../require-services.ts';
import { parseServiceReference } from '../service-reference.ts';

export interface ResolveOptions extends ProjectOptions {
  watch?: boolean;
  plain?: boolean;
  network?: string;
  published?: boolean;
}

type Endpoint = SnapshotView['endpoints'][number];

export async function resolve(context: Context, service: string, options: ResolveOptions): Promise<void> {
  const reference = parseServiceReference(service);
  const namespace = reference.namespace ?? (await namespaceOf(context, options));
  const client = await context.client();
  if (options.watch) {
    for await (const snapshot of client.watchEndpoints(namespace, reference.name, context.signal)) {
      show(context, snapshot, options);
    }
    return;
  }
  const snapshot = await client.endpoints(namespace, reference.name, context.signal).catch(error => {
    throw inWords(error, namespace, [reference.name]);
  });
  if (snapshot.endpoints.length === 0 && !context.options.json) {
    const service = await client.service(namespace, reference.name, context.signal);
    if (service.port === undefined) {
      throw new OutriggerError('unsupported', `Service "${reference.name}" has no port, so it has no endpoints.`, {
        next: 'Give it one in the service file: x-outrigger: {port: ...}, or expose.',
      });
    }
    if (isScaledToZero(service)) {
      throw new OutriggerError('unavailable', `Service "${reference.name}" is scaled to 0 replicas.`, {
        next: `Start one: ${scaleUp(service)}`,
      });
    }
    throw new OutriggerError('unavailable', `Service "${reference.name}" has no ready replica at present.`, {
      next: 'See "outrigger ps"; with --watch this command waits for one.',
    });
  }
  show(context, snapshot, options);
}

function show(context: Context, snapshot: SnapshotView, options: ResolveOptions): void {
  const { out } = context;
  if (context.options.json) {
    out.json(snapshot);
    return;
  }
  const rows = snapshot.endpoints.flatMap(endpoint =>
    addressesFor(endpoint, options).map(address => ({ endpoint, address })),
  );
  if (options.plain) {
    for (const { address } of rows) out.line(hostAndPort(address.host, address.port));
    // An empty line ends each state of a watch, so that a reader knows when it is complete.
    if (options.watch) out.line();
    return;
  }
  if (options.watch) out.line(out.style('dim', `version ${snapshot.version}, ${snapshot.endpoints.length} ready`));
  for (const line of renderTable(COLUMNS, rows, { width: out.width(), style: out.style })) out.line(line);
}

/** Plain output has one address a replica, the best one; the table has all of them. */
function addressesFor(endpoint: Endpoint, options: ResolveOptions): Endpoint['addresses'] {
  const fitting = endpoint.addresses.filter(
    address =>
      (!options.published || address.kind === 'published') &&
      (options.network === undefined || (address.kind === 'network' && address.network === options.network)),
  );
  return options.plain ? fitting.slice(0, 1) : fitting;
}

const COLUMNS: readonly Column<{ endpoint: Endpoint; address: Endpoint['addresses'][number] }>[] = [
  { title: 'ADDRESS', priority: 100, minWidth: 12, cell: r => hostAndPort(r.address.host, r.address.port) },
  {
    title: 'VIA',
    priority: 60,
    minWidth: 8,
    cell: r => (r.address.kind === 'network' ? `network ${r.address.network}` : 'published port'),
  },
  { title: 'REPLICA', priority: 80, minWidth: 6, cell: r => r.endpoint.replicaId },
  { title: 'PROTOCOL', priority: 40, cell: r => r.endpoint.protocol },
  { title: 'GEN', priority: 20, align: 'right', cell: r => String(r.endpoint.generation) },
  { title: 'NODE', priority: 30, minWidth: 6, cell: r => r.endpoint.node },
];
