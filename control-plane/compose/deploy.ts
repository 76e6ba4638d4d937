import type { Fields } from './fields.ts';

/** `deploy.placement` and what else stands under `deploy` beside resources, replicas, updates and restarts. */
export function placement(deploy: Fields | undefined): { constraints: string[] } | undefined {
  if (!deploy) return undefined;
  const mode = deploy.text('mode');
  if (mode && mode !== 'replicated') {
    deploy.findings.error(deploy.at('mode'), `expected replicated, found "${mode}"`);
  }
  deploy.ignore('endpoint_mode', 'clients go straight to the replicas');
  deploy.ignore('labels', "they are a Swarm service's; labels of the containers stand under labels");
  deploy.ignore('rollback_config', 'a rollback goes the same way as an update');
  const section = deploy.fields('placement');
  const constraints = section?.texts('constraints') ?? [];
  section?.ignore('preferences', 'Outrigger spreads and packs by free resources');
  section?.refuse('max_replicas_per_node', 'Outrigger does not limit replicas by node; use resources or constraints');
  section?.end();
  deploy.end();
  return { constraints };
}
