import { transition } from '../lifecycle/transition.ts';
import type { PendingReason } from '../pending-reason.ts';
import { placeTogether } from '../placement/cluster.ts';
import { type Rejection, summarise } from '../placement/rejection.ts';
import type { Replica } from '../replica.ts';
import type { World } from '../world.ts';
import { clusterIn, requestOf, untidyNodes } from './cluster-in.ts';
import { displaceIdle } from './displace-idle.ts';
import { placeSuccessors } from './place-successors.ts';
import { beyondSurgeIn, unmetDependencies } from './unmet.ts';

/**
 * Places the replicas that wait, the most important first. One that fits nowhere may have idle replicas of lower priority
 * make room. Returns when to look again though nothing changes; null: no need.
 */
export function placeWaiting(world: World): number | null {
  const waiting = world.lookedAfter().filter(r => r.phase.kind === 'pending');
  if (waiting.length === 0) return null;
  const ready: Replica[] = [];
  const extra: Replica[] = [];
  const beyondSurge = beyondSurgeIn(world);
  for (const replica of waiting) {
    const dependencies = unmetDependencies(world, world.specOf(replica));
    const surge = beyondSurge(replica);
    if (dependencies.length > 0) {
      const reasons = [...dependencies, ...surge];
      world.put(transition(replica, { kind: 'unplaceable', reasons }, world.now));
    } else if (surge.length > 0) extra.push(replica);
    else ready.push(replica);
  }
  if (ready.length + extra.length === 0) return null;
  const cluster = clusterIn(world);
  const notYet = [...untidyNodes(world)].map((node): PendingReason => ({ kind: 'untidy_node', node }));
  const kept = placeSuccessors(world, cluster);
  const still = ready.filter(r => world.replicas.get(r.id)?.phase.kind === 'pending');
  const byPriority = Map.groupBy(still, r => world.specOf(r).priority);
  const lookAgainAt: number[] = [];
  const told = new Summaries(notYet);
  for (const priority of [...byPriority.keys()].sort((a, b) => b - a)) {
    const group = byPriority.get(priority) ?? [];
    const verdicts = placeTogether(
      cluster,
      group.filter(r => !kept.has(r.id)).map(r => requestOf(world, r)),
    );
    const left: { replica: Replica; rejections: readonly Rejection[] }[] = [];
    for (const replica of group) {
      const verdict = verdicts.get(replica.id);
      if (verdict?.kind === 'placed') {
        world.put(transition(replica, { kind: 'placed', placement: verdict.placement }, world.now));
      } else left.push({ replica, rejections: verdict?.rejections ?? cluster.rejections(requestOf(world, replica)) });
    }
    const requests = left.filter(l => !kept.has(l.replica.id)).map(l => requestOf(world, l.replica));
    const displacing = displaceIdle(world, requests, cluster);
    if (displacing.lookAgainAt !== null) lookAgainAt.push(displacing.lookAgainAt);
    const isAwaited = ({ id }: Replica) => kept.has(id) || displacing.awaited.has(id);
    for (const { replica, rejections } of left) {
      const lacking = told.of(rejections);
      const about = isAwaited(replica) ? [ROOM_MADE] : (displacing.held.get(replica.id) ?? []);
      const reasons = about.length > 0 ? [...about, ...lacking] : lacking;
      world.put(transition(replica, { kind: 'unplaceable', reasons }, world.now));
    }
  }
  // Those that others have to leave for may stay because it would find no room: that is what to know then.
  for (const alike of Map.groupBy(extra, r => world.specOf(r)).values()) {
    const lacking = told.of(cluster.rejections(requestOf(world, alike[0]!)));
    for (const replica of alike) {
      const reasons = [...beyondSurge(replica), ...lacking];
      world.put(transition(replica, { kind: 'unplaceable', reasons }, world.now));
    }
  }
  return lookAgainAt.length > 0 ? Math.min(...lookAgainAt) : null;
}

const ROOM_MADE: PendingReason = { kind: 'room_made' };

/** Replicas of the same spec have the same rejections: these are told once, however many nodes and replicas there are. */
class Summaries {
  readonly #known = new Map<readonly Rejection[], readonly PendingReason[]>();
  readonly #further: readonly PendingReason[];

  constructor(further: readonly PendingReason[]) {
    this.#further = further;
  }

  of(rejections: readonly Rejection[]): readonly PendingReason[] {
    const known = this.#known.get(rejections);
    if (known) return known;
    const reasons = [...summarise(rejections), ...this.#further];
    this.#known.set(rejections, reasons);
    return reasons;
  }
}
