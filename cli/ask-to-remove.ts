import type { ServiceRef } from '../control-plane/control-plane.ts';
import { OutriggerError } from '../control-plane/core/errors.ts';
import { isUnreachable } from './http-exchange.ts';
import type { RemoveServices } from './remove-services.ts';

/**
 * Asks for the removal, and once more where the control plane was killed over it: what was asked of it may have been
 * carried out by then, so that what is not there any more is gone as it should be.
 * @returns what is gone or on its way out, and whether the control plane that said so ends by itself
 */
export async function askToRemove(
  request: RemoveServices,
  revive: (() => Promise<unknown>) | undefined,
): Promise<{ exitWhenIdle: boolean; removed: readonly ServiceRef[] }> {
  const { client, namespace, hurry, askedBy } = request;
  const patience = () => AbortSignal.any([AbortSignal.timeout(CALL_TIMEOUT_MS), ...(hurry ? [hurry] : [])]);
  const isAll = request.names.length === 0;
  /** What was there before anything was asked. */
  let before = isAll ? request.known?.map(s => s.name) : request.names;
  let { names } = request;
  let losses = 0;
  let misses = 0;
  for (;;) {
    try {
      const { exitWhenIdle } = await client.status(patience());
      before ??= (await client.services(namespace, patience())).map(s => s.name);
      if (misses > 0) {
        const left = await client.services(namespace, patience());
        names = names.filter(name => left.some(s => s.name === name));
        if (names.length === 0) return { exitWhenIdle, removed: refs(namespace, before) };
      }
      const removed = await client.remove({ ...request, names }, patience());
      if (losses === 0 && misses === 0) return { exitWhenIdle, removed };
      if (askedBy !== undefined) {
        const staying = (await client.services(namespace, patience())).filter(s => !s.deleting).map(s => s.name);
        return { exitWhenIdle, removed: refs(namespace, before).filter(({ name }) => !staying.includes(name)) };
      }
      return { exitWhenIdle, removed: refs(namespace, [...before, ...removed.map(r => r.name)]) };
    } catch (error) {
      const isGone = !isAll && error instanceof OutriggerError && error.code === 'not_found';
      if (isGone && losses > 0 && ++misses < MOST_ATTEMPTS) continue;
      if (!isUnreachable(error) || revive === undefined || ++losses === MOST_ATTEMPTS) throw error;
      await revive();
    }
  }
}

function refs(namespace: string, names: readonly string[]): ServiceRef[] {
  return [...new Set(names)].map(name => ({ namespace, name }));
}

const MOST_ATTEMPTS = 3;

/** The longest that one answer of the control plane is waited for while the user is already waiting to get out. */
export const CALL_TIMEOUT_MS = 30_000;
