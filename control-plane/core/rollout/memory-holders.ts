import { turnsOf } from '../nodes/turns-of.ts';
import { isPending, type Placement, placementOf, type Replica } from '../replica.ts';
import { clusterIn, countMeasured, requestOf, withoutLeaving } from '../waiting/cluster-in.ts';
import { ensureImage, makeRoomWithImage } from '../waiting/image-first.ts';
import type { World } from '../world.ts';
import { leaversOf } from './leavers.ts';

/**
 * Who has the memory that one with a place on a shared device waits for, as less is measured free there than it declares: as
 * few as can be, on its own devices or on others that it could go to. Nobody where not even all of them have enough, where
 * its image is not there yet, or where nobody has waited so for long enough.
 * @param placed of one service; the first of them that waits so is asked for
 * @param old who may leave for it, the least worthy first
 */
export function memoryHolders(world: World, placed: readonly Replica[], old: readonly Replica[]): readonly Replica[] {
  const waiting = placed.filter(r => (memoryAwaitedUntil(r) ?? Number.POSITIVE_INFINITY) <= world.now);
  if (waiting.length === 0) return [];
  const { short } = turnsOf(world);
  const stuck = waiting.find(r => short.has(r.id));
  if (!stuck) return [];
  const cluster = clusterIn(world);
  countMeasured(world, cluster);
  withoutLeaving(world, cluster);
  cluster.release(stuck.id);
  const request = requestOf(world, stuck);
  const beside = leaversOf(world, old).filter(l => isBeside(stuck, l));
  const roomBy = (leavers: typeof beside) => makeRoomWithImage(world, cluster, { ...request, ...stuck }, { leavers });
  // Its place is its own, and what others leave there is measured free for it. Elsewhere they would leave for whoever waits.
  const going = roomBy(beside) ?? (isAnybodyElseWaiting(world, stuck) ? null : roomBy(leaversOf(world, old))) ?? [];
  if (going.length === 0) return [];
  for (const id of going) cluster.release(id);
  const placement = cluster.find(request);
  if (!placement || ensureImage(world, stuck, { node: placement.node, by: going }) === 'awaited') return [];
  return old.filter(r => going.includes(r.id));
}

/** Until when one that has a place on devices, and no container, waits at least for memory to come back; null: for none. */
export function memoryAwaitedUntil({ phase }: Replica): number | null {
  return phase.kind === 'creating' && phase.placement.devices.length > 0 ? phase.since + PATIENCE_MS : null;
}

/** What a container had is measured free seconds after its end, and nobody who serves leaves for what is short for a moment. */
const PATIENCE_MS = 60_000;

function isBeside(stuck: Replica, { placement }: { readonly placement: Placement }): boolean {
  const own = placementOf(stuck);
  return own?.node === placement.node && placement.devices.some(d => own.devices.includes(d));
}

function isAnybodyElseWaiting(world: World, { service }: Replica): boolean {
  return world.lookedAfter().some(r => isPending(r) && r.service !== service);
}
