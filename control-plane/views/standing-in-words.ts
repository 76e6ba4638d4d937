import type { Observed } from '../core/observed.ts';
import { isAvailable, type Replica } from '../core/replica.ts';
import { isCurrent, type Service } from '../core/service.ts';

/** What the registry keeps a replica waiting for; empty: nothing. */
export function standingInWords(replica: Replica, { standing }: Observed): string {
  const { announced, withdrawable } = standing(replica.id);
  if (replica.phase.kind === 'draining')
    return withdrawable ? '' : 'serves on, as the registry does not answer and may hand it out';
  return announced ? '' : 'the registry was not told of it yet';
}

/** Why an update stands still; empty: not because of the registry. See core/rollout/held-by-registry.ts. */
export function haltInWords(service: Service, replicas: readonly Replica[], { standing }: Observed): string {
  const isHeld = (r: Replica) => isAvailable(r) && !standing(r.id).withdrawable;
  if (!replicas.some(r => isHeld(r) && !isCurrent(service, r))) return '';
  return 'the registry does not answer (`outrigger doctor` says why): who serves stays until it is told of the others';
}
