import type { Endpoint } from '../endpoint.ts';
import type { World } from '../world.ts';

/** Everything that should be published now: whoever is ready, and has an address. */
export function endpointsIn(world: World): Endpoint[] {
  return [...world.replicas.values()].flatMap(replica => {
    const { phase, service, id: replicaId, generation, addresses } = replica;
    if (phase.kind !== 'ready' || phase.impaired || addresses.length === 0) return [];
    const spec = world.keptSpec(service, generation);
    if (!spec) return [];
    const { container, placement } = phase;
    const { protocol } = spec;
    return [{ service, replicaId, containerId: container.id, generation, node: placement.node, protocol, addresses }];
  });
}
