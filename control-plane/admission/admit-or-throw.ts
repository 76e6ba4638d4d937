import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { admit } from '../admission.ts';
import { OutriggerError } from '../core/errors.ts';
import type { ServiceSpec } from '../core/spec.ts';
import type { AdmissionSurroundings } from './denial.ts';
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
    realpath: realpathOrNull,
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

/** Null only where there is nothing. What may not be looked at could be a link to anything, so it is refused. */
async function realpathOrNull(place: string): Promise<string | null> {
  return realpath(place).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null;
    throw new OutriggerError('denied', `${place} cannot be looked at (${cause.code}), so it is not bound`, { cause });
  });
}
