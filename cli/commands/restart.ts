import type { Context, ProjectOptions } from '../context.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { namespaceOf } from '../project.ts';
import { requireServices } from '../require-services.ts';
import { usageError } from '../usage-error.ts';
import { waitAndReport } from '../wait-and-report.ts';

export interface RestartOptions extends ProjectOptions {
  replica?: string;
  wait?: boolean;
  waitTimeout?: string;
}

export async function restart(context: Context, names: readonly string[], options: RestartOptions): Promise<number> {
  const timeoutMs = options.waitTimeout === undefined ? undefined : parseTimeoutMs(options.waitTimeout);
  const namespace = await namespaceOf(context, options);
  const client = await context.client();
  const all = await client.services(namespace, context.signal);
  requireServices(names, all, namespace);
  const { replica } = options;
  const owner = replica === undefined ? undefined : all.find(s => s.replicas.some(r => r.id === replica));
  if (replica !== undefined && !owner)
    throw usageError(`Project "${namespace}" has no replica "${replica}".`, 'See "outrigger ps".');
  const chosen = owner ? [owner] : all.filter(s => !s.deleting && (names.length === 0 || names.includes(s.name)));
  if (chosen.length === 0) {
    context.err.line(`no services run in project "${namespace}"`);
    return EXIT_CODE.ok;
  }
  const leaving = new Set(chosen.flatMap(s => (replica === undefined ? s.replicas.map(r => r.id) : [replica])));
  const views = [];
  for (const { name } of chosen) {
    views.push(
      await client.restart(namespace, name, replica === undefined ? {} : { replicaId: replica }, context.signal),
    );
  }
  if (options.wait === false) {
    if (context.options.json) context.out.json({ services: views });
    return EXIT_CODE.ok;
  }
  return await waitAndReport(context, {
    client,
    namespace,
    known: all,
    done: 'restarted',
    awaited: views.map(view => ({ name: view.name, generation: view.generation })),
    settled: service => !service.replicas.some(r => leaving.has(r.id)),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}
