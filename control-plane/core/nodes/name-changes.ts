import { formerName } from './former-name.ts';

/**
 * What becomes of the nodes that there were, where names or ways are others now. One that is in none of the three stays
 * what it was.
 */
export interface NameChanges {
  /** Those that go on under another name: that name, by the name before. No two go on under one. */
  readonly goesOn: ReadonlyMap<string, string>;
  /** Those whose name another one goes on under: the name of its own that each leaves under, by the name before. */
  readonly deprived: ReadonlyMap<string, string>;
  /** Those that nobody names any more: they leave under the name that they have. */
  readonly leaving: ReadonlySet<string>;
}

/** A node as it was known by a name. */
export interface NodeBefore {
  /** How it was reached. */
  readonly way: string;
  /** Its own engine is what that way leads to, as far as is known; otherwise whatever has the way now may be another one. */
  readonly isOwn: boolean;
}

/**
 * A node goes on under another name where that is reached as it was, and neither way is one of two nodes. Everything
 * else that is known of renamings counts where the ways do not say otherwise.
 * @param before each node that there was, by its name
 * @param now how each node is reached that there is, by its name
 * @param answered nodes whose engine answered under another name: that name, by the name before
 */
export function nameChanges(
  before: ReadonlyMap<string, NodeBefore>,
  now: ReadonlyMap<string, string>,
  answered: ReadonlyMap<string, string> = new Map(),
): NameChanges {
  const goesOn = sameWays(before, now);
  const taken = new Set(goesOn.values());
  for (const [from, to] of answered) {
    if (from === to || !before.has(from) || !now.has(to) || goesOn.has(from) || taken.has(to)) continue;
    goesOn.set(from, to);
    taken.add(to);
  }
  const others = [...before].filter(([name]) => !goesOn.has(name));
  return {
    goesOn,
    deprived: new Map(
      others.filter(([name]) => taken.has(name)).map(([name, { way }]) => [name, formerName(name, way)]),
    ),
    leaving: new Set(others.filter(([name]) => !now.has(name)).map(([name]) => name)),
  };
}

function sameWays(before: ReadonlyMap<string, NodeBefore>, now: ReadonlyMap<string, string>): Map<string, string> {
  const goesOn = new Map<string, string>();
  const own = [...before].filter(([, { isOwn }]) => isOwn);
  const namesBefore = Map.groupBy(own, ([, { way }]) => way);
  const namesNow = Map.groupBy(now.keys(), name => now.get(name)!);
  for (const [way, [first, ...alike]] of namesBefore) {
    const [to, ...others] = namesNow.get(way) ?? [];
    if (first === undefined || to === undefined || alike.length + others.length > 0) continue;
    if (to !== first[0]) goesOn.set(first[0], to);
  }
  return goesOn;
}
