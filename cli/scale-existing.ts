import type { ApplyResult } from '../control-plane/control-plane.ts';
import type { UpRun } from './up-run.ts';

/**
 * `--scale` of services that were there: the `initial` of a range counts for new ones only, and this number was asked for.
 * @param scales the wanted numbers by service name
 * @returns the results as they stand then
 */
export async function scaleExisting(run: UpRun, scales: ReadonlyMap<string, number>): Promise<readonly ApplyResult[]> {
  const { client, namespace, context, results } = run;
  const scaled = new Set<string>();
  for (const { service, outcome } of results) {
    const replicas = scales.get(service.name);
    if (replicas === undefined || outcome === 'created') continue;
    const view = await client.service(namespace, service.name, context.signal);
    if (view.wantedReplicas === replicas) continue;
    await client.scale(namespace, service.name, replicas, context.signal);
    scaled.add(service.name);
  }
  return results.map(r => (scaled.has(r.service.name) && r.outcome === 'unchanged' ? { ...r, outcome: 'scaled' } : r));
}
