import type { Observed } from '../core/observed.ts';
import type { ControllerOptions } from './controller.ts';
import type { DesiredState } from './desired-state.ts';

/** What the registry and the clients at the hub know of those that leave. */
export function withdrawalsIn(
  { registry, hub }: Pick<ControllerOptions, 'registry' | 'hub'>,
  state: Pick<DesiredState, 'services'>,
): Pick<Observed, 'withdrawn' | 'standing'> {
  return {
    withdrawn: (service, replicaId) => {
      // Of what is deleted, nobody is waited for of whom it is not known that they call it.
      const expectReturns = state.services.get(service)?.removal === null;
      const isConfirmed = hub.withdrawalConfirmed(service, replicaId, { expectReturns });
      return isConfirmed && registry.standing(replicaId).letGoAt !== null;
    },
    standing: replicaId => {
      const standing = registry.standing(replicaId);
      // Of what left in an earlier life, clients may not know before this one: they have their time from its beginning.
      return standing.letGoAt === null ? standing : { ...standing, letGoAt: Math.max(standing.letGoAt, hub.since) };
    },
  };
}
