import { transition } from '../lifecycle/transition.ts';
import type { Service } from '../service.ts';
import type { ServiceKey } from '../spec.ts';
import { passOnRoom } from '../waiting/successors.ts';
import type { World } from '../world.ts';
import { heldByRegistry } from './held-by-registry.ts';
import { judgeRollout } from './judge-rollout.ts';
import type { Leeway } from './leeway.ts';
import { leewayIn, withoutRoom } from './leeway-in.ts';
import { newReplica } from './new-replica.ts';
import { rolloutStep } from './rollout.ts';

/**
 * Takes the next step of every service's rollout. Who would give up a place for another one is asked last: by then all that
 * waits for a place is there.
 */
export function rollAll(world: World, newReplicaId: () => string): void {
  const leeway = leewayIn(world);
  const asked = new Set<ServiceKey>();
  for (const service of [...world.services.values()]) {
    const { key } = service;
    if (world.isLeftAlone(key)) continue;
    roll(world, service, { leeway: withoutRoom(leeway, () => asked.add(key)), newReplicaId });
  }
  passOnRoom(world);
  for (const key of asked) roll(world, world.services.get(key)!, { leeway, newReplicaId });
}

function roll(
  world: World,
  service: Service,
  { leeway, newReplicaId }: { leeway: Leeway; newReplicaId: () => string },
): void {
  const { now } = world;
  const judged = judgeRollout(world, service);
  const replicas = world.ofService(service.key);
  const step = heldByRegistry(rolloutStep(judged, replicas, leeway), replicas, world.observed.standing);
  for (const { replica, reason } of step.drain) world.put(transition(replica, { kind: 'drain', reason }, now));
  for (let i = 0; i < step.create; i += 1) world.put(newReplica(newReplicaId(), judged, now));
  const settled = step.settled && judged.rollout.kind === 'progressing';
  world.services.set(service.key, settled ? { ...judged, rollout: { kind: 'settled' } } : judged);
}
