import type { ServiceView } from '../control-plane/views/views.ts';
import type { Applied } from './apply-once.ts';
import type { Context } from './context.ts';

/**
 * The services that a command created and may remove again: what another command has asked for since is that one's too, and
 * what another one has removed is gone. Says so; that none is removed that is asked for at this moment, the removal sees to.
 * @param signal ends the asking; whoever is not answered takes all for its own
 */
export async function stillCreated(
  { err }: Pick<Context, 'err'>,
  { client, results, requestId }: Pick<Applied, 'client' | 'results' | 'requestId'>,
  signal: AbortSignal,
): Promise<string[]> {
  const created = results.filter(r => r.outcome === 'created');
  const [first] = created;
  if (first === undefined) return [];
  const all = created.map(r => r.service.name);
  const soon = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const now = await client.services(first.service.namespace, soon).catch((): readonly ServiceView[] | null => null);
  // Who does not answer here does not answer the removal either, which says so.
  if (now === null) return all;
  const there = now.filter(s => all.includes(s.name) && !s.deleting);
  const others = there.filter(s => s.askedBy !== requestId).map(s => s.name);
  if (others.length > 0) err.line(askedForSince(others));
  return all.filter(name => there.some(s => s.name === name) && !others.includes(name));
}

export function askedForSince(names: readonly string[]): string {
  return `another command has asked for ${names.join(', ')} since: not removed`;
}

const PATIENCE_MS = 10_000;
