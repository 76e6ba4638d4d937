import { isLive, type Replica } from '../replica.ts';
import { type Service, surgeOf } from '../service.ts';
import type { ServiceSpec } from '../spec.ts';
import type { Leeway } from './leeway.ts';
import { mayServe } from './may-serve.ts';

/**
 * What a paused update has left of the generation before it, as a service of its own: its nodes may be lost or emptied too.
 * The failed generation stays as it is, for people to look at; what serves of it on a node that is emptied gives its place
 * back to the one before, which works.
 * @param previous the spec of the generation before; undefined where none is known to work
 * @returns null where nothing is paused
 */
export function keptUp(
  service: Service,
  replicas: readonly Replica[],
  {
    previous,
    isGivenUp,
    isMoving,
  }: { readonly previous: ServiceSpec | undefined } & Pick<Leeway, 'isGivenUp' | 'isMoving'>,
): Service | null {
  const { rollout } = service;
  if (rollout.kind !== 'paused' || rollout.previous === null || previous === undefined || service.removal) return null;
  const failed = replicas.filter(
    r => r.generation === service.generation && isLive(r) && !isGivenUp(r) && !(isMoving(r) && mayServe(r)),
  );
  // It has as many as the update has left it so far: none is made in the place that a new one has taken.
  const unserved = service.replicas - failed.filter(mayServe).length;
  const unoccupied = service.replicas + surgeOf(service) - failed.filter(hadPlace).length;
  return {
    ...service,
    spec: previous,
    generation: rollout.previous,
    replicas: Math.max(0, Math.min(unserved, unoccupied)),
    rollout: { kind: 'settled' },
  };
}

function hadPlace({ phase }: Replica): boolean {
  return phase.kind !== 'failed' || !phase.isPlaceless;
}
