import { distance } from 'fastest-levenshtein';

/** The known key that was probably meant, or undefined where none is near. */
export function nearestKey(found: string, known: Iterable<string>): string | undefined {
  if (found.length > 64) return undefined;
  const wanted = normal(found);
  const allowed = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  let best: { key: string; edits: number } | undefined;
  for (const key of known) {
    // The beginning of a key ("prot") is as near as one slip.
    const edits = wanted.length > 2 && normal(key).startsWith(wanted) ? 1 : distance(wanted, normal(key));
    if (edits <= allowed && (best === undefined || edits < best.edits)) best = { key, edits };
  }
  return best?.key;
}

/** camelCase and kebab-case are the commonest way to miss a snake_case key. */
function normal(key: string): string {
  return key
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
}
