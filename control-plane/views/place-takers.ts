import type { Desired } from '../core/desired.ts';
import type { Observed } from '../core/observed.ts';
import { isAvailable, isLive, placementOf, type Replica } from '../core/replica.ts';
import type { Service } from '../core/service.ts';

/**
 * Which replicas of a service are there to take the place of one that moves away from its node, in words, by the id of
 * the newcomer: without that, a second replica of a service that wants one looks like a mistake. The youngest leaves first, as
 * in rollout.ts. Pure.
 */
export function placeTakers(
  service: Service,
  replicas: readonly Replica[],
  scene: { readonly state: Desired; readonly observed: Observed },
): ReadonlyMap<string, string> {
  if (service.removal) return new Map();
  const movers: { readonly id: string; readonly from: string }[] = [];
  const newcomers: Replica[] = [];
  for (const replica of [...replicas].sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))) {
    if (!isLive(replica)) continue;
    const node = placementOf(replica)?.node;
    const why = node === undefined ? null : emptying(node, scene);
    if (node !== undefined && why !== null) movers.push({ id: replica.id, from: `${node}, which ${why}` });
    else if (!isAvailable(replica)) newcomers.push(replica);
  }
  // Fewer than the wanted number are missing for a reason of their own.
  const extra = replicas.filter(isLive).length - service.replicas;
  movers.reverse();
  const taking = extra > 0 ? newcomers.slice(-extra) : [];
  return new Map(
    taking.flatMap((replica, i): [string, string][] => {
      const mover = movers[i];
      return mover ? [[replica.id, `to take the place of ${mover.id} on ${mover.from}`]] : [];
    }),
  );
}

function emptying(
  node: string,
  { state, observed }: { readonly state: Desired; readonly observed: Observed },
): string | null {
  if (state.nodes.get(node)?.drainingSince != null) return 'is drained';
  return observed.nodes.get(node)?.leaving ? 'leaves' : null;
}
