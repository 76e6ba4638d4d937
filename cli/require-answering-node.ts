import { OutriggerError } from '../control-plane/core/errors.ts';
import { isEmbeddedAddress } from './connect.ts';
import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { endStarted } from './embedded-control-plane.ts';
import type { FirstLook } from './first-look.ts';

/**
 * Rejects with `unavailable`, in the engine's own words, where no node answers: a person who starts something wants to
 * know that at once rather than wait for it. Services that run already are the control plane's to look after.
 * @param seen what it said a moment ago, if it did
 */
export async function requireAnsweringNode(
  context: Context,
  client: ControlClient,
  seen: FirstLook | null,
): Promise<void> {
  const { signal } = context;
  if (seen?.nodes.some(n => n.answering)) return;
  const nodes = await client.nodes(signal);
  if (nodes.some(n => n.answering)) return;
  const engineOfThis = await whoseEngine(context, client);
  throw new OutriggerError('unavailable', 'No node answers, so nothing can be started:', {
    details: { reasons: nodes.map(n => `${n.name}: ${n.error ?? 'it has not answered yet'}`) },
    next: `mend that and try again; "outrigger doctor" checks Docker and says more${engineOfThis}`,
  });
}

/** One that ran before speaks to the engine of the command that started it, whatever this one's environment says. */
async function whoseEngine(context: Context, client: ControlClient): Promise<string> {
  if (await endStarted(client)) return '';
  const { environment, options } = context;
  const named = ['DOCKER_HOST', 'DOCKER_CONTEXT'].find(name => environment[name]);
  if (named === undefined || !isEmbeddedAddress(options, context)) return '';
  const { pid, exitWhenIdle } = await client.status(context.signal);
  const end = `end it with "kill ${pid}"${exitWhenIdle ? '' : ', start it with yours'} and try again; what runs is left as it is`;
  return `. The control plane ran before this command, with the engine of whoever started it; for ${named} of yours, ${end}`;
}
