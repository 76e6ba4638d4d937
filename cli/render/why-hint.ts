import type { ServiceView } from '../../control-plane/views/views.ts';

/** Where to read on about a service with replicas that wait for a place; null where none does. */
export function whyHint(service: ServiceView, { withProject = false } = {}): string | null {
  const isWaiting = service.replicas.some(r => r.phase === 'pending');
  if (!isWaiting) return null;
  return `see "outrigger why ${withProject ? `${service.namespace}/` : ''}${service.name}"`;
}
