import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ControlClient } from './control-client.ts';
import { formatTime } from './render/units.ts';

/** Of services that are not there: since when they are gone, and where to read how; null where one of them never was. */
export async function absence(
  client: ControlClient,
  { namespace, names }: { readonly namespace: string; readonly names: readonly string[] },
  signal: AbortSignal,
): Promise<OutriggerError | null> {
  const removals = await Promise.all(names.map(name => removalOf(client, { namespace, name }, signal)));
  const gone = removals.flatMap(removed => removed ?? []);
  const [first] = gone;
  if (first === undefined || gone.length < names.length) return null;
  const each = gone.map(
    ({ name, atMs }) =>
      `${namespace}/${name} does not run any more: it was removed at ${formatTime(atMs, Date.now())}.`,
  );
  return new OutriggerError('not_found', each.join(' '), {
    next: `"outrigger events -p ${namespace} ${first.name}" tells how it went; an "outrigger up" removes again what it made itself and what did not become ready.`,
  });
}

async function removalOf(client: ControlClient, service: { namespace: string; name: string }, signal: AbortSignal) {
  const events = await client.events({ ...service, past: EVENTS_BACK }, signal).catch(() => []);
  const removed = events.findLast(e => e.type === 'service.deleted');
  return removed && { name: service.name, atMs: removed.atMs };
}

const EVENTS_BACK = 100;
