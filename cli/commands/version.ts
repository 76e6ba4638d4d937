import { version as packageVersion } from '../../control-plane/version.ts';
import type { StatusView } from '../../control-plane/views/views.ts';
import { formatAddress } from '../address.ts';
import type { Context } from '../context.ts';
import { isUnreachable } from '../http-exchange.ts';
import { nodesFileLine } from '../nodes-file.ts';

/** This program's version and, where one answers, the control plane's. */
export async function version(context: Context, options: { short?: boolean }): Promise<void> {
  const client = packageVersion;
  if (options.short) {
    if (context.options.json) context.out.json({ client: { version: client, node: process.versions.node } });
    else context.out.line(client);
    return;
  }
  const controlClient = await context.client();
  let status: StatusView | null = null;
  let silence = '';
  try {
    status = await controlClient.status(context.signal, 2_000);
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    if (error.details['reason'] === 'EACCES') silence = '; this user may not open it';
  }
  if (context.options.json) {
    context.out.json({ client: { version: client, node: process.versions.node }, controlPlane: status });
    return;
  }
  context.out.line(`outrigger      ${client} (Node.js ${process.versions.node})`);
  const where = formatAddress(controlClient.address);
  context.out.line(
    status === null
      ? `control plane  none answers at ${where}${silence}`
      : `control plane  ${status.version} at ${where} (process ${status.pid}, registry ${status.registry.kind})`,
  );
  if (status === null) return;
  const { kind, healthy, message } = status.registry;
  if (!healthy) context.out.line(`registry       ${kind} is not well: ${message ?? 'it does not answer'}`);
  context.out.line(`nodes          ${nodesFileLine(status)}`);
}
