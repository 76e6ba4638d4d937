import type { ImageWait } from '../image-wait.ts';
import { transition } from '../lifecycle/transition.ts';
import type { PendingReason } from '../pending-reason.ts';
import type { Cluster } from '../placement/cluster.ts';
import { placeTogether } from '../placement/place-together.ts';
import { type Rejection, summarise } from '../placement/rejection.ts';
import { isPending, type Replica } from '../replica.ts';
import type { World } from '../world.ts';
import { clusterIn, requestOf, untidyNodes } from './cluster-in.ts';
import { displaceIdle } from './displace-idle.ts';
import { endOfWait, reasonOf, waitForAbsent, waitOf } from './image-first.ts';
import { placeSuccessors } from './place-successors.ts';
import { beyondSurgeIn, unmetDependencies } from './unmet.ts';
import { heldBeside } from './why-they-stay.ts';

/**
 * Places the replicas that wait, the most important first. One that fits nowhere may have idle replicas of lower priority
 * make room. Returns when to look again though nothing changes; null: no need.
 */
export function placeWaiting(world: World): number | null {
  const beyondSurge = beyondSurgeIn(world);
  const waiting = world.lookedAfter().filter(isPending);
  const unmet = new Map(waiting.map(r => [r, unmetDependencies(world, world.specOf(r))]));
  for (const [replica, dependencies] of unmet)
    if (dependencies.length > 0) tell(world, replica, [...dependencies, ...beyondSurge(replica)]);
  const able = waiting.filter(r => unmet.get(r)!.length === 0);
  if (able.length === 0) return null;
  const [extra, ready] = [able.filter(r => beyondSurge(r).length > 0), able.filter(r => beyondSurge(r).length === 0)];
  const cluster = clusterIn(world);
  const kept = placeSuccessors(world, cluster);
  const told = new Summaries([...untidyNodes(world)].map(node => ({ kind: 'untidy_node', node })));
  const still = ready.filter(r => world.replicas.get(r.id)?.phase.kind === 'pending');
  const byPriority = [...Map.groupBy(still, r => world.specOf(r).priority)].sort(([a], [b]) => b - a);
  const times = byPriority.map(([, group]) => placeGroup(world, group, { cluster, kept, told }));
  // Those that others have to leave for may stay because it would find no room: that is what to know then.
  const whyIdleStay = heldBeside(world);
  for (const alike of Map.groupBy(extra, r => world.specOf(r)).values()) {
    const request = requestOf(world, alike[0]!);
    const rejections = cluster.rejections(request);
    const { held, lookAgainAt } = rejections.length > 0 ? whyIdleStay(request) : { held: [], lookAgainAt: null };
    times.push(lookAgainAt);
    for (const replica of alike) {
      const reasons = beyondSurge(replica);
      const wait = waitOf(world, replica) ?? waitForAbsent(world, replica, rejections);
      if (wait) tellOfWait(world, replica, { wait, reasons });
      else tell(world, replica, [...reasons, ...held, ...told.of(rejections)]);
    }
  }
  const lookAgainAt = Math.min(...times.filter(t => t !== null));
  return Number.isFinite(lookAgainAt) ? lookAgainAt : null;
}

/**
 * Places replicas of one priority, or makes room for them, or says what is in their way. Returns when to look again.
 * @param kept those whose room is kept in the cluster already
 */
function placeGroup(
  world: World,
  group: readonly Replica[],
  { cluster, kept, told }: { readonly cluster: Cluster; readonly kept: ReadonlySet<string>; readonly told: Summaries },
): number | null {
  const requests = group.filter(r => !kept.has(r.id)).map(r => requestOf(world, r));
  const verdicts = placeTogether(cluster, requests);
  const left: { readonly replica: Replica; readonly rejections: readonly Rejection[] }[] = [];
  for (const replica of group) {
    const verdict = verdicts.get(replica.id);
    if (verdict?.kind === 'placed')
      world.put(transition(replica, { kind: 'placed', placement: verdict.placement }, world.now));
    else left.push({ replica, rejections: verdict?.rejections ?? cluster.rejections(requestOf(world, replica)) });
  }
  const roomless = new Set(left.map(l => l.replica.id));
  const { awaited, held, lookAgainAt } = displaceIdle(
    world,
    requests.filter(r => roomless.has(r.replicaId)),
    cluster,
  );
  for (const { replica, rejections } of left) {
    const wait = waitOf(world, replica) ?? waitForAbsent(world, replica, rejections);
    if (wait) {
      tellOfWait(world, replica, { wait, reasons: [] });
      continue;
    }
    const isAwaited = kept.has(replica.id) || awaited.has(replica.id);
    const about = isAwaited ? [ROOM_MADE] : (held.get(replica.id) ?? []);
    const lacking = told.of(rejections);
    tell(world, replica, about.length > 0 ? [...about, ...lacking] : lacking);
  }
  return lookAgainAt;
}

/** Tells one for whose image others have not left yet, or ends it where that cannot be had. */
function tellOfWait(
  world: World,
  replica: Replica,
  { wait, reasons }: { readonly wait: ImageWait; readonly reasons: readonly PendingReason[] },
): void {
  const cause = endOfWait(world, replica, wait);
  if (cause) world.put(transition(replica, { kind: 'unobtainable', node: wait.node, cause }, world.now));
  else tell(world, replica, [reasonOf(wait), ...reasons]);
}

function tell(world: World, replica: Replica, reasons: readonly PendingReason[]): void {
  world.put(transition(replica, { kind: 'unplaceable', reasons }, world.now));
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
