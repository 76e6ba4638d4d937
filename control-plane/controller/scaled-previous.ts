import type { Service } from '../core/service.ts';
import type { Change } from '../ports.ts';
import type { DesiredState } from './desired-state.ts';

/**
 * What a failed update falls back to has the number that was asked for since it began. A range stays what its file says: a
 * rollback keeps as much of the number as the range allows, see judge-rollout.ts.
 */
export function scaledPrevious(state: DesiredState, { key, rollout }: Service, replicas: number): readonly Change[] {
  if (rollout.kind !== 'progressing' || rollout.previous === null) return [];
  const spec = state.specOf(key, rollout.previous);
  if (!spec || spec.replicas.min !== spec.replicas.max || spec.replicas.initial === replicas) return [];
  const scaled = { ...spec, replicas: { ...spec.replicas, min: replicas, max: replicas, initial: replicas } };
  return [{ kind: 'put_generation', service: key, generation: rollout.previous, spec: scaled }];
}
