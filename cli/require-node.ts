import { OutriggerError } from '../control-plane/core/errors.ts';
import type { NodeView } from '../control-plane/views/views.ts';

/** The node of this name. @throws OutriggerError `not_found`, with the names that there are */
export function requireNode(nodes: readonly NodeView[], name: string): NodeView {
  const node = nodes.find(n => n.name === name);
  if (node) return node;
  throw new OutriggerError('not_found', `There is no node "${name}".`, {
    next: `There are: ${nodes.map(n => n.name).join(', ') || 'none'}.`,
  });
}
