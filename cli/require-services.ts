import { OutriggerError } from '../control-plane/core/errors.ts';
import type { ServiceView } from '../control-plane/views/views.ts';

/** Names on a command line that mean nothing are mistakes, also beside others that do. @throws OutriggerError `not_found` */
export function requireServices(names: readonly string[], running: readonly ServiceView[], namespace: string): void {
  const unknown = names.filter(name => !running.some(service => service.name === name));
  if (unknown.length === 0) return;
  const others = running.map(s => s.name).join(', ');
  throw noSuchService(namespace, unknown, others === '' ? undefined : `Project "${namespace}" runs: ${others}.`);
}

/** The one way in which every command says that nothing of this name is there. */
export function noSuchService(
  namespace: string,
  names: readonly string[],
  next = 'See "outrigger ps --all-projects".',
): OutriggerError {
  const all = names.map(name => `${namespace}/${name}`).join(', ');
  return new OutriggerError('not_found', `There is no service ${all}.`, { next });
}

/** The control plane's own words are for programs. */
export function inWords(error: unknown, namespace: string, names: readonly string[]): unknown {
  const isMissing = error instanceof OutriggerError && error.code === 'not_found' && names.length > 0;
  return isMissing ? noSuchService(namespace, names) : error;
}
