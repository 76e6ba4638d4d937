import { OutriggerError } from '../../control-plane/core/errors.ts';
import type { NodeView } from '../../control-plane/views/views.ts';
import type { Context } from '../context.ts';
import { isUnreachable } from '../http-exchange.ts';
import { nodesFileLine } from '../nodes-file.ts';
import { deviceColumns, drainNotes, nodeColumns, nodeNotes } from '../render/nodes.ts';
import { renderTable } from '../render/table.ts';
import { wrap } from '../render/wrap.ts';

/** The nodes, what is held of them, and their devices with whoever holds them. */
export async function nodes(context: Context): Promise<void> {
  const { out, signal } = context;
  const client = await context.client();
  const [all, status] = await Promise.all([client.nodes(signal), client.status(signal)]).catch(error => {
    throw withoutControlPlane(error);
  });
  if (context.options.json) {
    out.json({ nodes: all });
    return;
  }
  const options = { width: out.width(), style: out.style };
  for (const line of renderTable(nodeColumns(Date.now()), all, options)) out.line(line);
  const devices = all.flatMap(node => node.devices.map(device => ({ node: node.name, device })));
  if (devices.length > 0) {
    out.line();
    for (const line of renderTable(deviceColumns(devices, { withNode: all.length > 1 }), devices, options))
      out.line(line);
  }
  const notes = [
    ...(status.nodesProblem ?? '').split('\n').map(text => ({ text, style: 'red' as const })),
    ...all.flatMap(node => nodeNotes(withoutTold(node, status.nodesProblem ?? ''), Date.now())),
    ...(all.some(isEmptying) ? drainNotes(all, await client.services(undefined, signal)) : []),
    ...(status.nodesFile === undefined
      ? []
      : [{ text: `nodes file: ${nodesFileLine(status)}`, style: 'dim' as const }]),
  ].filter(note => note.text !== '');
  if (notes.length > 0) out.line();
  for (const { text, style } of notes) {
    for (const line of wrap(text, out.width(), '  ')) out.line(out.style(style, line));
  }
}

/** What somebody wants to know before anything runs, doctor can tell. */
function withoutControlPlane(error: unknown): unknown {
  if (!isUnreachable(error)) return error;
  const { code, message, next = '', details } = error;
  const looked =
    '"outrigger doctor" shows the devices of this machine, "outrigger doctor --nodes FILE" those of a nodes file.';
  return new OutriggerError(code, message, { next: `${next} Before that, ${looked}`.trim(), details, cause: error });
}

function isEmptying({ state }: NodeView): boolean {
  return state === 'draining' || state === 'leaving';
}

/** What is wrong with its entry is told with its place in the file, and not once more as the reason of its silence. */
function withoutTold(node: NodeView, problem: string): NodeView {
  const { error, ...rest } = node;
  if (error === undefined) return node;
  const isTold = problem.split('\n').some(line => {
    const at = line.indexOf(`: nodes.${node.name}.`);
    return at >= 0 && error.startsWith(line.slice(line.indexOf(': ', at + 2) + 2));
  });
  return isTold ? rest : node;
}
