import { type ImageState, imageKey, type ObservedNode } from '../observed.ts';
import type { ServiceSpec } from '../spec.ts';
import { hasImage } from './cluster-node.ts';

/**
 * Images that a node was found not to have: those that are never pulled, whatever was known of it, and those whose pull was
 * refused there. Holds until the node lists the image, and else for a while only: an engine may know an image by a name
 * that it does not list, and a registry may have it later.
 */
export class AbsentImages {
  readonly #states: ReadonlyMap<string, ImageState>;
  /** No image is known to be absent anywhere, which is so nearly always. */
  readonly isEmpty: boolean;

  constructor(states: ReadonlyMap<string, ImageState>) {
    this.#states = states;
    this.isEmpty = ![...states.values()].some(isAbsent);
  }

  /** Never of a spec whose image is always pulled: having it is no use there. */
  isAbsent(node: ObservedNode, { image, pullPolicy, platform }: ServiceSpec): boolean {
    if (this.isEmpty || pullPolicy === 'always') return false;
    const key = imageKey({ node: node.name, image, policy: pullPolicy, ...(platform && { platform }) });
    const state = this.#states.get(key);
    if (state?.kind !== 'failed' || !isAbsent(state)) return false;
    const believedMs = pullPolicy === 'never' ? BELIEVED_MS : REFUSAL_MS;
    return node.listedFrom <= state.at + (hasImage(node, image) ? LISTED_AFTER_MS : believedMs);
  }
}

function isAbsent(state: ImageState): boolean {
  return state.kind === 'failed' && state.code === 'image_unavailable';
}

/** A listing may show names of images that were asked for a little earlier. */
const LISTED_AFTER_MS = 5_000;
const BELIEVED_MS = 30_000;
/** A registry that refuses an image seldom has it soon, and each further try is told as an event. */
const REFUSAL_MS = 5 * 60_000;
