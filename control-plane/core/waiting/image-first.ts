import { actionKey, pullAction } from '../actions.ts';
import type { ImageWait } from '../image-wait.ts';
import { backoffDelayMs } from '../lifecycle/backoff.ts';
import type { PendingReason } from '../pending-reason.ts';
import type { Cluster, PlacementRequest } from '../placement/cluster.ts';
import type { Budget } from '../placement/exact-search.ts';
import { type Leaver, makeRoom } from '../placement/make-room.ts';
import type { Rejection } from '../placement/rejection.ts';
import type { Cause, Newcomer, Replica } from '../replica.ts';
import type { World } from '../world.ts';
import { type ImageStanding, imageStanding } from './image-standing.ts';

/**
 * Sees to it that the image of a newcomer is on the node where others would leave for it. If it is not there yet, it is pulled
 * first, and the wait is noted for the newcomer, or for its service where that is not made yet.
 * @param by whose going would make its place
 */
export function ensureImage(
  world: World,
  newcomer: Newcomer,
  { node, by }: { readonly node: string; readonly by: readonly string[] },
): 'there' | 'awaited' {
  const spec = world.specOf(newcomer);
  const standing = imageStanding(world, newcomer, node);
  if (standing.kind === 'there') return 'there';
  const { refusal, notBefore } = standing.kind === 'refused' ? standing : { refusal: null, notBefore: 0 };
  const waiter = world.replicas.has(newcomer.id) ? newcomer.id : newcomer.service;
  world.imageWaits.set(waiter, { node, generation: newcomer.generation, spec, by, refusal, notBefore });
  return 'awaited';
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
  const standings = new Map<string, ImageStanding['kind']>();
  const standing = ({ placement: { node } }: Leaver) => {
    const kind = standings.get(node) ?? imageStanding(world, request, node).kind;
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

/**
 * The wait of one that has no place as its image, which is never pulled, is on no node that suits it, where that may end it.
 * A node is asked anew for whoever came later than its answer: nobody waits until that is forgotten, and nobody who put the
 * image there since is told that it is missing. Undefined: it waits for something else.
 */
export function waitForAbsent(world: World, replica: Replica, rejections: readonly Rejection[]): ImageWait | undefined {
  if (world.specOf(replica).pullPolicy !== 'never' || !isConclusive(world, replica)) return undefined;
  const suited = [...Map.groupBy(rejections, r => r.node).values()].filter(of => !of.some(isUnsuited));
  const lacking = suited.flatMap(of => of.find(r => r.constraint === 'image')?.node ?? []);
  if (lacking.length === 0 || lacking.length < suited.length) return undefined;
  const unasked = lacking.find(node => imageStanding(world, replica, node).kind !== 'refused');
  ensureImage(world, replica, { node: unasked ?? lacking[0]!, by: [] });
  return waitOf(world, replica);
}

function isUnsuited({ constraint }: Rejection): boolean {
  return constraint === 'label' || constraint === 'unknown_constraint' || constraint === 'leaving';
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
  const { startAttempts } = spec.restart;
  if (refusal === null || startAttempts === null || !isConclusive(world, replica)) return null;
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

/** What becomes of its first start says something of its generation, or nobody serves until it does. */
function isConclusive(world: World, replica: Replica): boolean {
  const service = world.services.get(replica.service);
  if (service?.rollout.kind !== 'progressing' || service.generation !== replica.generation) return false;
  const isJudged = service.rollout.previous !== null && service.spec.update.onFailure !== 'continue';
  return isJudged || !world.ofService(replica.service).some(isHeldUp);
}

function isHeldUp({ phase }: Replica): boolean {
  return phase.kind !== 'pending' && phase.kind !== 'failed' && phase.kind !== 'stopped';
}
