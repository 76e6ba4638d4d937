import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';
import { placement } from './placement.ts';

/** `deploy.placement` and what else stands under `deploy` beside resources, replicas, updates and restarts. */
export function deployPlacement(deploy: Fields | undefined): ServiceSpecInput['placement'] {
  if (!deploy) return undefined;
  const mode = deploy.text('mode');
  if (mode && mode !== 'replicated') {
    deploy.findings.error(deploy.at('mode'), `expected replicated, found "${mode}"`);
  }
  deploy.ignore('endpoint_mode', 'clients go straight to the replicas');
  deploy.ignore('labels', "they are a Swarm service's; labels of the containers stand under labels");
  deploy.ignore('rollback_config', 'a rollback goes the same way as an update');
  const placed = placement(deploy.fields('placement'));
  deploy.end();
  return placed;
}
