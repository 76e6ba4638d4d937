import type { ServiceKey } from './spec.ts';

/** Services that nothing is done for in this pass, and what each of them failed with. */
export type Troubles = ReadonlyMap<ServiceKey, string>;

/**
 * One service that a pass cannot be made with must not keep it from all the others: where the attempt throws, those that
 * it throws for are found by trying parts of them, and it is made without these. Throws what the attempt threw where no
 * single service is at fault.
 * @param attempt pure; leaves alone the services that it is given
 */
export function containTrouble<T>(services: Iterable<ServiceKey>, attempt: (alone: Troubles) => T): T {
  try {
    return attempt(new Map());
  } catch (thrown) {
    const all = [...services];
    const failure = (acting: readonly ServiceKey[]): string | null => {
      const alone = new Map(all.map(key => [key, '']));
      for (const key of acting) alone.delete(key);
      try {
        attempt(alone);
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    };
    if (failure([]) !== null) throw thrown;
    const troubles = new Map(culprits(all, failure));
    if (troubles.size === 0) throw thrown;
    return attempt(troubles);
  }
}

function culprits(
  group: readonly ServiceKey[],
  failure: (acting: readonly ServiceKey[]) => string | null,
): [ServiceKey, string][] {
  if (group.length === 0) return [];
  const message = failure(group);
  if (message === null) return [];
  if (group.length === 1) return [[group[0]!, message]];
  const half = group.length >> 1;
  return [...culprits(group.slice(0, half), failure), ...culprits(group.slice(half), failure)];
}
