import type { EffectState, ObservedNode } from '../observed.ts';

type Stop = Exclude<EffectState, { readonly kind: 'queued' }>;

/**
 * When the node of a stop first heard of it, by the Clock; null: what was said to it while it was silent was not heard. What
 * is under way may be answered now.
 */
export function heardAt(
  stop: EffectState | undefined,
  node: Pick<ObservedNode, 'answeringSince'> | undefined,
): number | null {
  if (stop === undefined || stop.kind === 'queued') return null;
  // Once it is known, no later silence changes it.
  if (stop.heardAt !== undefined) return stop.heardAt;
  const answeringSince = node?.answeringSince ?? Number.NEGATIVE_INFINITY;
  if (stop.kind !== 'under_way' && stop.at < answeringSince) return null;
  return Math.max(stop.firstAt ?? Number.NEGATIVE_INFINITY, answeringSince);
}

/**
 * The same where it is beyond doubt; null where its node may have fallen silent before it was told, which nobody has noticed.
 * @param begunAt its last try, by the Clock
 */
export function surelyHeardAt(stop: Stop, node: ObservedNode | undefined, begunAt: number): number | null {
  return node?.answering && isAnswered(stop, node.listedFrom > begunAt) ? heardAt(stop, node) : null;
}

/** @param isListed its node was listed since the last try was begun */
function isAnswered(stop: Stop, isListed: boolean): boolean {
  switch (stop.kind) {
    case 'under_way':
      return isListed;
    case 'settled':
      return true;
    case 'failed':
      // Whoever refuses it was told.
      return stop.code !== 'unavailable' && stop.code !== 'timeout';
    default:
      return stop satisfies never;
  }
}
