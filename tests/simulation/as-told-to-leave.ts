import type { PhaseOf, Replica } from '../../control-plane/core/replica.ts';

/** As it was when it was told to leave, just now; null: it was not. One that may take no time is stored as stopping at once. */
export function asToldToLeave(before: Replica | null, after: Replica): Leaving | null {
  const { phase, timings } = after;
  if (phase.kind === 'draining') return { ...after, phase };
  const isJustTold = before?.phase.kind !== 'draining' && timings.at(-2)?.phase === 'draining';
  if (!isJustTold || phase.kind !== 'stopping' || phase.afterwards.kind !== 'stopped') return null;
  const { since, placement, container, afterwards } = phase;
  if (container === null || afterwards.reason === undefined) return null;
  return { ...after, phase: { kind: 'draining', since, placement, container, reason: afterwards.reason } };
}

/** A replica that drains. */
export type Leaving = Replica & { readonly phase: PhaseOf<'draining'> };
