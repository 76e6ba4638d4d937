import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ServiceView } from '../control-plane/views/views.ts';

/** Names on a command line that mean nothing are mistakes, also beside others that do. @throws OutriggerError `not_found` */
export function requireServices(names: readonly string[], running: readonly ServiceView[], namespace: string): void {
  const unknown = names.filter(name => !running.some(service => service.name === name));
  if (unknown.length === 0) return;
  const quoted = unknown.map(name => `"${name}"`).join(', ');
  throw new OutriggerError('not_found', `Project "${namespace}" runs no service ${quoted}.`, {
    next: `It runs: ${running.map(s => s.name).join(', ') || 'none'}.`,
  });
}
