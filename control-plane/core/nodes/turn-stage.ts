import { actionKey, createAction, startKey, stopKey } from '../actions.ts';
import { effectiveProbes } from '../effective-probes.ts';
import { isRemoved } from '../is-removed.ts';
import { isUnstarted } from '../is-unstarted.ts';
import type { EffectState, Observed, ObservedContainer } from '../observed.ts';
import type { PhaseOf, Replica } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import { heardAt } from './heard-at.ts';

/**
 * How far a replica is with a start or a stop on devices that it shares. Whatever goes wrong with it, it keeps others
 * waiting for as long only as something of it is really under way, and never for ever.
 */
export type TurnStage =
  /** It only takes its memory, or is not due to begin. */
  | { readonly kind: 'at_rest' }
  | {
      readonly kind: 'to_start';
      /** Since when it waits, by the Clock: what was tried in vain goes behind those that wait since before. */
      readonly since: number;
      /** It was refused, or failed, again and again: it goes behind all others. */
      readonly isPutOff: boolean;
    }
  /** `until`: by then somebody should have ended it, and nobody waits for it any more. */
  | { readonly kind: 'starting'; readonly until: number }
  | { readonly kind: 'to_stop'; readonly since: number }
  | { readonly kind: 'stopping'; readonly until: number };

interface Seen {
  readonly observed: Observed;
  readonly containersOf: (replica: Replica) => readonly ObservedContainer[];
  readonly now: number;
}

export function turnStage(replica: Replica, spec: ServiceSpec, seen: Seen): TurnStage {
  const { phase } = replica;
  switch (phase.kind) {
    case 'creating':
      return whileCreating(replica, phase, spec, seen);
    case 'starting':
      return whileStarting(replica, phase, spec, seen);
    case 'warming':
      return during('starting', phase.since + (spec.warmup?.deadlineMs ?? 0), seen.now);
    case 'stopping':
      return whileStopping(replica, phase, seen);
    default:
      return AT_REST;
  }
}

function whileCreating(
  replica: Replica,
  phase: PhaseOf<'creating'>,
  spec: ServiceSpec,
  { observed, containersOf, now }: Seen,
): TurnStage {
  const there = containersOf(replica).filter(c => !isRemoved(c.id, observed));
  if (there.some(c => c.attempt === replica.attempt && c.state !== 'created')) return during('starting', now, now);
  // What is left of an earlier attempt goes first, and may not let itself be removed.
  if (there.some(c => c.attempt !== replica.attempt)) return AT_REST;
  const create = observed.effects.get(actionKey(createAction(replica, phase.placement, spec)));
  if (create?.kind === 'under_way' || create?.kind === 'settled') return during('starting', now, now);
  return toStart(replica, phase.since, { effect: create, now });
}

function whileStarting(
  replica: Replica,
  phase: PhaseOf<'starting'>,
  spec: ServiceSpec,
  { observed, containersOf, now }: Seen,
): TurnStage {
  // It was lost and is found: it runs, with its memory, and may be a long time in getting ready again.
  if (replica.hasServed) return AT_REST;
  const start = observed.effects.get(startKey(phase.container.id));
  // It may have begun long after its create, and a call has a deadline of its own.
  if (start?.kind === 'under_way') return during('starting', now, now);
  const startedAt = containersOf(replica).find(c => c.id === phase.container.id)?.startedAt;
  // The call is forgotten after a while. An engine whose clock is ahead of ours does not know either.
  const seenAt = startedAt === undefined || startedAt > now ? phase.since : Math.max(startedAt, phase.since);
  const since = start?.kind === 'settled' ? start.at : seenAt;
  if (!isUnstarted(replica, observed)) return starting(since, spec, now);
  if (start?.kind === 'failed') return toStart(replica, phase.since, { effect: start, now });
  // The turn that its create had goes on. One that was created in an earlier life of ours has none.
  const create = observed.effects.get(actionKey(createAction(replica, phase.placement, spec)));
  return create?.kind === 'settled' ? starting(since, spec, now) : toStart(replica, phase.since, { now });
}

function whileStopping(replica: Replica, phase: PhaseOf<'stopping'>, { observed, containersOf, now }: Seen): TurnStage {
  const running = containersOf(replica).filter(c => c.state === 'running');
  if (running.length === 0) return AT_REST;
  const node = observed.nodes.get(phase.placement.node);
  const told = running.flatMap(({ id }) => {
    const at = heardAt(observed.effects.get(stopKey(id)), node);
    return at === null ? [] : [Number.isFinite(at) ? at : phase.since];
  });
  // However long ago its end was decided: what nobody has told it, as we or its node were away, has not begun.
  if (told.length === 0) return { kind: 'to_stop', since: phase.since };
  // What the engine cannot stop, or what has a grace of many minutes, goes on as it is.
  return during('stopping', node?.answering ? Math.max(...told) : now, now);
}

function toStart(
  replica: Replica,
  since: number,
  { effect, now }: { readonly effect?: EffectState | undefined; readonly now: number },
): TurnStage {
  const hasFailed = replica.failures >= PUT_OFF_FROM_FAILURES;
  if (effect?.kind !== 'failed') return { kind: 'to_start', since, isPutOff: hasFailed };
  if (now < effect.notBefore) return AT_REST;
  const isRefused = effect.notBefore - effect.at >= PUT_OFF_FROM_MS;
  return { kind: 'to_start', since: effect.at, isPutOff: hasFailed || isRefused };
}

function starting(since: number, spec: ServiceSpec, now: number): TurnStage {
  return during('starting', since + (effectiveProbes(spec).startup?.deadlineMs ?? 0), now);
}

function during(kind: 'starting' | 'stopping', deadline: number, now: number): TurnStage {
  const until = deadline + PATIENCE_MS;
  return now < until ? { kind, until } : AT_REST;
}

export const AT_REST: TurnStage = { kind: 'at_rest' };
/** Beyond what a start or a stop may take: the longest call to an engine, and until its end is seen. */
const PATIENCE_MS = 150_000;
/** How long the pause is after several refusals in a row. */
const PUT_OFF_FROM_MS = 8_000;
/**
 * Failures without ten good minutes in between; one may befall anybody. The back-off is no help: a start that fails may take
 * longer than that, so that of two one is always due, and they would pass the turn to and fro.
 */
const PUT_OFF_FROM_FAILURES = 2;
