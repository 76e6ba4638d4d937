import { transition } from '../lifecycle/transition.ts';
import type { Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { ServiceKey, ServiceSpec } from '../spec.ts';
import { passOnRoom } from '../waiting/successors.ts';
import type { World } from '../world.ts';
import { heldByRegistry } from './held-by-registry.ts';
import { judgeRollout } from './judge-rollout.ts';
import { keptUp } from './kept-up.ts';
import type { Leeway } from './leeway.ts';
import { leewayIn, withoutRoom } from './leeway-in.ts';
import { movedWhilePaused } from './moved-while-paused.ts';
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
  const own = rolloutStep(judged, replicas, leeway);
  const kept = keptUp(judged, replicas, { previous: previousSpec(world, judged), ...leeway });
  const keeping = kept && rolloutStep(kept, ofGeneration(replicas, kept.generation), leeway);
  const others = replicas.filter(r => !keeping?.drain.some(d => d.replica === r));
  const moved = kept ? movedWhilePaused(judged, others, { kept, leeway }) : [];
  const away = moved.map(replica => ({ replica, reason: 'moved' as const }));
  const both = { ...own, drain: [...own.drain, ...(keeping?.drain ?? []), ...away] };
  const { drain } = heldByRegistry(both, replicas, world.observed.standing);
  for (const { replica, reason } of drain) world.put(transition(replica, { kind: 'drain', reason }, now));
  for (let i = 0; i < own.create; i += 1) world.put(newReplica(newReplicaId(), judged, now));
  // What has just failed the update leaves its place to the version that works, as it would in a rollback.
  const hasJustFailed = ({ phase }: Replica) => phase.kind === 'failed' && phase.since === now;
  const left = judged === service ? 0 : ofGeneration(replicas, judged.generation).filter(hasJustFailed).length;
  for (let i = 0; keeping && i < keeping.create; i += 1) {
    const newcomer = newReplica(newReplicaId(), kept, now);
    world.put(i < left ? transition(newcomer, { kind: 'inherits' }, now) : newcomer);
  }
  const settled = own.settled && judged.rollout.kind === 'progressing';
  world.services.set(service.key, settled ? { ...judged, rollout: { kind: 'settled' } } : judged);
}

function previousSpec(world: World, { key, rollout }: Service): ServiceSpec | undefined {
  if (rollout.kind !== 'paused' || rollout.previous === null) return undefined;
  return world.keptSpec(key, rollout.previous);
}

function ofGeneration(replicas: readonly Replica[], generation: number): Replica[] {
  return replicas.filter(r => r.generation === generation);
}
