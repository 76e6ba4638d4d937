import { type Action, actionKey } from '../actions.ts';
import { drainEndsAt } from '../lifecycle/drain-end.ts';
import { awaitsDeviceCheckUntil } from '../lifecycle/first-device-check.ts';
import { provenAt } from '../lifecycle/on-trial.ts';
import { memoryAwaitedUntil } from '../rollout/memory-holders.ts';
import type { World } from '../world.ts';

/**
 * When to look again though nothing changes; null: no need.
 * @param actions all that is to be done, also what is put off
 * @param given further times at which to look
 */
export function wakeAt(world: World, actions: readonly Action[], given: readonly (number | null)[]): number | null {
  const { observed, now } = world;
  const times = [...given.filter(t => t !== null), ...world.nodes.wakeTimes(world.replicas.values())];
  for (const action of actions) {
    const effect = observed.effects.get(actionKey(action));
    if (effect?.kind === 'failed') times.push(effect.notBefore);
  }
  for (const replica of world.lookedAfter()) {
    const { phase } = replica;
    const service = world.services.get(replica.service);
    const proven = service ? provenAt(service, replica) : null;
    if (proven !== null) times.push(proven);
    const memoryUntil = memoryAwaitedUntil(replica);
    if (memoryUntil !== null) times.push(memoryUntil);
    if (phase.kind === 'backoff') times.push(phase.until);
    if (phase.kind === 'starting') {
      const until = awaitsDeviceCheckUntil(replica, phase, { spec: world.specOf(replica), observed });
      if (until !== null) times.push(until);
    }
    if (phase.kind === 'draining') {
      const facts = { spec: world.specOf(replica), observed, isDeleted: world.isDeleted(replica.service) };
      const endsAt = drainEndsAt(replica.id, phase, facts);
      if (endsAt !== null) times.push(endsAt);
      // Load is read and not announced: look again while it decides.
      if (observed.probes.get(phase.container.id)?.load) times.push(now + LOAD_LOOK_MS);
    }
  }
  const future = times.filter(t => t > now);
  return future.length > 0 ? Math.min(...future) : null;
}

/** How soon a draining replica's load is looked at again. */
const LOAD_LOOK_MS = 250;
