import type { ServiceView } from '../control-plane/views/views.ts';
import type { Applied } from './apply-once.ts';
import type { Context } from './context.ts';

/**
 * The services that a command created and may remove again: what another command has updated since is that one's, and what
 * another one has removed is gone.
 * @param signal ends the asking; whoever is not answered takes all for its own
 */
export async function stillCreated(
  { err }: Pick<Context, 'err'>,
  { client, results }: Pick<Applied, 'client' | 'results'>,
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
  const generations = new Map(now.filter(s => !s.deleting).map(s => [s.name, s.generation]));
  const updated = created.filter(r => (generations.get(r.service.name) ?? 0) > r.generation).map(r => r.service.name);
  if (updated.length > 0) err.line(`another command has updated ${updated.join(', ')} since: not removed`);
  return all.filter(name => generations.has(name) && !updated.includes(name));
}

const PATIENCE_MS = 10_000;
