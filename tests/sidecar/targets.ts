import { type ServiceSpecInput, serviceSpec } from '../../control-plane/core/spec.ts';
import type { ProbeTarget } from '../../control-plane/ports.ts';

/** A container to look after, reachable on loopback. */
export function probeTarget(
  spec: Omit<ServiceSpecInput, 'namespace' | 'name' | 'image'>,
  rest: Partial<Omit<ProbeTarget, 'spec' | 'service'>> = {},
): ProbeTarget {
  const parsed = serviceSpec.parse({ namespace: 'test', name: 'model', image: 'model:1', ...spec });
  return {
    containerId: 'container-1',
    replicaId: 'replica1',
    service: 'test/model',
    spec: parsed,
    hosts: [{ host: '127.0.0.1', portOf: null }],
    startedAt: Date.now(),
    resume: false,
    ...rest,
  };
}
