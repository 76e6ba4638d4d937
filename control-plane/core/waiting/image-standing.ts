import { pullAction } from '../actions.ts';
import { pulledSince } from '../lifecycle/pulled-since.ts';
import { isFinal } from '../lifecycle/until-ready.ts';
import { imageKey } from '../observed.ts';
import { AbsentImages } from '../placement/absent-images.ts';
import { hasImage } from '../placement/cluster-node.ts';
import type { Newcomer } from '../replica.ts';
import type { World } from '../world.ts';

/** How the image of a newcomer stands on a node where it has no place yet: whether it is there, and what to expect if not. */
export function imageStanding(world: World, newcomer: Newcomer, name: string): ImageStanding {
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

export type ImageStanding =
  | { readonly kind: 'there' }
  | { readonly kind: 'awaited' }
  /** Its pull went wrong, and is tried again. */
  | { readonly kind: 'troubled' }
  | { readonly kind: 'refused'; readonly refusal: string; readonly notBefore: number };

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
