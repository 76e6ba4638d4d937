/**
 * Under which a node goes on whose name another one has now. It is no name that a nodes file can give, and there is one for
 * each way to an engine.
 */
export function formerName(name: string, connection: string): string {
  return name.endsWith(` (${connection})`) ? name : `${name} (${connection})`;
}
