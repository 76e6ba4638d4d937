import { pullAction } from '../actions.ts';
import { transition } from '../lifecycle/transition.ts';
import { turnsOf } from '../nodes/turns-of.ts';
import { imageKey } from '../observed.ts';
import { Cluster } from '../placement/cluster.ts';
import type { Replica } from '../replica.ts';
import type { World } from '../world.ts';
import { clusterIn, requestOf } from './cluster-in.ts';

/**
 * Gives up places that turned out to be no good where there is a better one: on a node that cannot get an image which
 * another one has, and on a shared device where others use more than anybody declared.
 */
export function placeElsewhere(world: World): void {
  leaveWithoutImage(world);
  leaveFullDevices(world);
}

/** As long as another node may have it, that this one has not is no failure of the replica's. */
function leaveWithoutImage(world: World): void {
  const stuck = world.lookedAfter().filter(r => isWithoutImage(world, r));
  if (stuck.length === 0) return;
  const { observed, nodes } = world;
  const cluster = new Cluster(observed.nodes.values(), nodes.records, observed.images);
  for (const replica of stuck) {
    if (!cluster.mayTake(world.specOf(replica))) continue;
    world.put(transition(replica, { kind: 'displaced' }, world.now));
  }
}

function isWithoutImage(world: World, replica: Replica): boolean {
  const { phase } = replica;
  if (phase.kind !== 'pulling') return false;
  const spec = world.specOf(replica);
  if (spec.pullPolicy === 'always') return false;
  const image = world.observed.images.get(imageKey(pullAction(phase.placement.node, spec)));
  return image?.kind === 'failed' && image.code === 'image_unavailable' && image.at >= phase.since;
}

/** Only to where what is measured leaves room: a place that is no better would be left again. */
function leaveFullDevices(world: World): void {
  const { replicas, now } = world;
  const isSharer = ({ phase }: Replica) =>
    (phase.kind === 'creating' || phase.kind === 'starting') && phase.placement.devices.length > 0;
  if (![...replicas.values()].some(isSharer)) return;
  const { short } = turnsOf(world);
  const stuck = world.lookedAfter().filter(r => short.has(r.id));
  if (stuck.length === 0) return;
  const cluster = clusterIn(world);
  // What has not been started uses nothing yet.
  for (const { id } of stuck) cluster.release(id);
  cluster.countMeasured();
  const book = (replica: Replica) => {
    const { phase } = replica;
    if ('placement' in phase) cluster.hold(requestOf(world, replica), world.specOf(replica), phase.placement);
  };
  for (const replica of stuck) book(replica);
  for (const replica of stuck) {
    cluster.release(replica.id);
    const placement = cluster.find(requestOf(world, replica));
    const moved = placement
      ? transition(transition(replica, { kind: 'displaced' }, now), { kind: 'placed', placement }, now)
      : replica;
    if (moved !== replica) world.put(moved);
    book(moved);
  }
}
