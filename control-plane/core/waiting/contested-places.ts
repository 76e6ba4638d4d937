import { occupancyOf } from '../placement/choose-devices.ts';
import { NodeLedger } from '../placement/cluster-node.ts';
import { sharedMemoryOf } from '../placement/device-fit.ts';
import { givenDevices, heldPlacement, isWithoutContainer, type Placement, type Replica } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';

/**
 * Replicas without a container whose devices somebody else holds by the ledger, or that were given more than there is: their
 * create is never carried out. However two came to one device, one of them is placed anew.
 */
export function contestedPlaces(world: World): ReadonlySet<string> {
  const contested = new Set<string>();
  const beginning = new Map<string, Claim>();
  for (const replica of world.lookedAfter()) {
    const claim = claimOf(world, replica);
    if (claim && mayBegin(world, replica)) beginning.set(replica.id, claim);
  }
  if (beginning.size === 0) return contested;
  const ledgers = ledgersOf(world, [...beginning.values()]);
  for (const replica of world.replicas.values()) {
    const claim = beginning.has(replica.id) ? null : claimOf(world, replica);
    if (claim) ledgers.get(claim.placement.node)?.hold(claim);
  }
  for (const claim of [...beginning.values()].sort(byRight)) {
    const ledger = ledgers.get(claim.placement.node);
    if (!ledger) continue;
    if (isTaken(ledger, claim)) contested.add(claim.replicaId);
    else ledger.hold(claim);
  }
  return contested;
}

interface Claim {
  readonly replicaId: string;
  readonly replica: Replica;
  readonly service: Replica['service'];
  readonly placement: Placement;
  readonly spec: ServiceSpec;
}

function claimOf(world: World, replica: Replica): Claim | null {
  const placement = heldPlacement(replica);
  if (!placement || placement.devices.length === 0) return null;
  const { id: replicaId, service, generation } = replica;
  const spec = world.keptSpec(service, generation);
  return spec ? { replicaId, replica, service, placement, spec } : null;
}

/** The next that is done for it may be to begin a container. */
function mayBegin({ now }: World, replica: Replica): boolean {
  const { phase } = replica;
  return isWithoutContainer(replica) && (phase.kind !== 'backoff' || now >= phase.until);
}

/** What is not known of a node that does not answer is asked once it does. */
function ledgersOf({ observed, nodes }: World, claims: readonly Claim[]): ReadonlyMap<string, NodeLedger> {
  const names = new Set(claims.map(c => c.placement.node));
  const ledgers = new Map<string, NodeLedger>();
  for (const name of names) {
    const node = observed.nodes.get(name);
    if (node?.answering) ledgers.set(name, new NodeLedger(node, nodes.records.get(name), 0));
  }
  return ledgers;
}

/** Who is furthest keeps the place; of two that are equally far, who has had it for longer. */
function byRight({ replica: a }: Claim, { replica: b }: Claim): number {
  const created = (replica: Replica) => (replica.phase.kind === 'creating' ? 0 : 1);
  return created(a) - created(b) || a.phase.since - b.phase.since || (a.id < b.id ? -1 : 1);
}

function isTaken(ledger: NodeLedger, { placement, spec }: Claim): boolean {
  const sharedBytes = sharedMemoryOf(spec);
  return givenDevices(placement).some(device => {
    const held = ledger.ledgerOf(device);
    const constraint = held ? occupancyOf(held, sharedBytes) : null;
    // How much a driver that is away cannot tell is no news.
    return constraint !== null && (constraint !== 'gpu_memory_left' || held?.device.memoryBytes !== undefined);
  });
}
