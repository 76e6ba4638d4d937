import { OutriggerError } from '../control-plane/core/errors.ts';
import type { NodeView } from '../control-plane/views/views.ts';
import { usageError } from './usage-error.ts';

/**
 * The node of this name.
 * @throws OutriggerError `not_found`, or a usage error where there is no name, with the names that there are
 */
export function requireNode(nodes: readonly NodeView[], name: string | undefined): NodeView {
  if (name === undefined) throw usageError('Which node?', thereAre(nodes));
  const node = nodes.find(n => n.name === name);
  if (node) return node;
  throw new OutriggerError('not_found', `There is no node "${name}".`, {
    next: thereAre(nodes),
  });
}

function thereAre(nodes: readonly NodeView[]): string {
  return `There are: ${nodes.map(n => n.name).join(', ') || 'none'}.`;
}
