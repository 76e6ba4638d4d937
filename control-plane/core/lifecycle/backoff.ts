/**
 * Restart back-off: 10 s, doubling to 5 min, ±10 % from the replica's id so that neighbours that fell together do not
 * return together. A run of 10 minutes ready forgives earlier failures; Docker's own policy would after 10 s, and a model
 * takes longer than that to load.
 */
export function backoffDelayMs(replicaId: string, failures: number): number {
  const doubled = FIRST_DELAY_MS * 2 ** Math.max(0, Math.min(failures - 1, 30));
  return Math.round(Math.min(doubled, LONGEST_DELAY_MS) * (1 + JITTER * spread(`${replicaId}:${failures}`)));
}

/** Failures in a row after one more, given how long the replica was ready before it (0: it was not). */
export function failuresAfter(failures: number, readyForMs: number): number {
  return readyForMs >= FORGIVEN_AFTER_READY_MS ? 1 : failures + 1;
}

export const FIRST_DELAY_MS = 10_000;
export const LONGEST_DELAY_MS = 300_000;
export const FORGIVEN_AFTER_READY_MS = 600_000;
const JITTER = 0.1;

/** A number in [-1, 1], the same for the same text (FNV-1a, 32 bits). */
function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return (hash / 0xffffffff) * 2 - 1;
}
