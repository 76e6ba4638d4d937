import type { Desired } from '../core/desired.ts';
import type { JudgedNodes } from '../core/nodes/judged-nodes.ts';
import { isAvailable, isLive, placementOf, type Replica } from '../core/replica.ts';
import { isMovingIn, moversOf } from '../core/rollout/movers.ts';
import { isCurrent, type Service } from '../core/service.ts';

/**
 * Which replicas of a service are there to take the place of one that moves away from its node, in words, by the id of
 * the newcomer: without that, a second replica of a service that wants one looks like a mistake. Who is the first to leave
 * has the first successor. Pure.
 */
export function placeTakers(
  service: Service,
  replicas: readonly Replica[],
  { state, nodes }: { readonly state: Desired; readonly nodes: JudgedNodes },
): ReadonlyMap<string, string> {
  if (service.removal) return new Map();
  const isMoving = isMovingIn(nodes);
  const current = replicas.filter(r => isLive(r) && isCurrent(service, r) && !nodes.isGivenUp(r));
  const { idle, serving } = moversOf(current, isMoving);
  const movers = [...idle, ...serving];
  const newcomers = current
    .filter(r => !isMoving(r) && !isAvailable(r))
    .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
  // Fewer than the wanted number are missing for a reason of their own.
  const extra = current.length - service.replicas;
  const taking = extra > 0 ? newcomers.slice(-extra) : [];
  return new Map(
    taking.flatMap((replica, i): [string, string][] => {
      const mover = movers[i];
      return mover ? [[replica.id, `to take the place of ${mover.id} on ${whence(mover, { state, nodes })}`]] : [];
    }),
  );
}

function whence(mover: Replica, { state, nodes }: { readonly state: Desired; readonly nodes: JudgedNodes }): string {
  const name = placementOf(mover)?.node ?? '';
  if (state.nodes.get(name)?.drainingSince != null) return `${name}, which is drained`;
  return `${name}, which ${nodes.node(name) ? 'leaves' : 'is no node any more'}`;
}
