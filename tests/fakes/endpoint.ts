import type { Endpoint } from '../../control-plane/core/endpoint.ts';

/** An endpoint as the controller makes them; what a test cares for is given. */
export function endpoint(given: Partial<Endpoint> & Pick<Endpoint, 'replicaId'>): Endpoint {
  return {
    service: 'feature-store/embedder',
    containerId: `container-of-${given.replicaId}`,
    generation: 1,
    node: 'local',
    protocol: 'grpc',
    addresses: [
      { kind: 'network', network: 'feature-store_default', host: '172.18.0.2', port: 50_051 },
      { kind: 'published', host: '127.0.0.1', port: 32_768 },
    ],
    ...given,
  };
}
