import { addressesOf } from '../endpoint.ts';
import { withGivenDevices } from '../nodes/with-given-devices.ts';
import { containerOf, type Replica } from '../replica.ts';
import { isUpdating } from '../service.ts';
import type { ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';
import { advance } from './advance.ts';
import { pulledSince } from './pulled-since.ts';

/**
 * Moves every replica as far as what is observed carries it.
 * @param contested replicas whose place is not theirs alone
 */
export function advanceAll(world: World, contested: ReadonlySet<string>): void {
  const { observed, now, nodes } = world;
  for (const replica of world.lookedAfter()) {
    const spec = world.specOf(replica);
    const containers = world.reachableContainersOf(replica).map(l => l.container);
    const isContested = contested.has(replica.id);
    const isKnownToWork = world.isKnownToWork(replica);
    const isDeleted = world.isDeleted(replica.service);
    const service = world.services.get(replica.service);
    const isUpdate = service !== undefined && isUpdating(service) && replica.generation === service.generation;
    const seen = { spec, observed, containers, nodes, now, pulledSince: pulledSince(service, replica) };
    const facts = { ...seen, isContested, isKnownToWork, isUpdate, isDeleted };
    const moved = advance(replica, facts);
    quarantineLost(world, replica, moved);
    world.put(withAddresses(world, withGivenDevices(moved, observed), spec));
  }
}

/** A device that a container lost sight of is given to nobody else before somebody has looked at it. */
function quarantineLost({ nodes }: World, before: Replica, { id, service, phase }: Replica): void {
  if (phase.kind !== 'stopping' || before.phase.kind === 'stopping' || phase.afterwards.kind !== 'retried') return;
  const { cause } = phase.afterwards;
  if (cause.kind === 'device_lost') nodes.quarantine(phase.placement, `${service} replica ${id}: ${cause.message}`);
}

/** The same object where its container, or what the engine says of it, has the addresses that are known. */
function withAddresses(world: World, replica: Replica, spec: ServiceSpec): Replica {
  const id = containerOf(replica)?.id;
  const seen = world.containersOf(replica.id).find(l => l.container.id === id);
  const node = seen && world.nodes.node(seen.node);
  if (seen?.container.state !== 'running' || !node) return replica;
  const addresses = addressesOf(spec, seen.container, node);
  return JSON.stringify(addresses) === JSON.stringify(replica.addresses) ? replica : { ...replica, addresses };
}
