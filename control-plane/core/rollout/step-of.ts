import type { Replica } from '../replica.ts';
import type { Service } from '../service.ts';
import type { ServiceSpec } from '../spec.ts';
import type { World } from '../world.ts';
import { heldByRegistry } from './held-by-registry.ts';
import { keptUp } from './kept-up.ts';
import type { Leeway } from './leeway.ts';
import { movedWhilePaused } from './moved-while-paused.ts';
import { displacing, type RolloutStep, rolloutStep } from './rollout.ts';

/** What a service does in this pass. */
export interface ServiceStep extends RolloutStep {
  /** What a paused update has left of the generation before, as a service of its own; null: nothing is kept up. */
  readonly kept: { readonly service: Service; readonly create: number } | null;
}

/**
 * The next step of a service: its own, and while its update is paused also that of what is kept up of the generation before,
 * without whoever the registry holds back. It changes nothing but what the leeway has to give.
 */
export function stepOf(world: World, service: Service, leeway: Leeway): ServiceStep {
  const replicas = world.ofService(service.key);
  const own = rolloutStep(service, replicas, leeway);
  const kept = keptUp(service, replicas, { previous: previousSpec(world, service), ...leeway });
  const beside = kept && keptStep(service, replicas, { kept, leeway });
  const step = beside ? { ...beside, create: own.create, drain: [...own.drain, ...beside.drain] } : own;
  return {
    ...heldByRegistry(step, replicas, world.observed.standing),
    kept: kept && beside && { service: kept, create: beside.create },
  };
}

/** What is kept up while an update is paused, and who moves meanwhile. The update itself has nobody else leave then. */
function keptStep(
  service: Service,
  replicas: readonly Replica[],
  { kept, leeway }: { readonly kept: Service; readonly leeway: Leeway },
): RolloutStep {
  const keeping = { ...rolloutStep(kept, ofGeneration(replicas, kept.generation), leeway), settled: false };
  // Idle replicas of other services leave for one of the two at a time.
  if (keeping.displacing) return keeping;
  const others = replicas.filter(r => !keeping.drain.some(d => d.replica === r));
  const { leaving, idle } = movedWhilePaused(service, others, { kept, leeway });
  const away = leaving.map(replica => ({ replica, reason: 'moved' as const }));
  return { ...keeping, drain: [...keeping.drain, ...away], ...displacing(leaving, idle) };
}

function previousSpec(world: World, { key, rollout }: Service): ServiceSpec | undefined {
  if (rollout.kind !== 'paused' || rollout.previous === null) return undefined;
  return world.keptSpec(key, rollout.previous);
}

function ofGeneration(replicas: readonly Replica[], generation: number): Replica[] {
  return replicas.filter(r => r.generation === generation);
}
