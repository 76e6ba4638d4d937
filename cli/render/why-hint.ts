import type { ServiceView } from '../../control-plane/views/views.ts';

/**
 * Where to read on about a service with replicas that wait for a place, or how one that is scaled to 0 comes back; null
 * where it is neither. With its project, so that it can be typed in any folder.
 */
export function whyHint(service: ServiceView): string | null {
  if (isScaledToZero(service)) return `"${scaleUp(service)}" starts one`;
  const isWaiting = service.replicas.some(r => r.phase === 'pending');
  return isWaiting ? `see "outrigger why ${service.namespace}/${service.name}"` : null;
}

/** It is ready and runs nothing, as nothing is wanted of it. */
export function isScaledToZero({ wantedReplicas, replicas, deleting }: ServiceView): boolean {
  return wantedReplicas === 0 && replicas.length === 0 && !deleting;
}

export function scaleUp({ namespace, name }: Pick<ServiceView, 'namespace' | 'name'>): string {
  return `outrigger scale -p ${namespace} ${name}=1`;
}
