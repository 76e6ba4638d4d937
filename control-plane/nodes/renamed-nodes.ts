/**
 * Which nodes go on under another name: those whose engine is reached in the same way, by another name than before, and by
 * no other. Both maps: how each node is reached, by its name. Returns the name now by the name before.
 */
export function renamedNodes(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const renamed = new Map<string, string>();
  const namesBefore = Map.groupBy(before.keys(), name => before.get(name)!);
  const namesNow = Map.groupBy(now.keys(), name => now.get(name)!);
  for (const [connection, [name, ...alike]] of namesBefore) {
    const [to, ...others] = namesNow.get(connection) ?? [];
    if (name !== undefined && to !== undefined && alike.length + others.length === 0 && to !== name)
      renamed.set(name, to);
  }
  return renamed;
}
