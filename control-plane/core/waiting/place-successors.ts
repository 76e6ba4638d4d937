import { transition } from '../lifecycle/transition.ts';
import type { Cluster } from '../placement/cluster.ts';
import { placeTogether } from '../placement/place-together.ts';
import type { World } from '../world.ts';
import { requestOf } from './cluster-in.ts';
import { keepRoom, successorsIn } from './successors.ts';

/**
 * Places those first for whom others of their service leave: that room was given up for them alone, whoever else waits. What
 * they have to wait for is kept for them. Returns the ids of those that wait so.
 */
export function placeSuccessors(world: World, cluster: Cluster): ReadonlySet<string> {
  const { waiting, owed } = successorsIn(world);
  const verdicts = placeTogether(
    cluster,
    waiting.map(r => requestOf(world, r)),
  );
  for (const replica of waiting) {
    const verdict = verdicts.get(replica.id);
    if (verdict?.kind === 'placed')
      world.put(transition(replica, { kind: 'placed', placement: verdict.placement }, world.now));
  }
  const left = waiting.filter(r => verdicts.get(r.id)?.kind !== 'placed');
  return keepRoom(world, cluster, [...left, ...owed]);
}
