import type { Replica } from '../replica.ts';
import type { Service } from '../service.ts';

/**
 * Since when a pull is good enough for a replica whose image is always pulled anew: since its update began, for its first
 * container, or since it waits for a place. Infinite: it is to be made since it has its place, as at another try there.
 */
export function pulledSince(
  service: Service | undefined,
  { generation, attempt, failures, timings }: Pick<Replica, 'generation' | 'attempt' | 'failures' | 'timings'>,
): number {
  const isFirst = attempt === 0 && failures === 0;
  if (isFirst && service?.rollout.kind === 'progressing' && service.generation === generation)
    return service.rollout.since;
  return timings.find(({ phase }) => phase === 'pending')?.at ?? Number.POSITIVE_INFINITY;
}
