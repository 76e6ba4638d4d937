import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { usageError } from '../usage-error.ts';

const PULL_POLICIES = ['always', 'missing', 'never'] as const;

/** A spec with what the command line says over the file: `--scale` moves the range so that the number lies in it. */
export function withOverrides<Spec extends ServiceSpecInput>(
  spec: Spec,
  overrides: { replicas: number | undefined; pull: string | undefined },
): Spec {
  const { replicas, pull } = overrides;
  let result = spec;
  if (replicas !== undefined) {
    const { min = 1, max = 1 } = spec.replicas ?? {};
    const range = { min: Math.min(min, replicas), max: Math.max(max, replicas), initial: replicas };
    const fixed = { min: replicas, max: replicas, initial: replicas };
    result = { ...result, replicas: { ...spec.replicas, ...(min === max ? fixed : range) } };
  }
  if (pull !== undefined) {
    const policy = PULL_POLICIES.find(known => known === pull);
    if (policy === undefined)
      throw usageError(`--pull ${pull} is not known.`, `Give one of ${PULL_POLICIES.join(', ')}.`);
    result = { ...result, pullPolicy: policy };
  }
  return result;
}
