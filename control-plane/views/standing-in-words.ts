import type { Observed } from '../core/observed.ts';
import { isAvailable, type Replica } from '../core/replica.ts';
import { isCurrent, isUpdating, type Service } from '../core/service.ts';
import { remainingInWords } from './remaining-in-words.ts';

/** What the registry keeps a replica waiting for; empty: nothing. */
export function standingInWords(replica: Replica, { standing }: Observed): string {
  const { announced, withdrawable } = standing(replica.id);
  if (replica.phase.kind === 'draining')
    return withdrawable ? '' : 'serves on, as the registry does not answer and may hand it out';
  return announced ? '' : 'the registry was not told of it yet';
}

/** What an update waits for although the newcomers are ready; empty: not for that. See core/lifecycle/on-trial.ts. */
export function trialInWords(service: Service, replicas: readonly Replica[]): string {
  const { monitorMs } = service.spec.update;
  const isNew = (r: Replica) => isCurrent(service, r) && isAvailable(r);
  if (monitorMs === 0 || !isUpdating(service) || !replicas.some(isNew)) return '';
  return `a new replica counts once it has been ready for ${remainingInWords(monitorMs)} (update.monitor)`;
}

/** Why an update stands still; empty: not because of the registry. See core/rollout/held-by-registry.ts. */
export function haltInWords(service: Service, replicas: readonly Replica[], { standing }: Observed): string {
  const isHeld = (r: Replica) => isAvailable(r) && !standing(r.id).withdrawable;
  if (!replicas.some(r => isHeld(r) && !isCurrent(service, r))) return '';
  return 'the registry does not answer (`outrigger doctor` says why): who serves stays until it is told of the others';
}
