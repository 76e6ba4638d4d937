import { containTrouble } from './contain-trouble.ts';
import type { Desired } from './desired.ts';
import { advanceAll } from './lifecycle/advance-all.ts';
import { forgetWhatEnded } from './lifecycle/forget-what-ended.ts';
import { DEFAULT_NODE_POLICY, type NodePolicy } from './node.ts';
import type { Observed } from './observed.ts';
import { type Plan, planOf } from './plan/plan.ts';
import { rollAll } from './rollout/roll-all.ts';
import { contestedPlaces } from './waiting/contested-places.ts';
import { placeElsewhere } from './waiting/place-elsewhere.ts';
import { placeWaiting } from './waiting/place-waiting.ts';
import { World } from './world.ts';

/**
 * The whole of the control plane's judgement, pure: compares what is desired with what is observed and says what to do.
 * Applying its actions until there are none is how everything comes about: start, update, crash, restart of ours, end.
 */
export function reconcile(
  desired: Desired,
  observed: Observed,
  now: number,
  newReplicaId: () => string,
  policy: NodePolicy = DEFAULT_NODE_POLICY,
): Plan {
  return containTrouble(desired.services.keys(), alone => {
    const world = new World(desired, observed, { now, policy, alone });
    const placeAgainAt = decide(world, newReplicaId);
    return { ...planOf(world, placeAgainAt), troubles: alone };
  });
}

/** One pass over the world, which it changes. Returns when to look for places again though nothing changes; null: no need. */
function decide(world: World, newReplicaId: () => string): number | null {
  world.nodes.tidy();
  placeElsewhere(world);
  advanceAll(world, contestedPlaces(world));
  rollAll(world, newReplicaId);
  const placeAgainAt = placeWaiting(world);
  // A placement, a drain or a retry may carry a replica on at once, such as onto an image that is there already. What was
  // placed just now was placed by the ledger that tells whose place is contested.
  advanceAll(world, new Set());
  forgetWhatEnded(world);
  return placeAgainAt;
}
