import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeView, ServiceView } from '../control-plane/views/views.ts';

export interface SilenceWait {
  readonly signal: AbortSignal;
  /** What is on its way out at present. */
  readonly leaving: () => readonly ServiceView[];
  readonly nodes: (signal: AbortSignal) => Promise<readonly NodeView[]>;
  /** How long it has to be so without a break. */
  readonly forMs: number;
  /** How often it is looked at. */
  readonly everyMs: number;
}

/**
 * Resolves once all that is on its way out has waited for nodes that do not answer, and for nothing else, for `forMs`:
 * that may last for ever. Resolves to nothing but silence; rejects with the signal's reason.
 */
export async function waitForSilence({ signal, leaving, nodes, forMs, everyMs }: SilenceWait): Promise<void> {
  let sinceMs: number | null = null;
  for (;;) {
    await sleep(everyMs, undefined, { signal, ref: false });
    // Whoever is asked may be away for a moment, which says nothing about the nodes.
    const known = await nodes(signal).catch(() => null);
    signal.throwIfAborted();
    if (known === null || !waitsForSilentNodes(leaving(), known)) {
      sinceMs = null;
      continue;
    }
    sinceMs ??= performance.now();
    if (performance.now() - sinceMs >= forMs) return;
  }
}

function waitsForSilentNodes(leaving: readonly ServiceView[], nodes: readonly NodeView[]): boolean {
  const silent = new Set(nodes.filter(n => n.silentSinceMs !== undefined).map(n => n.name));
  if (silent.size === 0 || leaving.length === 0) return false;
  // Without a replica, only networks and volumes are left to be removed.
  return leaving.every(s => s.replicas.every(r => r.node !== undefined && silent.has(r.node)));
}
