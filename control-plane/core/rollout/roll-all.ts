import { transition } from '../lifecycle/transition.ts';
import type { Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { ServiceKey } from '../spec.ts';
import { passOnRoom } from '../waiting/successors.ts';
import type { World } from '../world.ts';
import { judgeRollout } from './judge-rollout.ts';
import type { Leeway } from './leeway.ts';
import { leewayIn, withoutRoom } from './leeway-in.ts';
import { newReplica } from './new-replica.ts';
import { type ServiceStep, stepOf } from './step-of.ts';

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
  const judged = judgeRollout(world, service);
  const failedNow = judged === service ? 0 : failedNowCount(world, judged);
  carryOut(world, judged, { step: stepOf(world, judged, leeway), failedNow, newReplicaId });
}

/** @param failedNow how many have just failed the update */
function carryOut(
  world: World,
  service: Service,
  { step, failedNow, newReplicaId }: { step: ServiceStep; failedNow: number; newReplicaId: () => string },
): void {
  const { now } = world;
  const { create, drain, displacing, settled, kept } = step;
  for (const { replica, reason } of drain) world.put(transition(replica, { kind: 'drain', reason }, now));
  for (const id of displacing?.idle ?? []) {
    const idle = world.replicas.get(id);
    if (idle) world.put(transition(idle, { kind: 'drain', reason: 'preempted' }, now));
  }
  for (let i = 0; i < create; i += 1) world.put(newReplica(newReplicaId(), service, now));
  for (let i = 0; kept && i < kept.create; i += 1) {
    const newcomer = newReplica(newReplicaId(), kept.service, now);
    // What has just failed the update leaves its place to the version that works, as it would in a rollback.
    world.put(i < failedNow ? transition(newcomer, { kind: 'inherits' }, now) : newcomer);
  }
  const isDone = settled && service.rollout.kind === 'progressing';
  world.services.set(service.key, isDone ? { ...service, rollout: { kind: 'settled' } } : service);
}

function failedNowCount(world: World, { key, generation }: Service): number {
  const hasJustFailed = ({ phase }: Replica) => phase.kind === 'failed' && phase.since === world.now;
  return world.ofService(key).filter(r => r.generation === generation && hasJustFailed(r)).length;
}
