import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { Applied } from '../apply-once.ts';

/**
 * A line for each service that ran in another number than the plain one of its file, which takes it back, as Compose
 * does. Of a range the present number stays.
 * @param specs those whose number comes from the file
 */
export function scaleNotes(
  { known, results }: Pick<Applied, 'known' | 'results'>,
  specs: readonly ServiceSpecInput[],
): string[] {
  return results.flatMap(({ service: { name }, outcome }) => {
    const before = known.find(s => s.name === name && !s.deleting);
    const { min, max } = specs.find(s => s.name === name)?.replicas ?? {};
    if (before === undefined || outcome === 'created' || min === undefined || min !== max) return [];
    if (before.wantedReplicas === min) return [];
    return [
      `${name}: ${before.wantedReplicas} replicas become ${min}, as the file says; ` +
        'with x-outrigger.replicas: {min, max} there, what "outrigger scale" sets stays',
    ];
  });
}
