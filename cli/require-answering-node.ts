import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ControlClient } from './control-client.ts';
import type { FirstLook } from './first-look.ts';

/**
 * Rejects with `unavailable`, in the engine's own words, where no node answers: a person who starts something wants to
 * know that at once rather than wait for it. Services that run already are the control plane's to look after.
 * @param seen what it said a moment ago, if it did
 */
export async function requireAnsweringNode(
  client: ControlClient,
  seen: FirstLook | null,
  signal: AbortSignal,
): Promise<void> {
  if (seen?.nodes.some(n => n.answering)) return;
  const nodes = await client.nodes(signal);
  if (nodes.some(n => n.answering)) return;
  throw new OutriggerError('unavailable', 'No node answers, so nothing can be started:', {
    details: { reasons: nodes.map(n => `${n.name}: ${n.error ?? 'it has not answered yet'}`) },
    next: 'mend that and try again; "outrigger doctor" checks Docker and says more',
  });
}
