import { actionKey, pullAction } from '../actions.ts';
import type { ImageWait } from '../image-wait.ts';
import { backoffDelayMs } from '../lifecycle/backoff.ts';
import { pulledSince } from '../lifecycle/pulled-since.ts';
import { isFinal } from '../lifecycle/until-ready.ts';
import { imageKey } from '../observed.ts';
import type { PendingReason } from '../pending-reason.ts';
import { AbsentImages } from '../placement/absent-images.ts';
import type { Cluster, PlacementRequest } from '../placement/cluster.ts';
import { hasImage } from '../placement/cluster-node.ts';
import type { Budget } from '../placement/exact-search.ts';
import { type Leaver, makeRoom } from '../placement/make-room.ts';
import type { Cause, Newcomer, Replica } from '../replica.ts';
import type { World } from '../world.ts';

/**
 * Whether the image of a newcomer is on the node where others would leave for it. If it is not, it is pulled there first, and
 * the wait is noted for the newcomer, or for its service where that is not made yet.
 * @param by whose going would make its place
 */
export function awaitsImage(
  world: World,
  newcomer: Newcomer,
  { node, by }: { readonly node: string; readonly by: readonly string[] },
): boolean {
  const spec = world.specOf(newcomer);
  const standing = standingOn(world, newcomer, node);
  if (standing.kind === 'there') return false;
  const { refusal, notBefore } = standing.kind === 'refused' ? standing : { refusal: null, notBefore: 0 };
  const waiter = world.replicas.has(newcomer.id) ? newcomer.id : newcomer.service;
  world.imageWaits.set(waiter, { node, generation: newcomer.generation, spec, by, refusal, notBefore });
  return true;
}

/**
 * makeRoom, but where equally few could leave a node that has the image, they do, and a node that was refused it is the last
 * choice.
 */
export function makeRoomWithImage(
  world: World,
  cluster: Cluster,
  request: PlacementRequest & Newcomer,
  { leavers, budget }: { readonly leavers: readonly Leaver[]; readonly budget?: Budget },
): readonly string[] | null {
  const going = makeRoom(cluster, request, leavers, budget);
  if (going === null || going.length === 0) return going;
  const standings = new Map<string, Standing['kind']>();
  const standing = ({ placement: { node } }: Leaver) => {
    const kind = standings.get(node) ?? standingOn(world, request, node).kind;
    standings.set(node, kind);
    return kind;
  };
  const chosen = standing(leavers.find(l => l.replicaId === going[0])!);
  if (chosen === 'there') return going;
  const among = (some: readonly Leaver[]) => (some.length > 0 ? makeRoom(cluster, request, some, budget) : null);
  const there = among(leavers.filter(l => standing(l) === 'there'));
  if (there !== null && (there.length <= going.length || chosen !== 'awaited')) return there;
  if (chosen === 'awaited') return going;
  return among(leavers.filter(l => standing(l) === 'awaited')) ?? going;
}

/** What is told of a wait to whoever waits. */
export function reasonOf({ node, spec, by, refusal }: ImageWait): PendingReason {
  const reason = { kind: 'image_first' as const, image: spec.image, node, by };
  return refusal === null ? reason : { ...reason, refusal };
}

/** What a replica without a place waits for, or what its siblings wait for before one gives way; undefined: nothing. */
export function waitOf({ imageWaits }: World, { id, service, generation }: Replica): ImageWait | undefined {
  const wait = imageWaits.get(id) ?? imageWaits.get(service);
  return wait?.generation === generation ? wait : undefined;
}

/**
 * That its image cannot be had, where that ends it as it would with a place: by its service's budget for starts, if anybody
 * draws conclusions from it or nobody serves meanwhile. Else it is asked for again, now and then. Null: it does not end it.
 */
export function endOfWait(world: World, replica: Replica, { node, spec, refusal }: ImageWait): Cause | null {
  const service = world.services.get(replica.service);
  const { startAttempts } = spec.restart;
  if (refusal === null || startAttempts === null || service?.rollout.kind !== 'progressing') return null;
  if (service.generation !== replica.generation) return null;
  const isJudged = service.rollout.previous !== null && service.spec.update.onFailure !== 'continue';
  if (!isJudged && world.ofService(replica.service).some(isHeldUp)) return null;
  const effect = world.observed.effects.get(actionKey(pullAction(node, spec)));
  if (startAttempts > 1 && effect?.kind !== 'failed') return null;
  const refusedForMs = effect?.kind === 'failed' ? effect.at - (effect.firstAt ?? effect.at) : 0;
  let patienceMs = 0;
  for (let failures = 1; failures < startAttempts && patienceMs <= refusedForMs; failures += 1)
    patienceMs += backoffDelayMs(replica.id, failures);
  if (refusedForMs < patienceMs) return null;
  const message = world.observed.nodes.size > 1 ? `on node ${node}: ${refusal}` : refusal;
  return { kind: 'image', message, logTail: [] };
}

function isHeldUp({ phase }: Replica): boolean {
  return phase.kind !== 'pending' && phase.kind !== 'failed' && phase.kind !== 'stopped';
}

type Standing =
  | { readonly kind: 'there' }
  | { readonly kind: 'awaited' }
  /** Its pull went wrong, and is tried again. */
  | { readonly kind: 'troubled' }
  | { readonly kind: 'refused'; readonly refusal: string; readonly notBefore: number };

function standingOn(world: World, newcomer: Newcomer, name: string): Standing {
  const { observed } = world;
  const spec = world.specOf(newcomer);
  const node = observed.nodes.get(name);
  const image = observed.images.get(imageKey(pullAction(name, spec)));
  if (spec.pullPolicy === 'always') {
    if (image?.kind === 'present' && image.at >= wantedSince(world, newcomer)) return { kind: 'there' };
  } else {
    if (image?.kind === 'present') return { kind: 'there' };
    // A listing does not say for which platform it has an image.
    const isListed = node !== undefined && spec.platform === undefined && hasImage(node, spec.image);
    if (isListed && (image?.kind !== 'failed' || !new AbsentImages(observed.images).isAbsent(node, spec)))
      return { kind: 'there' };
  }
  if (image?.kind !== 'failed') return { kind: 'awaited' };
  const waitsSince = world.replicas.get(newcomer.id)?.phase.since ?? wantedSince(world, newcomer);
  // What went wrong before it was waited for is tried anew.
  if (image.at < waitsSince) return { kind: 'awaited' };
  if (!isFinal(image.code)) return { kind: 'troubled' };
  return { kind: 'refused', refusal: image.message, notBefore: image.at + REFUSED_PAUSE_MS };
}

/**
 * From when on a pull is good enough for an image that is always pulled. For one that is made only once another has left, it
 * is that its service was last wanted: nothing that lasts says when it is waited for.
 */
function wantedSince({ services, replicas }: World, { id, service }: Newcomer): number {
  const wanted = services.get(service);
  const replica = replicas.get(id);
  const since = replica ? pulledSince(wanted, replica) : Number.POSITIVE_INFINITY;
  if (Number.isFinite(since)) return since;
  return wanted?.rollout.kind === 'progressing' ? wanted.rollout.since : (wanted?.acceptedAt ?? 0);
}

/** A registry that refuses an image seldom has it soon. */
const REFUSED_PAUSE_MS = 60_000;
