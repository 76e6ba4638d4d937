import type { ServiceView } from '../../control-plane/views/views.ts';

/**
 * Where to read on about a service with replicas that wait for a place; null where none does. With its project, so that
 * it can be typed in any folder.
 */
export function whyHint(service: ServiceView): string | null {
  const isWaiting = service.replicas.some(r => r.phase === 'pending');
  return isWaiting ? `see "outrigger why ${service.namespace}/${service.name}"` : null;
}
