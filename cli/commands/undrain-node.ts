import type { Context, ProjectOptions } from '../context.ts';
import { requireNode } from '../require-node.ts';

export interface UndrainOptions extends ProjectOptions {
  device?: string;
}

/** The node takes replicas again; with `--device`, that device of it does. */
export async function undrainNode(
  context: Context,
  given: string | undefined,
  { device }: UndrainOptions,
): Promise<void> {
  const { out, err, signal } = context;
  const client = await context.client();
  const before = requireNode(await client.nodes(signal), given);
  const { name } = before;
  const node = await client.undrainNode(name, device === undefined ? {} : { device }, signal);
  if (context.options.json) {
    out.json(node);
    return;
  }
  if (device !== undefined) {
    const released = before.devices.find(
      d => d.state === 'quarantined' && node.devices.some(n => n.id === d.id && n.state !== 'quarantined'),
    );
    const meant = released ?? node.devices.find(d => [d.id, d.index, d.uuid].includes(device));
    const outcome = released ? 'is given to replicas again' : 'was not quarantined';
    err.line(`${meant?.id ?? device} on ${name} ${outcome}`);
    return;
  }
  err.line(before.drainingSinceMs === undefined ? `${name} was not drained` : `${name} takes replicas again`);
}
