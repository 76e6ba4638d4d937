import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { Context, ProjectOptions } from '../context.ts';
import type { ControlClient } from '../control-client.ts';
import { namespaceOf } from '../project.ts';
import { formatTime } from '../render/units.ts';
import { whyLines } from '../render/why.ts';
import { parseServiceReference } from '../service-reference.ts';

/** What the replicas of a service wait for, and where those are that wait for nothing. */
export async function why(context: Context, service: string, options: ProjectOptions): Promise<void> {
  const { out, signal } = context;
  const reference = parseServiceReference(service);
  const namespace = reference.namespace ?? (await namespaceOf(context, options));
  const client = await context.client();
  const ref = { namespace, name: reference.name };
  const view = await client.why(namespace, reference.name, signal).catch(async error => {
    throw error instanceof OutriggerError && error.code === 'not_found' ? await absence(client, ref, signal) : error;
  });
  if (context.options.json) {
    out.json(view);
    return;
  }
  for (const line of whyLines(view, { nowMs: Date.now(), width: out.width(), style: out.style })) out.line(line);
}

/** Whether it was never there, or is gone, and where to read how. */
async function absence(
  client: ControlClient,
  { namespace, name }: { namespace: string; name: string },
  signal: AbortSignal,
): Promise<OutriggerError> {
  const events = await client.events({ namespace, name, past: EVENTS_BACK }, signal).catch(() => []);
  const removed = events.findLast(e => e.type === 'service.deleted');
  if (removed === undefined) {
    const next = 'See "outrigger ps --all-projects".';
    return new OutriggerError('not_found', `There is no service ${namespace}/${name}.`, { next });
  }
  const when = formatTime(removed.atMs, Date.now());
  return new OutriggerError('not_found', `${namespace}/${name} does not run any more: it was removed at ${when}.`, {
    next: `"outrigger events -p ${namespace} ${name}" tells how it went; an "outrigger up" removes again what it made itself and what did not become ready.`,
  });
}

const EVENTS_BACK = 100;
