import { transition } from '../lifecycle/transition.ts';
import { placeTogether } from '../placement/cluster.ts';
import { type Rejection, summarise } from '../placement/rejection.ts';
import type { Replica } from '../replica.ts';
import type { World } from '../world.ts';
import { clusterIn, requestOf, untidyNodes } from './cluster-in.ts';
import { displaceIdle } from './displace-idle.ts';
import { beyondSurge, unmetDependencies, WAITS_FOR } from './unmet.ts';

/**
 * Places the replicas that wait, the most important first. One that fits nowhere may have idle replicas of lower priority
 * make room. Returns when to look again though nothing changes; null: no need.
 */
export function placeWaiting(world: World): number | null {
  const waiting = world.lookedAfter().filter(r => r.phase.kind === 'pending');
  if (waiting.length === 0) return null;
  const ready = waiting.filter(replica => {
    const reasons = [...unmetDependencies(world, world.specOf(replica)), ...beyondSurge(world, replica)];
    if (reasons.length > 0) world.put(transition(replica, { kind: 'unplaceable', reasons }, world.now));
    return reasons.length === 0;
  });
  if (ready.length === 0) return null;
  const cluster = clusterIn(world);
  const notYet = [...untidyNodes(world)].map(name => `${name}: ${ENDED_FIRST}`);
  const byPriority = Map.groupBy(ready, r => world.specOf(r).priority);
  const lookAgainAt: number[] = [];
  const told = new Summaries(notYet);
  for (const priority of [...byPriority.keys()].sort((a, b) => b - a)) {
    const group = byPriority.get(priority) ?? [];
    const verdicts = placeTogether(
      cluster,
      group.map(r => requestOf(world, r)),
    );
    const left: { replica: Replica; rejections: readonly Rejection[] }[] = [];
    for (const replica of group) {
      const verdict = verdicts.get(replica.id);
      if (verdict?.kind === 'placed') {
        world.put(transition(replica, { kind: 'placed', placement: verdict.placement }, world.now));
      } else left.push({ replica, rejections: verdict?.rejections ?? [] });
    }
    const requests = left.map(l => requestOf(world, l.replica));
    const displacing = displaceIdle(world, requests, { cluster, fresh: () => clusterIn(world) });
    if (displacing.lookAgainAt !== null) lookAgainAt.push(displacing.lookAgainAt);
    for (const { replica, rejections } of left) {
      const lacking = told.of(rejections);
      const reasons = displacing.awaited.has(replica.id) ? [AWAITED, ...lacking] : lacking;
      world.put(transition(replica, { kind: 'unplaceable', reasons }, world.now));
    }
  }
  return lookAgainAt.length > 0 ? Math.min(...lookAgainAt) : null;
}

/** Replicas of the same spec have the same rejections: these are told once, however many nodes and replicas there are. */
class Summaries {
  readonly #known = new Map<readonly Rejection[], readonly string[]>();
  readonly #further: readonly string[];

  constructor(further: readonly string[]) {
    this.#further = further;
  }

  of(rejections: readonly Rejection[]): readonly string[] {
    const known = this.#known.get(rejections);
    if (known) return known;
    const lines = [...summarise(rejections), ...this.#further];
    this.#known.set(rejections, lines);
    return lines;
  }
}

const AWAITED = 'others are on their way out and make room for it';
const ENDED_FIRST = 'containers of an earlier time are ended there first';

/** Whether one of a waiting replica's reasons is about what others do, and not about what a node lacks. */
export function isAboutOthers(reason: string): boolean {
  return reason === AWAITED || reason.endsWith(ENDED_FIRST) || reason.startsWith(WAITS_FOR);
}
