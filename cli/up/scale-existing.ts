import type { ApplyResult } from '../../control-plane/control-plane.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { isRefused } from '../apply-once.ts';
import { isUnreachable } from '../http-exchange.ts';
import type { UpRun } from './up-run.ts';

/**
 * `--scale` of services that were there: the `initial` of a range counts for new ones only, and this number was asked for.
 * @param scales the wanted numbers by service name
 * @param onScaled told of the results as they stand after each: one that fails takes back none before it
 */
export async function scaleExisting(
  run: Pick<UpRun, 'client' | 'namespace' | 'context' | 'results'>,
  scales: ReadonlyMap<string, number>,
  onScaled: (results: readonly ApplyResult[]) => void,
): Promise<void> {
  const { client, namespace, context } = run;
  let { results } = run;
  const scaled = (name: string) => {
    results = results.map(r =>
      r.service.name === name && r.outcome === 'unchanged' ? { ...r, outcome: 'scaled' as const } : r,
    );
    onScaled(results);
  };
  for (const { service, outcome } of run.results) {
    const replicas = scales.get(service.name);
    if (replicas === undefined || outcome === 'created') continue;
    const view = await client.service(namespace, service.name, context.signal);
    if (view.wantedReplicas === replicas) continue;
    await client.scale(namespace, service.name, replicas, context.signal).catch(error => {
      if (mayBeCarriedOut(error)) scaled(service.name);
      throw error;
    });
    scaled(service.name);
  }
}

/** The request was sent, and no answer came. */
function mayBeCarriedOut(error: unknown): boolean {
  if (error instanceof OutriggerError) return isUnreachable(error) && !isRefused(error);
  return true;
}
