import { actionKey, createAction } from '../actions.ts';
import { isRemoved } from '../is-removed.ts';
import type { PhaseOf, Replica } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';
import { NO_BUDGET } from './causes.ts';
import { endOfContainer } from './container-end.ts';
import { drainEndsAt } from './drain-end.ts';
import type { ReplicaFacts } from './replica-facts.ts';
import type { ReplicaEvent } from './transition.ts';

/** Nobody uses it any more, or its time for that is over. */
export function afterDrain(replica: Replica, phase: PhaseOf<'draining'>, facts: ReplicaFacts): ReplicaEvent | null {
  const { observed, now } = facts;
  const endsAt = drainEndsAt(replica.id, phase, facts);
  if (endsAt !== null && now >= endsAt) return { kind: 'drained' };
  if (!observed.withdrawn(replica.service, replica.id)) return null;
  // A reading from before the withdrawal cannot tell that nothing runs any more.
  const report = observed.probes.get(phase.container.id);
  // Nobody asked it yet, as after a restart of ours: what it runs is not known, whereas it may have been told to drain.
  if (!report || report.loadUnread) return null;
  const { load } = report;
  return load === undefined || (load.inFlight === 0 && load.at > phase.since) ? { kind: 'drained' } : null;
}

/** Nothing of the attempt runs any more, nor will; for one that goes for good, of all its attempts. */
export function afterStop(replica: Replica, phase: PhaseOf<'stopping'>, facts: ReplicaFacts): ReplicaEvent | null {
  const { container, placement } = phase;
  if (facts.nodes.isGone(placement.node)) return { kind: 'forgotten' };
  const ended: ReplicaEvent = { kind: 'ended', policy: policyAfter(phase, facts.spec), logTail: [] };
  if (phase.afterwards.kind === 'retried') {
    const end = container && endOfContainer(replica, container, facts);
    if (container !== null && !end) return null;
    return { ...ended, logTail: end?.logTail ?? [] };
  }
  // On its way out for good: no container of any attempt may be left, nor a create that could still bring one.
  const { effects, nodes } = facts.observed;
  const create = effects.get(actionKey(createAction(replica, placement, facts.spec)));
  if (create?.kind === 'under_way') return null;
  if (facts.containers.some(c => !isRemoved(c.id, facts.observed))) return null;
  if (container !== null && isRemoved(container.id, facts.observed)) return ended;
  // A create whose answer was lost may have made a container that only a later listing shows.
  const node = nodes.get(placement.node);
  const certainFrom = Math.max(phase.since, container?.seenAt ?? 0, create && create.kind !== 'queued' ? create.at : 0);
  return node?.answering && node.listedFrom > certainFrom ? ended : null;
}

/** Losing its devices or its network is no fault of the replica's: its budget is not asked. */
function policyAfter({ afterwards }: PhaseOf<'stopping'>, { restart }: ServiceSpec): ServiceSpec['restart'] {
  if (afterwards.kind !== 'retried') return restart;
  const { kind } = afterwards.cause;
  return kind === 'device_lost' || kind === 'cut_off' ? NO_BUDGET : restart;
}
