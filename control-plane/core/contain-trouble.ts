import type { ServiceKey } from './spec.ts';

/** Services that nothing is done for in this pass, and what each of them failed with. */
export type Troubles = ReadonlyMap<ServiceKey, string>;

/**
 * Services that a pass cannot be made with must not keep it from all the others: where the attempt throws, those that it
 * throws for are found by trying parts of them, and it is made without these. First those that it throws for by
 * themselves; where that is not enough, the smallest groups that it throws for together. Throws what the attempt threw
 * where it does so without any service, or for more groups than are looked for.
 * @param attempt pure; leaves alone the services that it is given
 */
export function containTrouble<T>(services: Iterable<ServiceKey>, attempt: (alone: Troubles) => T): T {
  try {
    return attempt(new Map());
  } catch (thrown) {
    const all = [...services];
    const failure: Failure = acting => {
      const alone = new Map(all.map(key => [key, '']));
      for (const key of acting) alone.delete(key);
      const result = tried(() => attempt(alone));
      return result.kind === 'failed' ? result.message : null;
    };
    if (failure([]) !== null) throw thrown;
    const troubles = new Map(culprits(all, failure));
    for (let groups = 0; groups <= MOST_GROUPS; groups += 1) {
      const result = tried(() => attempt(troubles));
      if (result.kind === 'made') return result.made;
      const group = smallestGroup(
        all.filter(key => !troubles.has(key)),
        failure,
      );
      const message = failure(group) ?? result.message;
      for (const key of group) troubles.set(key, message + besides(group, key));
    }
    throw thrown;
  }
}

function tried<T>(make: () => T): { kind: 'made'; made: T } | { kind: 'failed'; message: string } {
  try {
    return { kind: 'made', made: make() };
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

/** What a pass over these services alone throws; null: nothing. */
type Failure = (acting: readonly ServiceKey[]) => string | null;

/** Each of them costs a few passes for every doubling of the number of services. */
const MOST_GROUPS = 4;

/** Those that fail by themselves. */
function culprits(group: readonly ServiceKey[], failure: Failure): [ServiceKey, string][] {
  if (group.length === 0) return [];
  const message = failure(group);
  if (message === null) return [];
  if (group.length === 1) return [[group[0]!, message]];
  const half = group.length >> 1;
  return [...culprits(group.slice(0, half), failure), ...culprits(group.slice(half), failure)];
}

/**
 * Of a group that fails beside others that do not, some without any of which it would not: halves are given up where they
 * are not needed, as in QuickXplain (Junker 2004).
 */
function smallestGroup(
  group: readonly ServiceKey[],
  failure: Failure,
  beside: readonly ServiceKey[] = [],
): readonly ServiceKey[] {
  if (group.length <= 1) return group;
  const half = group.length >> 1;
  const [first, second] = [group.slice(0, half), group.slice(half)];
  const isFirstEnough = failure([...beside, ...first]) !== null;
  const ofSecond = isFirstEnough ? [] : smallestGroup(second, failure, [...beside, ...first]);
  const isSecondEnough = ofSecond.length > 0 && failure([...beside, ...ofSecond]) !== null;
  const ofFirst = isSecondEnough ? [] : smallestGroup(first, failure, [...beside, ...ofSecond]);
  return [...ofFirst, ...ofSecond];
}

function besides(group: readonly ServiceKey[], key: ServiceKey): string {
  const others = group.filter(k => k !== key);
  if (others.length === 0) return '';
  const more = others.length > MOST_NAMED ? ` and ${others.length - MOST_NAMED} more` : '';
  return ` (together with ${others.slice(0, MOST_NAMED).join(', ')}${more})`;
}

const MOST_NAMED = 3;
