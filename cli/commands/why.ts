import type { Context, ProjectOptions } from '../context.ts';
import { namespaceOf } from '../project.ts';
import { whyLines } from '../render/why.ts';
import { parseServiceReference } from '../service-reference.ts';

/** What the replicas of a service wait for, and where those are that wait for nothing. */
export async function why(context: Context, service: string, options: ProjectOptions): Promise<void> {
  const { out, signal } = context;
  const reference = parseServiceReference(service);
  const namespace = reference.namespace ?? (await namespaceOf(context, options));
  const view = await (await context.client()).why(namespace, reference.name, signal);
  if (context.options.json) {
    out.json(view);
    return;
  }
  for (const line of whyLines(view, { nowMs: Date.now(), width: out.width(), style: out.style })) out.line(line);
}
