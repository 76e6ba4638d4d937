import type { ProbeCheck } from '../control-plane/core/spec.ts';

/** Whether whoever passes the one check passes the other too, so that it need not be asked as well. */
export function covers(asked: ProbeCheck, other: ProbeCheck): boolean {
  if (asked.kind !== 'http' || other.kind !== 'http') return JSON.stringify(asked) === JSON.stringify(other);
  const like = { ...asked, expect: other.expect };
  return STRICTNESS[asked.expect] >= STRICTNESS[other.expect] && JSON.stringify(like) === JSON.stringify(other);
}

const STRICTNESS = { answer: 0, available: 1, success: 2 } as const;
