import type { Service } from '../service.ts';
import type { World } from '../world.ts';

/** A generation that failed is rolled back or held, as its own `update.on_failure` says. */
export function judgeRollout(world: World, service: Service): Service {
  const { rollout } = service;
  if (rollout.kind !== 'progressing' || rollout.previous === null || service.removal) return service;
  const failed = world
    .ofService(service.key)
    .find(r => r.generation === service.generation && r.phase.kind === 'failed');
  if (failed?.phase.kind !== 'failed') return service;
  const { cause } = failed.phase;
  const previous = world.keptSpec(service.key, rollout.previous);
  switch (service.spec.update.onFailure) {
    case 'continue':
      return service;
    case 'pause':
      return { ...service, rollout: { kind: 'paused', cause, previous: rollout.previous } };
    case 'rollback': {
      if (!previous) return { ...service, rollout: { kind: 'paused', cause, previous: rollout.previous } };
      const replicas = Math.min(Math.max(service.replicas, previous.replicas.min), previous.replicas.max);
      return {
        ...service,
        spec: previous,
        generation: rollout.previous,
        replicas,
        rollout: { kind: 'rolled_back', failed: service.generation, to: rollout.previous, cause },
      };
    }
    default:
      return service.spec.update.onFailure satisfies never;
  }
}
