import { isUnstarted } from '../is-unstarted.ts';
import type { PhaseOf, Placement, Replica } from '../replica.ts';
import { endOfContainer } from './container-end.ts';
import { underTrial } from './on-trial.ts';
import type { ReplicaFacts } from './replica-facts.ts';
import { type ReplicaEvent, transition } from './transition.ts';
import { afterDrain, afterStop } from './until-ended.ts';
import { afterCreate, afterPull, afterStart, afterWarmup } from './until-ready.ts';
import { whileItRuns, whileLost, whileReady } from './while-it-runs.ts';

/** Moves one replica as far as what is observed carries it. Level-triggered: the same facts give the same end. */
export function advance(replica: Replica, facts: ReplicaFacts): Replica {
  let moved = replica;
  // Each event moves on along a line of fewer than a dozen phases; a longer walk would be a cycle in next().
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const event = next(moved, facts);
    if (!event) return moved;
    moved = transition(moved, underTrial(moved, event, facts), facts.now);
  }
  throw new Error(`replica ${replica.id} does not come to rest in phase "${moved.phase.kind}"`);
}

const MAX_STEPS = 16;

function next(replica: Replica, facts: ReplicaFacts): ReplicaEvent | null {
  const { phase } = replica;
  const renamed =
    'container' in phase && phase.container !== null && facts.nodes.renamed(phase.placement, phase.container);
  if (renamed) return { kind: 'node_renamed', node: renamed };
  switch (phase.kind) {
    case 'pending':
    case 'stopped':
    case 'failed':
      return null;
    case 'pulling':
      return displaced(phase.placement, facts) ?? afterPull(phase, facts);
    case 'creating':
      return displaced(phase.placement, facts) ?? afterCreate(replica, phase, facts);
    case 'starting':
      return bereft(replica, phase, facts) ?? whileItRuns(replica, phase, facts) ?? afterStart(replica, phase, facts);
    case 'warming':
      return whileItRuns(replica, phase, facts) ?? afterWarmup(phase, facts);
    case 'ready':
      return whileItRuns(replica, phase, facts) ?? whileReady(phase, facts);
    case 'lost':
      return whileLost(phase, facts);
    case 'draining':
      return endOfContainer(replica, phase.container, facts) ? { kind: 'drained' } : afterDrain(replica, phase, facts);
    case 'stopping':
      return afterStop(replica, phase, facts);
    case 'backoff':
      if (facts.now < phase.until) return null;
      return displaced(phase.placement, facts) ?? { kind: 'retry' };
    default:
      return phase satisfies never;
  }
}

/** No container of it was started there, and none should be any more. */
function displaced(placement: Placement, { nodes, isContested }: ReplicaFacts): ReplicaEvent | null {
  return nodes.isGood(placement) && !isContested ? null : { kind: 'displaced' };
}

/**
 * Its container was made for devices, and its engine would give it others by now: drivers number devices anew, and what an
 * id stands for is looked up at the start. It is never started.
 */
function bereft(replica: Replica, { placement }: PhaseOf<'starting'>, facts: ReplicaFacts): ReplicaEvent | null {
  if (placement.devices.length === 0 || facts.nodes.hasDevices(placement) !== false) return null;
  return isUnstarted(replica, facts.observed) ? { kind: 'displaced' } : null;
}
