import { OutriggerError } from '../../control-plane/core/errors.ts';
import { absence } from '../absence.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { namespaceOf } from '../project.ts';
import { whyLines } from '../render/why.ts';
import { noSuchService } from '../require-services.ts';
import { parseServiceReference } from '../service-reference.ts';

/** What the replicas of a service wait for, and where those are that wait for nothing. */
export async function why(context: Context, service: string, options: ProjectOptions): Promise<void> {
  const { out, signal } = context;
  const reference = parseServiceReference(service);
  const namespace = reference.namespace ?? (await namespaceOf(context, options));
  const client = await context.client();
  const view = await client.why(namespace, reference.name, signal).catch(async error => {
    if (!(error instanceof OutriggerError) || error.code !== 'not_found') throw error;
    const names = [reference.name];
    throw (await absence(client, { namespace, names }, signal)) ?? noSuchService(namespace, names);
  });
  if (context.options.json) {
    out.json(view);
    return;
  }
  for (const line of whyLines(view, { nowMs: Date.now(), width: out.width(), style: out.style })) out.line(line);
}
