import { homedir } from 'node:os';
import { admit } from '../admission.ts';
import { OutriggerError } from '../core/errors.ts';
import type { ServiceSpec } from '../core/spec.ts';
import type { AdmissionSurroundings } from './denial.ts';
import { LOCAL_DISK } from './disk.ts';
import type { AdmissionPolicy } from './policy.ts';

/**
 * Resolves to the warnings of an admitted spec; rejects with `denied` and every reason otherwise. Paths are judged on
 * this machine, which is right where the engine runs on it.
 */
export async function admitOrThrow(
  spec: ServiceSpec,
  policy: AdmissionPolicy,
  surroundings: Partial<AdmissionSurroundings> = {},
): Promise<readonly string[]> {
  const admission = await admit(spec, policy, {
    disk: LOCAL_DISK,
    home: homedir(),
    environment: {},
    hidden: [],
    ...surroundings,
  });
  if (admission.kind === 'admitted') return admission.warnings;
  const [first] = admission.reasons;
  throw new OutriggerError(
    'denied',
    admission.reasons.map(({ keyPath, message }) => `${keyPath}: ${message}`).join('\n'),
    {
      ...(admission.reasons.length === 1 && first
        ? { next: first.next }
        : { next: admission.reasons.map(reasonNext).join('\n') }),
      details: { reasons: admission.reasons },
    },
  );
}

function reasonNext({ keyPath, next }: { keyPath: string; next: string }): string {
  return `${keyPath}: ${next}`;
}
